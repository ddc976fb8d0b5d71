"""What the starter's two trainings share: learning rate, averages, checkpoints, log."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import torch

CHECKPOINT_STEPS: Final = 100
TOLD_STEPS: Final = 20


class Training(Protocol):
    """A training under way."""

    step: int
    losses: list[float]

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        ...


def learning_rate(step: int, *, steps: int, highest: float, warm_up_steps: int) -> float:
    """Of a step from 0: up along a line, then down to zero along a cosine: the last ones settle."""
    warm = min(1.0, (step + 1) / warm_up_steps)
    left = 1.0 - step / steps
    return highest * warm * float(torch.sin(torch.tensor(left * 1.5708)) ** 2)


@torch.no_grad()
def follow(average: torch.nn.Module, network: torch.nn.Module, step: int, ema: float) -> None:
    """Let an average follow a network's weights after a step, counted from 1."""
    # A young average must forget the random start, so it begins short.
    keep = min(ema, (1 + step) / (10 + step))
    for mean, now in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(now, 1 - keep)


def write_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint; a power cut leaves the old one or the new one."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def run_steps(training: Training, steps: int, step: Callable[[], object], path: Path) -> None:
    """Do steps until so many are done, save now and then, and print how it goes.

    Args:
        training: knows how many are done.
        steps: of the whole training.
        step: does one.
        path: of the checkpoint.
    """
    begun, first = time.monotonic(), training.step
    while training.step < steps:
        step()
        if training.step % CHECKPOINT_STEPS == 0:
            training.save(path)
        if training.step % TOLD_STEPS == 0:
            recent = training.losses[-TOLD_STEPS:]
            pace = (time.monotonic() - begun) / (training.step - first)
            print(
                f"step {training.step}/{steps} "
                f"loss {sum(recent) / len(recent):.4f} {pace:.2f} s a step",
                flush=True,
            )
