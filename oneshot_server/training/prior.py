"""The base model's own sounds: what a LoRA must leave as it is.

The base model renders sounds for other prompts than the dataset's. What it answered on the way is
kept, noised latents and prediction, and the LoRA is held to the same answers. That is nearer to
"other prompts sound the same" than new noise on finished sounds would be, and costs no call of the
UNet: the answers were needed anyway to render.
"""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from oneshot_server.library.atomic_file import write_atomically
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.prompt import complete
from oneshot_server.pipeline.sampling import make_scheduler, seeds_to_noise, steady_sampler
from oneshot_server.training.captions import Embeddings

SOUNDS: Final = 32
LISTENED: Final = 12  # of them are only used to measure with
TOGETHER: Final = 4
FEWEST_STEPS: Final = 8
ANY_WORDS: Final = (
    "kick drum",
    "snare drum",
    "closed hi-hat",
    "open hi-hat",
    "clap",
    "tom",
    "cymbal",
    "cowbell",
    "shaker",
    "bass note",
    "piano note",
    "synth stab",
    "plucked string",
    "bell",
    "voice",
    "noise",
)
"""Prompts for models that bring no vocabulary."""


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What the base model makes of other prompts.

    Attributes:
        noisy: (answers, channels, rows, columns), on the way from noise to sounds.
        timesteps: (answers,), how far each still was.
        predicted: (answers, channels, rows, columns), what the base model said to each.
        captions: of each answer.
        sounds: (sounds, channels, rows, columns), others, never trained on.
        sound_captions: of each of ``sounds``.
    """

    noisy: torch.Tensor
    timesteps: torch.Tensor
    predicted: torch.Tensor
    captions: tuple[str, ...]
    sounds: torch.Tensor
    sound_captions: tuple[str, ...]


def other_captions(kinds: Sequence[str], model: Model, seed: int) -> tuple[str, ...]:
    """Captions for the base model's own sounds, of kinds that the dataset has not.

    Args:
        kinds: of the dataset's sounds.
        model: the base model.
        seed: draws them.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret
    if model.words is None:
        return tuple(ANY_WORDS[i % len(ANY_WORDS)] for i in range(SOUNDS))
    others = [kind for kind in model.words.classes if kind not in kinds]
    others = [kind for kind in others if kind in model.words.captions] or list(model.words.classes)
    draw.shuffle(others)
    return tuple(
        " ".join(complete((others[i % len(others)],), model.words, seed=draw.randrange(2**31)))
        for i in range(SOUNDS)
    )


def get_prior(
    folder: Path,
    captions: Sequence[str],
    model: Model,
    embeddings: Embeddings,
    *,
    seed: int,
    check: Callable[[], None],
) -> Prior:
    """Read the prior from a folder, or render it and keep it there.

    Args:
        folder: of the cache.
        captions: from ``other_captions``.
        model: the base model, without any LoRA.
        embeddings: of that model.
        seed: of the noise.
        check: called before each step of the sampler; may raise to stop.

    Raises:
        DiskFullError: no space left to keep it.
        ForbiddenError: the folder cannot be written.
    """
    identity = msgspec.json.encode((model.hash, tuple(captions), seed, LISTENED, FEWEST_STEPS))
    path = folder / f"prior-{hashlib.sha256(identity).hexdigest()[:32]}.safetensors"
    try:
        tensors = load(path.read_bytes())
        owners = [int(owner) for owner in tensors.pop("owners")]
    except (OSError, SafetensorError, KeyError):
        tensors, owners = _render(captions, model, embeddings, seed=seed, check=check)
        write_atomically(path, save({**tensors, "owners": torch.tensor(owners)}))
    return Prior(
        **tensors,
        captions=tuple(captions[owner] for owner in owners),
        sound_captions=tuple(captions[:LISTENED]),
    )


@torch.no_grad()
def _render(
    captions: Sequence[str],
    model: Model,
    embeddings: Embeddings,
    *,
    seed: int,
    check: Callable[[], None],
) -> tuple[dict[str, torch.Tensor], list[int]]:
    """Render without guidance, as that narrows what the model makes of a prompt."""
    noisy: list[torch.Tensor] = []
    timesteps: list[int] = []
    predicted: list[torch.Tensor] = []
    sounds: list[torch.Tensor] = []
    owners: list[int] = []
    for start in range(0, len(captions), TOGETHER):
        part = range(start, min(start + TOGETHER, len(captions)))
        words = embeddings([captions[i] for i in part])
        scheduler = make_scheduler(model, steady_sampler(model))
        # Another number of steps each time, so that all noise levels have answers.
        scheduler.set_timesteps(FEWEST_STEPS + start // TOGETHER, device=model.device)
        latents = seeds_to_noise([seed + i for i in part], model) * scheduler.init_noise_sigma
        for timestep in scheduler.timesteps:
            check()
            scaled = scheduler.scale_model_input(latents, timestep)
            # A UNet whose channels lie last answers so, too; a checkpoint takes no such tensors.
            answer = model.unet(scaled, timestep, words).sample.contiguous()
            if part[-1] >= LISTENED:
                noisy.append(scaled.float().cpu())
                predicted.append(answer.float().cpu())
                timesteps.extend([int(timestep)] * len(part))
                owners.extend(part)
            latents = scheduler.step(answer, timestep, latents).prev_sample
        if part[-1] < LISTENED:
            sounds.append(latents.float().cpu())
    return {
        "noisy": torch.cat(noisy),
        "timesteps": torch.tensor(timesteps),
        "predicted": torch.cat(predicted),
        "sounds": torch.cat(sounds),
    }, owners
