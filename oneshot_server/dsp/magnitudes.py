"""Mel bands to the magnitudes of a short-time Fourier transform."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.mel import TINY, band_gains, filterbank

ITERATIONS: Final = 3
UNHEARD: Final = 1e-12  # keeps a band that nothing has come to yet from being divided by zero
FINE_BINS: Final = 64
"""Bins from 0 Hz on of which none is left out. A band holds one or two of them, and each says
something of its own; further up a band holds many, and every other one suffices."""


def mel_to_magnitudes(
    mel_db: torch.Tensor,
    profile: MelProfile,
    *,
    iterations: int = ITERATIONS,
    n_fft: int | None = None,
) -> torch.Tensor:
    """Magnitudes whose mel bands are the given ones.

    They begin from the bands' levels, interpolated in dB, which is most of the way. Multiplicative
    updates then fit the bands; they keep every bin positive, where a pseudo-inverse would ring.

    Args:
        mel_db: (batch, mels, frames), dB, any number of frames.
        profile: the mel profile.
        iterations: updates.
        n_fft: of the bins: the profile's own, or that halved several times.

    Returns:
        (batch, bins, frames), not negative, the loudest mel band at 1.

    Reference: Lee and Seung, 2000, eq. 5 (divergence), with the dictionary fixed.
    """
    bands = _bands(profile, n_fft or profile.n_fft)
    # What lies at the floor was cut, not measured: silence, not -80 dB of noise in every bin.
    mel = torch.where(mel_db <= -profile.range_db, 0.0, 10.0 ** (mel_db / (20.0 / profile.power)))
    mel = mel * bands.even
    levels = mel_db * (profile.power * math.log(10.0) / 20.0) + bands.level
    found = []
    for target, level in zip(mel, levels, strict=True):
        magnitudes = torch.exp(bands.between @ level) * bands.inside
        for _ in range(iterations):
            magnitudes = magnitudes * (bands.back @ (target / (bands.bank @ magnitudes + UNHEARD)))
        found.append(magnitudes[bands.bins])
    magnitudes = torch.stack(found)
    return magnitudes if profile.power == 1.0 else magnitudes ** (1.0 / profile.power)


def band_widths(profile: MelProfile, n_fft: int) -> torch.Tensor:
    """How many bins of a transform the bands around each bin are apart; (bins,)."""
    bands = _bands(profile, n_fft)
    widths = bands.between @ filterbank(profile).sum(dim=1) * (n_fft / profile.n_fft)
    return widths[bands.bins]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Bands:
    """The filterbank on the columns that magnitudes are sought on.

    Attributes:
        bank: (mels, columns).
        back: (columns, mels), shares of the bands in what a column is multiplied by, sum 1.
        between: (columns, mels), shares of the two bands around a column, sum 1.
        even: (mels, 1), what undoes the gains of the bands, 1 for the least.
        level: (mels, 1), added to a band's log to give that of its bins.
        inside: (columns, 1), 1 where a band is and 0 elsewhere.
        bins: (bins,), which columns are the transform's bins.
    """

    bank: torch.Tensor
    back: torch.Tensor
    between: torch.Tensor
    even: torch.Tensor
    level: torch.Tensor
    inside: torch.Tensor
    bins: torch.Tensor


@lru_cache(maxsize=8)
def _bands(profile: MelProfile, n_fft: int) -> _Bands:
    step = profile.n_fft // n_fft
    whole = filterbank(profile)
    every = torch.arange(profile.bins)
    fine = -(-min(FINE_BINS, profile.bins - 1) // step) * step
    columns = torch.cat([every[:fine], every[fine::step]])
    # A bin that is left out is shared by the columns around it.
    above = torch.searchsorted(columns, every).clamp_max(len(columns) - 1)
    below = (above - 1).clamp_min(0)
    share = (every - columns[below]) / (columns[above] - columns[below]).clamp_min(1)
    share = torch.where(columns[above] <= every, 1.0, share)
    bank = torch.zeros(profile.mels, len(columns))
    bank.index_add_(1, above, whole * share)
    bank.index_add_(1, below, whole * (1.0 - share))
    weight = bank.sum(dim=0)[:, None]
    # A band between two bins has none and tells nothing.
    sums = whole.sum(dim=1)
    told = (sums > 0.0).nonzero()[:, 0]
    centres = (whole[told] @ every.float()) / sums[told]
    between = torch.zeros(len(columns), profile.mels)
    if len(told) == 1:
        between[:, told] = 1.0
    else:
        upper = torch.searchsorted(centres, columns.float()).clamp(1, len(told) - 1)
        width = centres[upper] - centres[upper - 1]
        share = ((columns - centres[upper - 1]) / width).clamp(0.0, 1.0)
        row = torch.arange(len(columns))
        between[row, told[upper - 1]] = 1.0 - share
        between[row, told[upper]] += share
    gains = band_gains(profile)
    even = gains.amin() / gains
    return _Bands(
        bank=bank,
        back=bank.T / weight.clamp_min(TINY),
        between=between,
        even=even,
        level=torch.log(even) - torch.log(sums.clamp_min(TINY))[:, None],
        inside=(weight > 0.0).float(),
        bins=torch.searchsorted(columns, every[::step].contiguous()),
    )
