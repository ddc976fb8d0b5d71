"""What voices are made of and what they return: a time grid, drawn parameters, a raw sound."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The samples that every sound of a batch is computed at.

    Attributes:
        samples: length of a sound.
        sample_rate: Hz.
    """

    samples: int
    sample_rate: int

    @property
    def seconds(self) -> torch.Tensor:
        """(1, samples), float64: in float32 a tone's phase would carry audible noise."""
        return torch.arange(self.samples, dtype=torch.float64)[None] / self.sample_rate

    @property
    def nyquist_hz(self) -> float:
        """Half the sample rate."""
        return self.sample_rate / 2


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Random parameters of a batch of sounds, all from one generator.

    Every draw is a column (count, 1) that broadcasts against time.

    Attributes:
        generator: a CPU generator.
        count: sounds in the batch.
    """

    generator: torch.Generator
    count: int

    def uniform(self, low: float | torch.Tensor, high: float | torch.Tensor) -> torch.Tensor:
        """(count, 1), evenly between the bounds, which may be columns themselves."""
        return low + (high - low) * torch.rand(self.count, 1, generator=self.generator)

    def log_uniform(self, low: float | torch.Tensor, high: float | torch.Tensor) -> torch.Tensor:
        """(count, 1), evenly in ratio between positive bounds: the scale of pitch and of decay."""
        lowest, highest = torch.as_tensor(low), torch.as_tensor(high)
        return torch.exp(self.uniform(lowest.log(), highest.log()))

    def chance(self, probability: float) -> torch.Tensor:
        """(count, 1), bool."""
        return torch.rand(self.count, 1, generator=self.generator) < probability

    def choice(self, weights: Sequence[float]) -> torch.Tensor:
        """(count, 1), int64: an index into weights, drawn in proportion to them."""
        drawn = torch.multinomial(
            torch.tensor(weights), self.count, replacement=True, generator=self.generator
        )
        return drawn[:, None]

    def noise(self, samples: int) -> torch.Tensor:
        """(count, samples), white, Gaussian, variance 1."""
        return torch.randn(self.count, samples, generator=self.generator)


def pick(index: torch.Tensor, values: Sequence[float]) -> torch.Tensor:
    """The value that belongs to each sound's flavour.

    Args:
        index: (count, 1), int64, flavour of each sound.
        values: one per flavour.

    Returns:
        (count, 1), float32.
    """
    return torch.tensor(values)[index]


def semitones_to_ratio(semitones: torch.Tensor) -> torch.Tensor:
    """Equal temperament: twelve semitones double the frequency."""
    return torch.exp(semitones * (math.log(2.0) / 12.0))


@dataclass(frozen=True, kw_only=True)
class Voice:
    """Raw sounds of one kind, before distortion, tone colour and room.

    Attributes:
        waveform: (count, samples), any level.
        pitch_hz: (count, 1), the fundamental that a tuner would show; 0 where there is none.
        traits: (count, 1), bool, for each adjective that a sampled parameter decides.
        acoustic: (count, 1), bool, modelled on a struck or plucked body.
    """

    waveform: torch.Tensor
    pitch_hz: torch.Tensor
    traits: Mapping[str, torch.Tensor]
    acoustic: torch.Tensor
