"""Latents to mels and waveforms: the autoencoder's way back, and what half precision does to it."""

from typing import Final

import torch

from oneshot_server.dsp.image import image_to_mel
from oneshot_server.dsp.inversion import mel_to_waveform
from oneshot_server.errors import PrecisionError
from oneshot_server.pipeline.model import Model

FAINT_DB: Final = -65.0
"""Below this a decoded image is the model's and the codec's error more than a sound."""
FLAT: Final = 0.01
"""0.4 dB of a range of 80: a silent sound's image has more noise than that."""


def latents_to_waveforms(latents: torch.Tensor, model: Model) -> torch.Tensor:
    """(batch, channels, rows, columns) to (batch, samples), on the CPU."""
    return mel_to_waveform(latents_to_mels(latents, model), model.card.profile)


def latents_to_mels(latents: torch.Tensor, model: Model) -> torch.Tensor:
    """(batch, channels, rows, columns) to (batch, mels, frames), dB, on the CPU.

    Raises:
        PrecisionError: half precision gave no image.
    """
    scaled = latents / model.vae.config.scaling_factor
    images = model.vae.decode(scaled.to(model.vae.dtype)).sample.float().cpu()
    if model.plan.precision != "fp32":
        check_precision(images, model.plan.precision)
    mel_db = image_to_mel(images, model.card.profile)
    return faint_to_floor(mel_db, model.card.profile.range_db)


def faint_to_floor(mel_db: torch.Tensor, range_db: float) -> torch.Tensor:
    """Let faint levels fall twice as fast: an error above the floor is a tail of noise when heard.

    One band at -72 dB is nothing, but the sum of all bands keeps a short sound from ending.

    Args:
        mel_db: (batch, mels, frames), dB below the loudest band.
        range_db: of the profile; a range of 65 dB and less has nothing that is faint.

    Returns:
        (batch, mels, frames), dB, ``-range_db`` to 0; what is louder than -65 dB stays as it is.
    """
    fallen = (2.0 * mel_db - FAINT_DB).clamp_min(-range_db)
    return torch.where(mel_db < FAINT_DB, fallen, mel_db)


def check_precision(images: torch.Tensor, precision: str) -> None:
    """Tell an image from what overflow leaves: no numbers, or the same number everywhere.

    Args:
        images: (batch, channels, mels, frames), -1 to 1.
        precision: that they were computed in.

    Raises:
        PrecisionError: one of them is none.
    """
    flattened = images.flatten(1)
    if not flattened.isfinite().all():
        raise PrecisionError(f"{precision} gave an image that is no numbers")
    if bool((flattened.amax(1) - flattened.amin(1) < FLAT).any()):
        raise PrecisionError(f"{precision} gave a flat image")
