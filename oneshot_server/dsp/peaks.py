"""Peaks of magnitude spectra: where they are, and what frequency each one is."""

import math
from functools import lru_cache
from typing import Final

import torch
from msgspec import structs

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.magnitudes import mel_to_magnitudes
from oneshot_server.dsp.mel import TINY, WINDOWS, analysis_window, magnitudes_to_mel

TUNED_BINS: Final = 32
"""Bins from 0 Hz on whose frequencies are tuned. Further up a band is wider than that error."""
PER_BIN: Final = 4  # sines that are tried, for the tuning
TURNS: Final = 4  # phases of each


def peak_frequencies(
    level: torch.Tensor, profile: MelProfile, n_fft: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The peak that is nearest to each bin.

    Args:
        level: (1, frames, bins), log magnitudes that ``mel_to_magnitudes`` gave.
        profile: the mel profile.
        n_fft: length of the transform.

    Returns:
        (1, frames, bins): the bin of the peak, or the bin itself in a frame without one; and the
        frequency there, in bins.
    """
    nearest, frequency = _untuned(level, profile, n_fft)
    true, seen = _tuning(profile, n_fft)
    low = frequency[:, :, :TUNED_BINS].contiguous()
    above = torch.searchsorted(seen, low).clamp(1, len(seen) - 1)
    share = (low - seen[above - 1]) / (seen[above] - seen[above - 1])
    tuned = torch.lerp(true[above - 1], true[above], share)
    known = (share >= 0.0) & (share <= 1.0)
    frequency[:, :, :TUNED_BINS] = torch.where(known, tuned, low)
    return nearest, frequency


def _untuned(
    level: torch.Tensor, profile: MelProfile, n_fft: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """As ``peak_frequencies``, of magnitudes that are those of sines, as a window gives them."""
    pad = torch.nn.functional.pad
    nearest, found = _nearest_peaks(level)
    slope, cubic, beside = _lobe(profile.window_shape, profile.window, n_fft)
    lean = level[:, :, 2:] - level[:, :, :-2]
    offset = pad((lean * (slope + cubic * lean.square())).clamp(-0.5, 0.5), (1, 1))
    # Bin 0 holds the peak's mirror image, so the lowest peak is told by the bin above it alone.
    step = (level[:, :, 2] - level[:, :, 1]).clamp(-4.0, 4.0)
    offset[:, :, 1] = sum(c * step**power for power, c in enumerate(beside))
    offset[:, :, 1].clamp_(-0.8, 1.0)
    return nearest, nearest + torch.where(found, offset.gather(2, nearest), 0.0)


@lru_cache(maxsize=8)
def _tuning(profile: MelProfile, n_fft: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What a sine's frequency is taken for after a mel, whose bands flatten its peak.

    A kick of 50 Hz would come back at 51.

    Returns:
        Frequencies and what they are taken for, both in bins and ascending.
    """
    first = max(1, math.ceil(profile.f_min * n_fft / profile.sample_rate * PER_BIN))
    true = torch.arange(first, max(first, min(TUNED_BINS, n_fft // 2 - 1) * PER_BIN)) / PER_BIN
    if len(true) < 2:  # what the bands tell of lies further up
        return torch.arange(2.0), torch.arange(2.0)
    time = torch.arange(profile.n_fft) - profile.n_fft // 2
    cycles = true[:, None, None] * (time / n_fft) + torch.arange(TURNS)[:, None] / (2 * TURNS)
    sines = torch.cos(2.0 * math.pi * (cycles % 1.0)) * analysis_window(profile, profile.n_fft)
    # Each is one frame.
    magnitudes = torch.fft.rfft(sines).abs().flatten(0, 1)
    relative = structs.replace(profile, full_scale=0.0)
    mel_db = magnitudes_to_mel(magnitudes[:, :, None], relative)
    found = mel_to_magnitudes(mel_db.permute(2, 1, 0), profile, n_fft=n_fft)
    _, frequency = _untuned(torch.log(found + TINY).transpose(1, 2), profile, n_fft)
    own = true.round().long().clamp_min(1).repeat_interleave(TURNS)
    seen = frequency[0].gather(1, own[:, None]).view(-1, TURNS).mean(dim=1)
    # Ascending, by as little as a float can tell from one to the next.
    steps = torch.arange(len(seen)) * 1e-4
    return true, (seen - steps).cummax(dim=0).values + steps


def group_delay_factor(profile: MelProfile, n_fft: int) -> float:
    """Group delay over ``n_fft`` times hop, for each neper that two hops raise a level.

    Reference: Průša, Balazs and Søndergaard, 2017, "A noniterative method for reconstruction of
    phase from STFT magnitude", eq. 7, for a Gaussian window as wide as this one.
    """
    slope, _, _ = _lobe(profile.window_shape, profile.window, n_fft)
    return -n_fft / (16.0 * math.pi**2 * slope)


def _nearest_peaks(level: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of (1, frames, bins): the bin of the nearest peak, and whether there is one."""
    below, here, above = level[:, :, :-2], level[:, :, 1:-1], level[:, :, 2:]
    peak = torch.nn.functional.pad((here > below) & (here >= above), (1, 1))
    count = level.shape[2]
    bins = torch.arange(count).expand_as(level)
    under = torch.where(peak, bins, -count).cummax(dim=2).values
    over = -torch.where(peak, -bins, -2 * count).flip(2).cummax(dim=2).values.flip(2)
    nearest = torch.where(bins - under <= over - bins, under, over)
    found = (nearest >= 0) & (nearest < count)
    return torch.where(found, nearest, bins), found


@lru_cache(maxsize=8)
def _lobe(shape: str, size: int, n_fft: int) -> tuple[float, float, tuple[float, ...]]:
    """How the levels around a peak tell where between the bins a sine is.

    Returns:
        Of the step from the bin below the peak to the one above, in nepers, the factors of it and
        of its cube; and of the step from the peak to the bin above, those of its powers from 0.
    """
    window = WINDOWS[shape](size).double()
    time = torch.arange(size, dtype=torch.float64)

    def level(bins: torch.Tensor) -> torch.Tensor:
        turning = torch.exp(bins[:, None] * time * (-2j * math.pi / n_fft))
        return torch.log((window * turning).sum(dim=1).abs() + 1e-12)

    offset = torch.linspace(-0.6, 0.6, 121, dtype=torch.float64)
    lean = level(1.0 - offset) - level(-1.0 - offset)
    both = torch.linalg.lstsq(torch.stack([lean, lean**3], 1), offset[:, None]).solution
    offset = torch.linspace(-0.7, 0.9, 161, dtype=torch.float64)
    step = level(1.0 - offset) - level(-offset)
    powers = torch.stack([step**power for power in range(4)], 1)
    beside = torch.linalg.lstsq(powers, offset[:, None]).solution
    slope, cubic = (float(factor) for factor in both[:, 0])
    return slope, cubic, tuple(float(factor) for factor in beside[:, 0])
