"""How good a model is on given sounds: its loss at noise that is always the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from accelerate import Accelerator

from oneshot_server.training.captions import Embeddings
from oneshot_server.training.schedule import Schedule

FEWEST_PAIRS: Final = 48
MOST_PAIRS: Final = 256


@dataclass(frozen=True, kw_only=True)
class Listening:
    """Sounds, each with noise at several timesteps.

    Attributes:
        noisy: (pairs, channels, rows, columns).
        timesteps: (pairs,).
        target: (pairs, channels, rows, columns), what the UNet should answer.
        captions: of each pair.
    """

    noisy: torch.Tensor
    timesteps: torch.Tensor
    target: torch.Tensor
    captions: tuple[str, ...]

    @classmethod
    def of(
        cls, latents: torch.Tensor, captions: Sequence[str], schedule: Schedule, seed: int
    ) -> "Listening":
        """Draw noise for (sounds, channels, rows, columns); each sound hears all noise levels."""
        count = len(latents)
        times = max(1, min(MOST_PAIRS // count, -(-FEWEST_PAIRS // count)))
        owners = torch.arange(count).repeat_interleave(times)[:MOST_PAIRS]
        generator = torch.Generator().manual_seed(seed)
        device = schedule.signal.device
        timesteps = torch.cat([schedule.stratified(times, generator) for _ in range(count)])
        timesteps = timesteps[: len(owners)].to(device)
        noise = torch.randn(latents[owners].shape, generator=generator).to(device)
        chosen = latents[owners].to(device)
        return cls(
            noisy=schedule.add_noise(chosen, noise, timesteps),
            timesteps=timesteps,
            target=schedule.target(chosen, noise, timesteps),
            captions=tuple(captions[int(owner)] for owner in owners),
        )


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Measures with what the trainer has.

    Attributes:
        unet: as it is at the moment.
        embeddings: of captions.
        accelerator: spreads the work over the processes.
        micro_batch: pairs between two checks.
        check: may wait, may raise to stop.
    """

    unet: Any
    embeddings: Embeddings
    accelerator: Accelerator
    micro_batch: int
    check: Callable[[], None]

    @torch.no_grad()
    def loss(self, listening: Listening) -> float:
        """Mean squared error over all pairs; the same number in every process."""
        pairs = len(listening.captions)
        total = torch.zeros((), device=listening.noisy.device)
        starts = range(0, pairs, self.micro_batch)
        for start in starts[self.accelerator.process_index :: self.accelerator.num_processes]:
            self.check()
            part = slice(start, start + self.micro_batch)
            words = self.embeddings(listening.captions[part])
            with self.accelerator.autocast():
                answer = self.unet(listening.noisy[part], listening.timesteps[part], words).sample
            error = (answer.float() - listening.target[part]).square()
            total += error.flatten(1).mean(dim=1).sum()
        summed: Any = self.accelerator.reduce(total, reduction="sum")
        return float(summed) / pairs
