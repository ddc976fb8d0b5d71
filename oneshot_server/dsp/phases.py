"""Phases for given magnitudes: first ones by peaks and group delay, then fast Griffin-Lim."""

import math
from functools import lru_cache
from typing import Final

import torch

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.mel import WINDOWS, analysis_window, waveform_to_spectrum

MOMENTUM: Final = 0.99
TINY: Final = 1e-8
STEEPEST: Final = 12.0  # nepers over two hops; an attack out of silence says no more than that
FIRST_CYCLES: Final = -0.25
"""Where partials are at sample 0: sines that begin there, as what is struck does not jump."""


def magnitudes_to_waveform(
    magnitudes: torch.Tensor,
    profile: MelProfile,
    n_fft: int,
    *,
    iterations: int,
    lowest: int = 0,
    heard: torch.Tensor | None = None,
    kept: torch.Tensor | None = None,
) -> torch.Tensor:
    """Find phases that fit the magnitudes.

    Args:
        magnitudes: (1, bins, frames), of a transform of ``n_fft``.
        profile: the mel profile; of its frames, as many as the magnitudes have.
        n_fft: length of the transform.
        iterations: updates.
        lowest: bins below this one are unknown, and become what the others leave them.
        heard: (1, samples or more), whose phases are begun from.
        kept: (frames,), bool, frames that are the heard sound's own and stay so; then its phases
            are begun from only there. ``None`` for no frame.

    Returns:
        (1, samples), float32.

    Reference: Perraudin, Balazs and Søndergaard, 2013, "A fast Griffin-Lim algorithm", algorithm 2.
    """
    # The last frames of an STFT with centred frames lie behind the profile's last sample.
    frames = 1 + (profile.samples + 2 * profile.pad) // profile.hop if profile.center else 0
    pad = torch.nn.functional.pad
    magnitudes = pad(magnitudes, (0, max(0, frames - magnitudes.shape[2])))
    # Frame by frame from here, as the FFT has it in memory.
    magnitudes = magnitudes.transpose(1, 2).contiguous()
    count = magnitudes.shape[1]
    window = analysis_window(profile, n_fft)
    first = n_fft // 2 + profile.pad - (0 if profile.center else profile.n_fft // 2)
    inverse = InverseStft(window, profile.hop, count, profile.samples, first)
    phases = _first_phases(magnitudes, profile, n_fft)
    known = None
    if heard is not None:
        spectrum = waveform_to_spectrum(heard, profile, n_fft)[:, :, :count]
        known = pad(spectrum, (0, count - spectrum.shape[2])).transpose(1, 2).contiguous()
        there = known.abs() > TINY
        if kept is not None:
            kept = pad(kept, (0, count - len(kept)))[:, None]
            there = there & kept
        phases = torch.where(there, torch.sgn(known), phases)
    spectrum = magnitudes * phases
    previous = torch.zeros(1, dtype=torch.complex64)
    for _ in range(iterations):
        projected = waveform_to_spectrum(inverse(spectrum), profile, n_fft).transpose(1, 2)
        accelerated = torch.sub(projected, previous, alpha=MOMENTUM / (1.0 + MOMENTUM))
        previous = projected
        # One real factor a bin sets the magnitude and keeps the phase. Its power is the sum of two
        # planes: abs, or a sum over the last axis, takes several times as long.
        square = torch.view_as_real(accelerated).square()
        power = square[..., 0] + square[..., 1]
        spectrum = accelerated * (magnitudes * torch.rsqrt(power + TINY**2))
        spectrum[:, :, :lowest] = projected[:, :, :lowest]
        if known is not None and kept is not None:
            spectrum = torch.where(kept, known, spectrum)
    return inverse(spectrum)


class InverseStft:
    """``torch.istft`` with what does not change from call to call done once.

    Args:
        window: (n_fft,).
        hop: samples.
        frames: of the spectrograms.
        samples: of the waveforms.
        first: where in the first frame a waveform begins; before it, if negative.
    """

    def __init__(
        self, window: torch.Tensor, hop: int, frames: int, samples: int, first: int
    ) -> None:
        self._window = window
        self._hop = hop
        self._samples = samples
        self._first = first
        weight = self._add_up(window.square().expand(1, frames, -1))
        # Behind the last frame no window is left, and nothing that could be divided.
        self._weight = torch.where(weight > 1e-11, weight, 1.0)

    def __call__(self, spectrum: torch.Tensor) -> torch.Tensor:
        """(batch, frames, bins) to (batch, samples)."""
        frames = torch.fft.irfft(spectrum, len(self._window)) * self._window
        return self._add_up(frames) / self._weight

    def _add_up(self, frames: torch.Tensor) -> torch.Tensor:
        """Overlap and add: (batch, frames, n_fft) to (batch, samples)."""
        batch, count, n_fft = frames.shape
        parts = torch.nn.functional.pad(frames, (0, -n_fft % self._hop))
        parts = parts.unflatten(2, (-1, self._hop))
        whole = frames.new_zeros(batch, count + parts.shape[2] - 1, self._hop)
        for number, part in enumerate(parts.unbind(2)):
            whole[:, number : number + count] += part
        # Negative padding cuts.
        line = torch.nn.functional.pad(whole.flatten(1), (-self._first, 0))
        return torch.nn.functional.pad(line, (0, self._samples - line.shape[1]))


def _first_phases(magnitudes: torch.Tensor, profile: MelProfile, n_fft: int) -> torch.Tensor:
    """Phases that a sum of slowly moving partials would have, each a sine that begins at sample 0.

    Every bin belongs to the nearest peak of its frame. From frame to frame a peak turns by its
    frequency; its bins lie beside it, apart by the group delay, which levels that rise or fall
    tell: so energy stands where in its frame it was.

    Args:
        magnitudes: (1, frames, bins).
        profile: the mel profile.
        n_fft: length of the transform.

    Returns:
        (1, frames, bins), complex, of magnitude 1.

    Reference: Laroche and Dolson, 1999, "Improved phase vocoder time-scale modification of audio",
    section 4, for the regions of influence; Průša, Balazs and Søndergaard, 2017, "A noniterative
    method for reconstruction of phase from STFT magnitude", eq. 7, for the group delay.
    """
    pad = torch.nn.functional.pad
    level = torch.log(magnitudes + TINY)
    nearest, found = _nearest_peaks(level)
    slope, cubic, beside = _lobe(profile.window_shape, profile.window, n_fft)
    lean = level[:, :, 2:] - level[:, :, :-2]
    offset = pad((lean * (slope + cubic * lean.square())).clamp(-0.5, 0.5), (1, 1))
    # Bin 0 holds the peak's mirror image, so the lowest peak is told by the bin above it alone.
    step = (level[:, :, 2] - level[:, :, 1]).clamp(-4.0, 4.0)
    offset[:, :, 1] = sum(c * step**power for power, c in enumerate(beside))
    offset[:, :, 1].clamp_(-0.8, 1.0)
    frequency = nearest + torch.where(found, offset.gather(2, nearest), 0.0)
    advance = frequency * (profile.hop / n_fft)
    cycles = torch.cumsum(0.5 * (advance[:, 1:] + advance[:, :-1]), dim=1)
    cycles = pad(cycles, (0, 0, 1, 0)) + FIRST_CYCLES
    rise = pad(level[:, 2:] - level[:, :-2], (0, 0, 1, 1)).clamp(-STEEPEST, STEEPEST)
    delay = rise * (-n_fft / (16.0 * math.pi**2 * slope * profile.hop))
    apart = pad(torch.cumsum(0.5 * (delay[:, :, 1:] + delay[:, :, :-1]), dim=2), (1, 0))
    cycles = (cycles - apart).gather(2, nearest) + apart
    # Up to here from the middle of a frame; the FFT counts from its beginning.
    cycles = cycles - torch.arange(level.shape[2]) * ((n_fft // 2) / n_fft)
    angle = (cycles % 1.0) * (2.0 * math.pi)
    # Polar takes twice as long.
    return torch.complex(torch.cos(angle), torch.sin(angle))


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
