"""Four sounds to hear what a LoRA does, rendered with what is in the UNet at the moment."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import torch
from accelerate import Accelerator

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.dsp.defects import find_defect
from oneshot_server.dsp.finish import finish
from oneshot_server.library.atomic_file import write_atomically
from oneshot_server.library.file_names import prompt_to_words as prompt_to_file_name
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.pipeline.decoding import latents_to_waveforms
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.sampling import noise_to_latents, seeds_to_noise, steady_sampler
from oneshot_server.training.captions import Embeddings

COUNT: Final = 4
MOST_TRIES: Final = 4
SUBTYPE: Final = "PCM_24"


def choose_captions(captions: Sequence[str]) -> tuple[str, ...]:
    """Four of a dataset's captions, as unlike as they come in order."""
    different = tuple(dict.fromkeys(captions)) or ("",)
    return tuple(different[i * len(different) // COUNT] for i in range(COUNT))


@torch.no_grad()
def write_auditions(
    folder: Path,
    captions: Sequence[str],
    model: Model,
    embeddings: Embeddings,
    *,
    seed: int,
    accelerator: Accelerator,
    check: Callable[[], None],
) -> None:
    """Render a sound for each caption and write them, finished, as WAV files.

    A sound that comes out broken is tried again with other noise, and at last left out.

    Raises:
        DiskFullError, ForbiddenError: they cannot be written.
    """
    left = list(enumerate(captions))
    for attempt in range(MOST_TRIES):
        if not left:
            return
        with accelerator.autocast():
            latents = noise_to_latents(
                seeds_to_noise([seed + attempt * len(captions) + i for i, _ in left], model),
                embeddings([caption for _, caption in left]),
                embeddings([""] * len(left)),
                model,
                steps=model.card.steps,
                guidance=model.card.guidance,
                on_step=lambda _step, _steps: check(),
                sampler=steady_sampler(model),
            )
        waveforms = latents_to_waveforms(latents.float(), model)
        again = []
        for (number, caption), waveform in zip(left, waveforms, strict=True):
            sample_rate = model.card.profile.sample_rate
            if find_defect(waveform, sample_rate):
                again.append((number, caption))
                continue
            finished = finish(waveform, sample_rate, FinishOptions())
            wav = encode_wav(finished.numpy(), sample_rate, SUBTYPE)
            name = f"audition_{number + 1}_{prompt_to_file_name(caption)}.wav"
            write_atomically(folder / name, wav)
        left = again
