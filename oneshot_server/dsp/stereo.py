"""A mono sound to a wide one whose mono sum it stays.

The side is the sound itself, its phases turned by a quarter ahead in one band and behind in the
next. What lasts is then equally loud in both channels, whatever the width, and no partial is pulled
to one side, as it would be by a side of other noise.
"""

import math
from functools import lru_cache
from typing import Final

import numpy as np
import torch

LOW_HZ: Final = 200.0  # what lies below stays in the middle: bass that cancels is no bass
HIGH_HZ: Final = 400.0  # from here on the side is whole
LEAST_BAND_HZ: Final = 60.0  # narrower ones ring before an attack
BANDS_OF_AN_EAR: Final = 2.0  # within one of the ear's bands, or it hears one phase and no width
UNEVENNESS: Final = 0.4  # bands of even widths would be an echo
GOLDEN_RATIO: Final = 0.6180339887
FULL: Final = math.sqrt(2.0)  # turned phases pass through no side; so it is as strong as the middle
ATTACK_SECONDS: Final = 0.001  # in the middle alone
OPENING_SECONDS: Final = 0.014  # from there until the side is whole


def mono_to_stereo(mono: torch.Tensor, sample_rate: int, width: float) -> torch.Tensor:
    """Widen a sound.

    Args:
        mono: (samples,), its onset at sample 0.
        sample_rate: Hz.
        width: 0 for two equal channels, to 1 for a side as strong as the middle.

    Returns:
        (2, samples), left and right; their mean is ``mono``.
    """
    side = width * mono_to_side(mono, sample_rate)
    return torch.stack([mono + side, mono - side])


def mono_to_side(mono: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """Half of what left and right differ by at the full width; (samples,) of (samples,).

    Nothing below 200 Hz, and nothing at the attack, which stays as sharp as it is.

    Reference: Schroeder, 1958, "An artificial stereophonic effect obtained from a single audio
    signal", for bands that go to one channel and to the other in turn; here their phases do.
    """
    # Room for what rings before the attack and behind the end, which must not wrap around.
    size = 1 << (len(mono) + sample_rate // 2 - 1).bit_length()
    turn, above = _filters(size, sample_rate)
    turned = torch.fft.irfft(torch.fft.rfft(mono, size) * turn, size)[: len(mono)]
    since = (torch.arange(len(mono)) / sample_rate - ATTACK_SECONDS) / OPENING_SECONDS
    opened = turned * (0.5 - 0.5 * torch.cos(torch.pi * since.clamp(0.0, 1.0)))
    # Last, as opening it is a change that reaches further down.
    side: torch.Tensor = torch.fft.irfft(torch.fft.rfft(opened, size) * above, size)
    return side[: len(mono)]


@lru_cache(maxsize=4)
def _filters(size: int, sample_rate: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What turns the phases, and what takes the bass away; (size / 2 + 1,) each."""
    hertz = np.fft.rfftfreq(size, 1.0 / sample_rate)
    middles = _middles(sample_rate)
    way = np.interp(hertz, middles, (-1.0) ** np.arange(len(middles)))
    turn = 1j * FULL * np.sin(0.5 * np.pi * way)
    octaves = np.log2(np.maximum(hertz, 1.0) / LOW_HZ) / math.log2(HIGH_HZ / LOW_HZ)
    above = 0.5 - 0.5 * np.cos(np.pi * np.clip(octaves, 0.0, 1.0))
    return torch.from_numpy(turn.astype(np.complex64)), torch.from_numpy(above.astype(np.float32))


def _middles(sample_rate: int) -> list[float]:
    """Middles of the bands, Hz, from 0 up to where there is nothing any more.

    Reference: Glasberg and Moore, 1990, "Derivation of auditory filter shapes from notched-noise
    data", for the width of the ear's bands.
    """
    middles = [0.0]
    while middles[-1] <= sample_rate / 2:
        ear_hz = 24.7 * (4.37e-3 * middles[-1] + 1.0)
        uneven = 1.0 + UNEVENNESS * (2.0 * (len(middles) * GOLDEN_RATIO % 1.0) - 1.0)
        middles.append(middles[-1] + max(LEAST_BAND_HZ, ear_hz / BANDS_OF_AN_EAR) * uneven)
    return middles
