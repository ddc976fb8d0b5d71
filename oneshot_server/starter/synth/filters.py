"""Causal filters, applied as digital frequency responses so that a batch needs no recursion."""

import math

import torch

from oneshot_server.starter.synth.voice import Grid

RING_SECONDS = 0.18  # the padding that filters ring out into instead of around to the onset
FFT_MULTIPLE = 4096  # transform sizes of small factors are fast

BUTTERWORTH_Q = math.sqrt(0.5)


def fft_size(grid: Grid, ring_seconds: float = RING_SECONDS) -> int:
    """Transform size for a sound of the grid with room to ring."""
    needed = grid.samples + round(ring_seconds * grid.sample_rate)
    return math.ceil(needed / FFT_MULTIPLE) * FFT_MULTIPLE


def normalised_frequency(grid: Grid, cutoff_hz: torch.Tensor, size: int) -> torch.Tensor:
    """The bilinear transform's s on the unit circle, 1j at the cutoff.

    A filter written in this s is a causal biquad: it does not ring before the onset as a
    magnitude mask would.

    Args:
        grid: the time grid.
        cutoff_hz: (count, 1).
        size: transform size.

    Returns:
        (count, size / 2 + 1), complex64.
    """
    highest = 0.49  # of the sample rate: at one half the tangent is infinite
    bins = torch.linspace(0.0, 0.5, size // 2 + 1).clamp_max(0.4999)[None]
    cutoff = (cutoff_hz / grid.sample_rate).clamp(1e-5, highest)
    ratio = torch.tan(math.pi * bins) / torch.tan(math.pi * cutoff)
    return torch.complex(torch.zeros_like(ratio), ratio)


def lowpass(s: torch.Tensor, q: torch.Tensor | float = BUTTERWORTH_Q) -> torch.Tensor:
    """Second-order low-pass response, 12 dB per octave."""
    return torch.reciprocal(s * s + s / q + 1.0)


def highpass(s: torch.Tensor, q: torch.Tensor | float = BUTTERWORTH_Q) -> torch.Tensor:
    """Second-order high-pass response, 12 dB per octave."""
    return s * s / (s * s + s / q + 1.0)


def bandpass(s: torch.Tensor, q: torch.Tensor | float) -> torch.Tensor:
    """Second-order band-pass response, gain 1 at the centre."""
    return (s / q) / (s * s + s / q + 1.0)


def tilt(s: torch.Tensor, gain_db: torch.Tensor) -> torch.Tensor:
    """First-order shelf about the cutoff: gain_db / 2 above it and as much less below."""
    gain = 10.0 ** (gain_db / 40.0)
    return (s * gain + 1.0) / (s + gain)


def apply(waveform: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    """Filter sounds.

    Args:
        waveform: (count, samples).
        response: (count or 1, bins), complex, for a transform that is longer than the sound.

    Returns:
        (count, samples).
    """
    size = 2 * (response.shape[1] - 1)
    spectrum = torch.fft.rfft(waveform, size) * response
    filtered: torch.Tensor = torch.fft.irfft(spectrum, size)[:, : waveform.shape[1]]
    return filtered


def lowpassed(
    waveform: torch.Tensor,
    grid: Grid,
    cutoff_hz: torch.Tensor,
    q: torch.Tensor | float = BUTTERWORTH_Q,
) -> torch.Tensor:
    """(count, samples) through a second-order low-pass."""
    return apply(waveform, lowpass(normalised_frequency(grid, cutoff_hz, fft_size(grid)), q))


def highpassed(
    waveform: torch.Tensor,
    grid: Grid,
    cutoff_hz: torch.Tensor,
    q: torch.Tensor | float = BUTTERWORTH_Q,
) -> torch.Tensor:
    """(count, samples) through a second-order high-pass."""
    return apply(waveform, highpass(normalised_frequency(grid, cutoff_hz, fft_size(grid)), q))


def bandpassed(
    waveform: torch.Tensor, grid: Grid, centre_hz: torch.Tensor, q: torch.Tensor | float
) -> torch.Tensor:
    """(count, samples) through a second-order band-pass."""
    return apply(waveform, bandpass(normalised_frequency(grid, centre_hz, fft_size(grid)), q))


def swept_lowpass(
    waveform: torch.Tensor,
    grid: Grid,
    *,
    start_hz: torch.Tensor,
    end_hz: torch.Tensor,
    sweep_seconds: torch.Tensor,
    q: torch.Tensor,
) -> torch.Tensor:
    """A low-pass whose cutoff moves exponentially, as a synthesiser's filter envelope does.

    A moving filter has no frequency response, so neighbours of a row of still ones are
    cross-faded on the way.

    Args:
        waveform: (count, samples).
        grid: the time grid.
        start_hz: (count, 1), cutoff at the onset.
        end_hz: (count, 1), cutoff at the end.
        sweep_seconds: (count, 1), time constant of the way in octaves.
        q: (count, 1), resonance.

    Returns:
        (count, samples).
    """
    stages = 6
    size = fft_size(grid)
    spectrum = torch.fft.rfft(waveform, size)
    position = torch.exp(grid.seconds.float() / -sweep_seconds) * (stages - 1)
    total = torch.zeros_like(waveform)
    for stage in range(stages):
        cutoff_hz = end_hz * (start_hz / end_hz) ** (stage / (stages - 1))
        response = lowpass(normalised_frequency(grid, cutoff_hz, size), q)
        still = torch.fft.irfft(spectrum * response, size)[:, : grid.samples]
        total.addcmul_(still, (1.0 - (position - stage).abs()).clamp_min(0.0))
    return total
