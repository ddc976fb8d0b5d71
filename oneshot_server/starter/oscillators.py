"""The synthesiser's building blocks. Waveforms are (batch, samples), parameters (batch, 1)."""

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where a batch of sounds is made: its size, its rate and its randomness.

    Attributes:
        count: sounds in the batch.
        samples: length of each.
        sample_rate: Hz.
        generator: the only source of randomness.
    """

    count: int
    samples: int
    sample_rate: int
    generator: torch.Generator

    @property
    def time(self) -> torch.Tensor:
        """(1, samples), seconds."""
        return torch.arange(self.samples)[None] / self.sample_rate

    def uniform(self, low: float, high: float) -> torch.Tensor:
        """(batch, 1), evenly spread."""
        return low + (high - low) * torch.rand(self.count, 1, generator=self.generator)

    def log_uniform(self, low: float, high: float) -> torch.Tensor:
        """(batch, 1), evenly spread in octaves, as pitch and time are heard."""
        return torch.exp(self.uniform(math.log(low), math.log(high)))

    def chance(self, probability: float) -> torch.Tensor:
        """(batch, 1), 1.0 with this probability, else 0.0."""
        return (self.uniform(0.0, 1.0) < probability).float()

    def choice(self, values: list[float]) -> torch.Tensor:
        """(batch, 1), one of the values."""
        drawn = torch.randint(len(values), (self.count, 1), generator=self.generator)
        return torch.tensor(values)[drawn]

    def noise(self) -> torch.Tensor:
        """(batch, samples), white, deviation 1."""
        return torch.randn(self.count, self.samples, generator=self.generator)

    def decay(self, seconds: torch.Tensor) -> torch.Tensor:
        """Exponential envelope that has fallen by 60 dB after ``seconds``."""
        return torch.exp(-6.91 * self.time / seconds)

    def sweep(
        self, hertz: torch.Tensor, depth: torch.Tensor, seconds: torch.Tensor
    ) -> torch.Tensor:
        """Phase in cycles of a tone that falls from ``hertz * (1 + depth)`` to ``hertz``."""
        fallen = seconds * (1.0 - torch.exp(-self.time / seconds))
        return hertz * (self.time + depth * fallen)

    def band(
        self,
        waveform: torch.Tensor,
        *,
        low: torch.Tensor | float = 0.0,
        high: torch.Tensor | float = 1e6,
        order: int = 2,
    ) -> torch.Tensor:
        """Band-pass with Butterworth magnitudes and no phase shift; meant to come before envelopes."""
        spectrum = torch.fft.rfft(waveform)
        hertz = torch.fft.rfftfreq(waveform.shape[1], 1.0 / self.sample_rate)[None]
        gain = (1.0 + (hertz / high) ** (2 * order)).rsqrt()
        gain = gain * (1.0 + (torch.as_tensor(low) / hertz.clamp_min(1.0)) ** (2 * order)).rsqrt()
        return torch.fft.irfft(spectrum * gain, waveform.shape[1])

    def room(self, waveform: torch.Tensor, seconds: torch.Tensor, low_pass: torch.Tensor) -> torch.Tensor:
        """Reverberation alone: the waveform in exponentially decaying, darkened noise."""
        response = self.band(self.noise(), high=low_pass, low=150.0, order=1) * self.decay(seconds)
        response = response / response.norm(dim=1, keepdim=True)
        size = 2 * self.samples
        wet = torch.fft.rfft(waveform, size) * torch.fft.rfft(response, size)
        return torch.fft.irfft(wet, size)[:, : self.samples]


def sine(cycles: torch.Tensor) -> torch.Tensor:
    """Sine of a phase in cycles."""
    return torch.sin(2 * math.pi * cycles)


def square(cycles: torch.Tensor) -> torch.Tensor:
    """Naive square; its aliases are welcome in metal and filtered elsewhere."""
    return 1.0 - 2.0 * (cycles % 1.0 >= 0.5).float()


def saw(cycles: torch.Tensor) -> torch.Tensor:
    """Naive falling saw, to be low-passed."""
    return 1.0 - 2.0 * (cycles % 1.0)


def drive(waveform: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
    """Soft saturation; 0 leaves the waveform alone, 1 squares it off."""
    gain = 1.0 + 9.0 * amount**2
    return torch.tanh(gain * waveform) / torch.tanh(gain)


def normalise(waveform: torch.Tensor) -> torch.Tensor:
    """Peak 1; silence stays silence."""
    return waveform / waveform.abs().amax(dim=1, keepdim=True).clamp_min(1e-9)
