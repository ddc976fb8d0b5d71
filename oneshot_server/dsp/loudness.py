"""Loudness of a one-shot, by the K-weighting of ITU-R BS.1770-4."""

import math
from typing import Final

import torch

HEAD_HZ: Final = 1681.974450955533
HEAD_DB: Final = 3.999843853973347
HEAD_Q: Final = 0.7071752369554196
LOW_HZ: Final = 38.13547087602444
LOW_Q: Final = 0.5003270373238773


def loudness(waveform: torch.Tensor, sample_rate: int) -> float:
    """Loudness of the whole sound as one block, without gates.

    BS.1770 gates blocks of 400 ms, and most one-shots are shorter than one.

    Args:
        waveform: (samples,), or (channels, samples) whose energies add up, -1 to 1.
        sample_rate: Hz.

    Returns:
        LUFS; minus infinity for silence.

    Reference: ITU-R BS.1770-4, annex 1; the filters' analogue forms for any sample rate after
    Brecht De Man, 2018, "Evaluation of implementations of the EBU R128 loudness measurement".
    """
    # The energy of a finite sound through a filter is that of its spectrum times the filter's.
    samples = waveform.shape[-1]
    size = 2 * samples
    power = torch.fft.rfft(waveform.double(), size).abs().square()
    turns = torch.exp(
        -1j * torch.pi * torch.arange(size // 2 + 1, dtype=torch.float64) / (size // 2)
    )
    gain = (_head(turns, sample_rate) * _low_cut(turns, sample_rate)).abs().square()
    weights = torch.full((size // 2 + 1,), 2.0, dtype=torch.float64)
    weights[0] = weights[-1] = 1.0
    energy = float((power * gain * weights).sum()) / size
    mean_square = energy / samples
    return -0.691 + 10.0 * math.log10(mean_square) if mean_square > 0.0 else -math.inf


def _head(z: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """The head's high shelf, at points on the unit circle given as z to the power of minus one."""
    k = math.tan(math.pi * HEAD_HZ / sample_rate)
    high = 10.0 ** (HEAD_DB / 20.0)
    band = high**0.4996667741545416
    over = 1.0 + k / HEAD_Q + k * k
    response: torch.Tensor = (
        (high + band * k / HEAD_Q + k * k)
        + 2.0 * (k * k - high) * z
        + (high - band * k / HEAD_Q + k * k) * z**2
    ) / (over + 2.0 * (k * k - 1.0) * z + (1.0 - k / HEAD_Q + k * k) * z**2)
    return response


def _low_cut(z: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """The high-pass, at points on the unit circle given as z to the power of minus one."""
    k = math.tan(math.pi * LOW_HZ / sample_rate)
    over = 1.0 + k / LOW_Q + k * k
    bottom = over + 2.0 * (k * k - 1.0) * z + (1.0 - k / LOW_Q + k * k) * z**2
    response: torch.Tensor = (1.0 - 2.0 * z + z**2) / (bottom / over)
    return response
