"""A finished sound to that of a softer hit. No torch: the daemon does it, too."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from oneshot_server.domain.touch import Touch

FADE_SHARE: Final = 0.4  # of what is left of a shortened sound: it dies away, it is not cut
INAUDIBLE: Final = 1e-8  # below half of the last of 24 bits

Waveform = npt.NDArray[np.float32]


def touched(waveform: Waveform, sample_rate: int, touch: Touch) -> Waveform:
    """Make a sound shorter, darker and quieter.

    Args:
        waveform: (samples, channels), -1 to 1.
        sample_rate: Hz.
        touch: how much.

    Returns:
        (samples, channels), as long or shorter, never louder.
    """
    result = waveform
    if touch.length < 1.0:
        result = _shorter(result, touch.length)
    if touch.low_pass_hz is not None and touch.low_pass_hz < sample_rate / 2:
        result = _darker(result, touch.low_pass_hz / sample_rate)
    return np.asarray(result * np.float32(10.0 ** (touch.gain_db / 20.0)))


def _shorter(waveform: Waveform, share: float) -> Waveform:
    count = max(1, round(len(waveform) * share))
    cut = waveform[:count].copy()
    fade = math.ceil(count * FADE_SHARE)
    # Half a cosine, as ``finish`` ends a sound: neither end of the fade has an edge.
    ramp = np.linspace(0.0, np.pi, fade, dtype=np.float32)
    cut[count - fade :] *= (np.float32(0.5) + np.float32(0.5) * np.cos(ramp))[:, None]
    return cut


def _darker(waveform: Waveform, cycles: float) -> Waveform:
    """A low-pass of one pole; ``cycles`` a sample is its corner.

    y[n] = x[n] (1 - a) + a y[n - 1] needs each sample before the next. The same filter is the
    product of 1 + a^k z^-k over k = 1, 2, 4, …, of which a handful are not one: sums of whole
    arrays.
    """
    pole = math.exp(-2.0 * math.pi * cycles)
    result = waveform * np.float32(1.0 - pole)
    delay = 1
    while (weight := pole**delay) > INAUDIBLE and delay < len(result):
        delayed = result[:-delay] * np.float32(weight)  # taken before the sum changes it
        result[delay:] += delayed
        delay *= 2
    return result
