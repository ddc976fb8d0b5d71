"""Words and seeds to waveforms: the model's whole way, one batch at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from oneshot_server.dsp.image import image_to_mel
from oneshot_server.dsp.inversion import mel_to_waveform
from oneshot_server.pipeline.draw import Draw
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.prompt import Understood, complete, understand
from oneshot_server.pipeline.sampling import (
    OnStep,
    draws_to_noise,
    noise_to_latents,
    texts_to_embeddings,
)


@dataclass(frozen=True, kw_only=True)
class Sounds:
    """What a batch became.

    Attributes:
        waveforms: (batch, samples), float32 on the CPU, not finished yet.
        captions: what the model was told for each.
    """

    waveforms: torch.Tensor
    captions: tuple[str, ...]


def prompt_to_words(prompt: str, model: Model) -> Understood:
    """A prompt in the model's words; a model without a vocabulary takes it as it is."""
    if model.words is None:
        return Understood(words=(prompt,) if prompt else (), unknown=())
    return understand(prompt, model.words)


def prompt_to_captions(prompt: str, seeds: Sequence[int], model: Model) -> tuple[str, ...]:
    """What the model is told for each seed: the prompt, and what it leaves open filled in."""
    said = prompt_to_words(prompt, model).words
    if model.words is None:
        return (" ".join(said),) * len(seeds)
    return tuple(" ".join(complete(said, model.words, seed=seed)) for seed in seeds)


def render_batch(
    prompt: str,
    negative: str,
    seeds: Sequence[int],
    model: Model,
    *,
    steps: int,
    guidance: float,
    on_step: OnStep,
) -> Sounds:
    """Render one sound for each seed.

    Args:
        prompt: free text.
        negative: free text to keep away from.
        seeds: of each sound; together they are the batch whose shape the last bits depend on.
        model: the model.
        steps: sampler steps.
        guidance: guidance scale.
        on_step: told before each step; may raise to stop.
    """
    draws = [Draw(prompt=prompt, negative=negative, seed=seed) for seed in seeds]
    return render_draws(draws, model, steps=steps, guidance=guidance, on_step=on_step)


@torch.inference_mode()
def render_draws(
    draws: Sequence[Draw],
    model: Model,
    *,
    steps: int,
    guidance: float,
    on_step: OnStep,
    on_sound: Callable[[], None] = lambda: None,
) -> Sounds:
    """Render one sound for each draw, as ``render_batch``.

    Args:
        draws: words and seeds.
        model: the model.
        steps: sampler steps.
        guidance: guidance scale.
        on_step: told before each step; may raise to stop.
        on_sound: told before each waveform is made; may raise to stop.
    """
    captions, embeddings = _draws_to_embeddings(draws, model)
    away = [" ".join(prompt_to_words(draw.negative, model).words) for draw in draws]
    latents = noise_to_latents(
        draws_to_noise(draws, model),
        embeddings,
        texts_to_embeddings(away, model),
        model,
        steps=steps,
        guidance=guidance,
        on_step=on_step,
    )
    waveforms = []
    for mel in latents_to_mels(latents, model).split(1):
        on_sound()
        waveforms.append(mel_to_waveform(mel, model.card.profile))
    return Sounds(waveforms=torch.cat(waveforms), captions=captions)


def _draws_to_embeddings(
    draws: Sequence[Draw], model: Model
) -> tuple[tuple[str, ...], torch.Tensor]:
    """What the model is told, in words and as (batch, tokens, width).

    A walk goes from one completed prompt to the next, too, or it would jump where they change.
    """
    here, there = (
        [prompt_to_captions(draw.prompt, [draw.independent[end]], model)[0] for draw in draws]
        for end in (0, 1)
    )
    embeddings = texts_to_embeddings(here, model)
    if here == there:
        return tuple(here), embeddings
    shares = embeddings.new_tensor([draw.share for draw in draws])[:, None, None]
    embeddings = torch.lerp(embeddings, texts_to_embeddings(there, model), shares)
    captions = (
        a if a == b else f"{a} → {b} {draw.share:.0%}"
        for a, b, draw in zip(here, there, draws, strict=True)
    )
    return tuple(captions), embeddings


def latents_to_waveforms(latents: torch.Tensor, model: Model) -> torch.Tensor:
    """(batch, channels, rows, columns) to (batch, samples), on the CPU."""
    return mel_to_waveform(latents_to_mels(latents, model), model.card.profile)


def latents_to_mels(latents: torch.Tensor, model: Model) -> torch.Tensor:
    """(batch, channels, rows, columns) to (batch, mels, frames), dB, on the CPU."""
    images = model.vae.decode(latents / model.vae.config.scaling_factor).sample
    return image_to_mel(images.float().cpu(), model.card.profile)
