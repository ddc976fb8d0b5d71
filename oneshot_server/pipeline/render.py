"""Words and seeds to waveforms: the model's whole way, one batch at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from oneshot_server.domain.parameters import Sampler
from oneshot_server.dsp.inversion import mel_to_waveform
from oneshot_server.pipeline.decoding import latents_to_mels
from oneshot_server.pipeline.draw import Draw
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.prompt import Understood, complete, recall, understand
from oneshot_server.pipeline.prompt_weights import prompt_to_embedding, without_weights
from oneshot_server.pipeline.reshape import Start, slerp
from oneshot_server.pipeline.sampling import (
    OnStep,
    draws_to_noise,
    noise_to_latents,
    seeds_to_generators,
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
    """A prompt in the model's words; a model without a vocabulary takes it as it is.

    Raises:
        BadArgumentsError: a weight in the prompt is out of its range.
    """
    text = without_weights(prompt)
    if model.words is None:
        return Understood(words=(prompt,) if text.strip() else (), unknown=())
    return understand(text, model.words)


def prompts_to_embeddings(prompts: Sequence[str], model: Model) -> torch.Tensor:
    """Prompts or captions to what the UNet attends to, (batch, tokens, width).

    Only a model that takes any text knows weights; the words of a vocabulary have none.
    """
    if model.words is not None:
        return texts_to_embeddings(prompts, model)
    if all(prompt == without_weights(prompt) for prompt in prompts):
        return texts_to_embeddings(prompts, model)
    known = {prompt: prompt_to_embedding(prompt, model) for prompt in dict.fromkeys(prompts)}
    return torch.cat([known[prompt] for prompt in prompts])


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
    sampler: Sampler | None = None,
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
        sampler: the model's own if ``None``.

    Raises:
        BadArgumentsError: more steps than the sampler can do.
    """
    draws = [Draw(prompt=prompt, negative=negative, seed=seed) for seed in seeds]
    return render_draws(
        draws, model, steps=steps, guidance=guidance, on_step=on_step, sampler=sampler
    )


@torch.inference_mode()
def render_draws(
    draws: Sequence[Draw],
    model: Model,
    *,
    steps: int,
    guidance: float,
    on_step: OnStep,
    sampler: Sampler | None = None,
    on_sound: Callable[[], None] = lambda: None,
    start: Start | None = None,
) -> Sounds:
    """Render one sound for each draw, as ``render_batch``.

    Args:
        draws: words and seeds.
        model: the model.
        steps: sampler steps.
        guidance: guidance scale.
        on_step: told before each step; may raise to stop.
        sampler: its name; ``None`` for the model's.
        on_sound: told before each waveform is made; may raise to stop.
        start: where all of them begin; ``None`` for noise alone.
    """
    generators = seeds_to_generators([draw.independent[0] for draw in draws])
    if start is not None and not draws[0].prompt:
        captions, embeddings = _start_to_embeddings(start, len(draws), model)
    else:
        captions, embeddings = _draws_to_embeddings(draws, model)
    away = [" ".join(prompt_to_words(draw.negative, model).words) for draw in draws]
    latents = noise_to_latents(
        draws_to_noise(draws, generators, model),
        embeddings,
        prompts_to_embeddings(away, model),
        model,
        steps=steps,
        guidance=guidance,
        on_step=on_step,
        sampler=sampler,
        generators=generators,
        start=start.latents.expand(len(draws), -1, -1, -1) if start else None,
        strength=start.strength if start else 1.0,
        kept=start.kept.columns if start and start.kept else None,
    )
    mels = latents_to_mels(latents, model)
    if start is not None and start.kept is not None:
        mels = torch.where(start.kept.frames, start.kept.mel_db, mels)
    waveforms = []
    for mel in mels.split(1):
        on_sound()
        waveforms.append(
            mel_to_waveform(
                mel,
                model.card.profile,
                heard=start.heard if start else None,
            )
        )
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
    embeddings = prompts_to_embeddings(here, model)
    if here == there:
        return tuple(here), embeddings
    shares = embeddings.new_tensor([draw.share for draw in draws])[:, None, None]
    embeddings = torch.lerp(embeddings, prompts_to_embeddings(there, model), shares)
    captions = (
        a if a == b else f"{a} → {b} {draw.share:.0%}"
        for a, b, draw in zip(here, there, draws, strict=True)
    )
    return tuple(captions), embeddings


def _start_to_embeddings(
    start: Start, count: int, model: Model
) -> tuple[tuple[str, ...], torch.Tensor]:
    """What the model is told of the sounds that a batch begins from, as ``_draws_to_embeddings``.

    Nothing is filled in: what is left open is in the sounds.
    """
    here, there = (recall(text, model.words) for text in start.told)
    embeddings = slerp(
        prompts_to_embeddings([here], model), prompts_to_embeddings([there], model), start.share
    )
    caption = here if here == there else f"{here} → {there} {start.share:.0%}"
    return (caption,) * count, embeddings.expand(count, -1, -1)
