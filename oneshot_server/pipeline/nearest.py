"""How near a sound is to those a LoRA was trained on: whether it is a copy of one of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from oneshot_server.errors import ModelError
from oneshot_server.library.atomic_file import write_atomically

TRAINING_SOUNDS_FILE: Final = "training_sounds.safetensors"
SIDE: Final = 32
"""Rows and columns of the picture that two sounds are compared by."""

NEAR_PERCENTILE: Final = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingSounds:
    """What is kept of the sounds that a LoRA was trained on.

    Attributes:
        features: (sounds, SIDE * SIDE), as ``image_features`` returns.
        near: a render that is nearer to one of them is a copy, dB.
    """

    features: torch.Tensor
    near: float

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.features.nbytes


def image_features(mel_db: torch.Tensor) -> torch.Tensor:
    """A log-mel spectrogram as a small picture, each pixel the mean of what it covers.

    Args:
        mel_db: (batch, mels, frames), dB.

    Returns:
        (batch, SIDE * SIDE), dB, float16.
    """
    pooled = torch.nn.functional.adaptive_avg_pool2d(mel_db.float(), (SIDE, SIDE))
    return pooled.flatten(1).half()


def nearest(features: torch.Tensor, training: torch.Tensor) -> torch.Tensor:
    """Distance of each sound to the one of ``training`` that is nearest.

    Args:
        features: (batch, pixels).
        training: (sounds, pixels), at least one.

    Returns:
        (batch,), the mean absolute difference of the pixels, dB.
    """
    distances = torch.cdist(features.float(), training.float(), p=1.0) / features.shape[1]
    return distances.amin(dim=1)


def near_distance(features: torch.Tensor) -> float:
    """The first percentile of the distances between the sounds themselves.

    Args:
        features: (sounds, pixels).

    Returns:
        dB; 0, which no sound is nearer than, where there are no two sounds.
    """
    if len(features) < 2:
        return 0.0
    distances = torch.pdist(features.float(), p=1.0) / features.shape[1]
    return float(np.percentile(distances.numpy(), NEAR_PERCENTILE))


def write_training_sounds(path: Path, features: torch.Tensor) -> None:
    """Write the file that stands beside a LoRA's weights.

    Args:
        path: of the file; it is replaced at once.
        features: (sounds, SIDE * SIDE).

    Raises:
        DiskFullError: no space is left.
        ForbiddenError: the folder cannot be written.
    """
    kept = features.half().cpu().contiguous()
    near = torch.tensor(near_distance(kept))
    write_atomically(path, save({"features": kept, "near": near}))


def read_training_sounds(path: Path) -> TrainingSounds:
    """Read what ``write_training_sounds`` wrote.

    Raises:
        ModelError: missing or damaged; the text names the file.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
    features, near = tensors.get("features"), tensors.get("near")
    if (
        features is None
        or near is None
        or features.ndim != 2
        or features.shape[1] != SIDE * SIDE
        or not len(features)
        or near.numel() != 1
        or not torch.isfinite(features).all()
    ):
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        raise ModelError(
            f"{path} holds {shapes}, expected finite features of (sounds, {SIDE * SIDE}) and near"
        )
    return TrainingSounds(features=features, near=float(near))
