"""How far a training is, as a file that survives a power cut."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from oneshot_server.library.atomic_file import write_atomically
from oneshot_server.training.adapter import Weights
from oneshot_server.training.spec import CHECKPOINT_FILE


@dataclass(kw_only=True)
class Checkpoint:
    """Everything that changes while a LoRA is trained.

    Attributes:
        fingerprint: of all that the training depends on; one of another is not gone on with.
        step: optimiser steps taken.
        weights: of the adapter.
        average: exponential moving average of the weights.
        optimiser: its state.
        losses: of each step.
        validations: (step, distance of the average's sounds from the held-out ones, dB).
        best: average whose sounds were nearest so far.
        best_step: when that was; 0 for none.
        rescued: a loss that was no number has been met already.
    """

    fingerprint: str
    step: int
    weights: dict[str, torch.Tensor]
    average: dict[str, torch.Tensor]
    optimiser: dict[str, Any]
    losses: list[float]
    validations: list[tuple[int, float]]
    best: dict[str, torch.Tensor]
    best_step: int
    rescued: bool

    def write(self, folder: Path) -> None:
        """Write it in place of the one before.

        Raises:
            DiskFullError: no space left; the one before stays.
            ForbiddenError: the folder cannot be written.
        """
        buffer = BytesIO()
        torch.save(vars(self), buffer)
        write_atomically(folder / CHECKPOINT_FILE, buffer.getvalue())

    @classmethod
    def read(cls, folder: Path, fingerprint: str) -> "Checkpoint | None":
        """What ``write`` wrote for the same training; ``None`` if there is none or it is broken."""
        path = folder / CHECKPOINT_FILE
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            found = cls(**state)
        except FileNotFoundError:
            return None
        except Exception:  # noqa: BLE001 - a broken pickle raises anything; it is begun anew
            return None
        return found if found.fingerprint == fingerprint else None


def copy_weights(weights: Weights) -> dict[str, torch.Tensor]:
    """A copy on the CPU."""
    return {name: value.detach().float().cpu().clone() for name, value in weights.items()}
