"""What a finished sound measures, from its samples: length, brightness, pitch, defects."""

from typing import Final

import numpy as np
import torch

from oneshot_server.dsp.descriptors import pitch

LENGTH_DB: Final = -40.0
BLOCK_SECONDS: Final = 0.005
DEFECTS: Final = ("silent", "clipped", "dc", "late", "click", "cut off")


def length_seconds(waveform: torch.Tensor, sample_rate: int) -> float:
    """Until the level of 5 ms stays under -40 dB of the loudest; 0 for silence."""
    block = round(BLOCK_SECONDS * sample_rate)
    padded = torch.nn.functional.pad(waveform, (0, -len(waveform) % block))
    power = padded.double().square().unflatten(0, (-1, block)).mean(dim=1)
    if not power.any():
        return 0.0
    heard = (power > power.amax() * 10.0 ** (LENGTH_DB / 10.0)).nonzero()
    return (int(heard.max()) + 1) * block / sample_rate


def centroid_hz(waveform: torch.Tensor, sample_rate: int) -> float:
    """Mean frequency, weighted by amplitude: a kick's click counts beside its body."""
    amplitudes = torch.fft.rfft(waveform.double()).abs()
    frequencies = torch.linspace(0.0, sample_rate / 2, len(amplitudes), dtype=torch.float64)
    return float(amplitudes @ frequencies / amplitudes.sum().clamp_min(1e-20))


def pitch_hz(waveform: torch.Tensor, sample_rate: int) -> float:
    """Fundamental behind the attack; NaN where none is heard."""
    return pitch(waveform.numpy(), sample_rate) or float("nan")


def defects(waveform: torch.Tensor, sample_rate: int, longest: int) -> list[str]:
    """What is wrong with a finished sound.

    Args:
        waveform: (samples,).
        sample_rate: Hz.
        longest: samples of the longest sound that the model makes.

    Returns:
        Of ``DEFECTS``: late is an onset after 5 ms; a click is an end over -40 dB; cut off is what
        is still over -30 dB of its loudest 10 ms where the model's time ends.
    """
    peak = float(waveform.abs().max())
    if not np.isfinite(peak) or peak < 0.01:
        return ["silent"]
    level = waveform.abs() / peak
    onset = int((level > 0.01).nonzero()[0])
    click = float(level[-int(0.003 * sample_rate) :].max())
    flat = int(((level > 0.9999).float().unfold(0, 3, 1).sum(dim=1) == 3).sum())
    checks = {
        "clipped": peak >= 1.0 or flat > 0,
        "dc": abs(float(waveform.mean())) > 0.01 * peak,
        "late": onset > 0.005 * sample_rate,
        "click": click > 0.01,
        "cut off": _cut_off(level, sample_rate, longest),
    }
    return [name for name in DEFECTS if checks.get(name)]


def _cut_off(level: torch.Tensor, sample_rate: int, longest: int) -> bool:
    block = round(0.01 * sample_rate)
    if len(level) < longest - block:
        return False
    power = level[: len(level) // block * block].square().unflatten(0, (-1, block)).mean(dim=1)
    # The last ones are in the fade.
    return float(power[-5:-3].mean()) > 0.001 * float(power.max())
