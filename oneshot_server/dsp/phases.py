"""Phases for given magnitudes: first ones by peaks and group delay, then fast Griffin-Lim."""

import math
from functools import lru_cache
from typing import Final

import torch
from msgspec import structs

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.magnitudes import band_widths
from oneshot_server.dsp.mel import TINY, analysis_window, waveform_to_spectrum
from oneshot_server.dsp.peaks import group_delay_factor, peak_frequencies

MOMENTUM: Final = 0.99
STEEPEST: Final = 12.0  # nepers over two hops; an attack out of silence says no more than that
FIRST_CYCLES: Final = -0.25
"""Where partials are at sample 0: sines that begin there, as what is struck does not jump."""
NARROW: Final = 1.0  # bins of a band; up to here each bin says something of its own
WIDE: Final = 3.0  # bins of a band; from here on its bins are one noise
GOLDEN_RATIO: Final = 0.6180339887


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
        magnitudes: (1, bins, frames), of a transform of ``n_fft``, any number of frames.
        profile: the mel profile that they come from.
        n_fft: length of the transform.
        iterations: updates.
        lowest: bins below this one are unknown, and become what the others leave them.
        heard: (1, samples or more), whose phases are begun from.
        kept: (frames,), bool, frames that are the heard sound's own and stay so; then its phases
            are begun from only there. ``None`` for no frame.

    Returns:
        (1, samples), float32, as many as a profile of so many frames has.

    Reference: Perraudin, Balazs and Søndergaard, 2013, "A fast Griffin-Lim algorithm", algorithm 2.
    """
    shorter = structs.replace(profile, frames=magnitudes.shape[2])
    # The last frames of an STFT with centred frames lie behind the profile's last sample.
    frames = 1 + (shorter.samples + 2 * profile.pad) // profile.hop if profile.center else 0
    pad = torch.nn.functional.pad
    magnitudes = pad(magnitudes, (0, max(0, frames - magnitudes.shape[2])))
    # Frame by frame from here, as the FFT has it in memory.
    magnitudes = magnitudes.transpose(1, 2).contiguous()
    count = magnitudes.shape[1]
    window = analysis_window(profile, n_fft)
    first = n_fft // 2 + profile.pad - (0 if profile.center else profile.n_fft // 2)
    inverse = InverseStft(window, profile.hop, count, shorter.samples, first)
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
    section 4, for the regions of influence.
    """
    pad = torch.nn.functional.pad
    level = torch.log(magnitudes + TINY)
    nearest, frequency = peak_frequencies(level, profile, n_fft)
    advance = frequency * (profile.hop / n_fft)
    cycles = torch.cumsum(0.5 * (advance[:, 1:] + advance[:, :-1]), dim=1)
    cycles = pad(cycles, (0, 0, 1, 0)) + FIRST_CYCLES
    rise = pad(level[:, 2:] - level[:, :-2], (0, 0, 1, 1))
    if level.shape[1] > 2:  # no frame is before the first one, where most sounds begin
        rise[:, 0] = 4.0 * level[:, 1] - 3.0 * level[:, 0] - level[:, 2]
    rise.clamp_(-STEEPEST, STEEPEST)
    # Samples from the middle of the frame, over the length of the transform.
    delay = rise * (group_delay_factor(profile, n_fft) / profile.hop)
    delay = delay + _scatter(profile, n_fft)
    apart = pad(torch.cumsum(0.5 * (delay[:, :, 1:] + delay[:, :, :-1]), dim=2), (1, 0))
    cycles = (cycles - apart).gather(2, nearest) + apart
    # Up to here from the middle of a frame; the FFT counts from its beginning.
    cycles = cycles - torch.arange(level.shape[2]) * ((n_fft // 2) / n_fft)
    angle = (cycles % 1.0) * (2.0 * math.pi)
    # Polar takes twice as long.
    return torch.complex(torch.cos(angle), torch.sin(angle))


@lru_cache(maxsize=8)
def _scatter(profile: MelProfile, n_fft: int) -> torch.Tensor:
    """Group delays that differ from bin to bin where bands are wide; (bins,), over ``n_fft``.

    A band that holds many bins gives all of them one level, and a peak as wide as that would be a
    click in the middle of each frame: noise would pulse with the frames. So it is spread over the
    window, by numbers that no two neighbours have alike.
    """
    width = band_widths(profile, n_fft)
    share = ((width - NARROW) / (WIDE - NARROW)).clamp(0.0, 1.0)
    uneven = torch.arange(len(width)) * GOLDEN_RATIO % 1.0 * 2.0 - 1.0
    return share * uneven * (0.5 * profile.window / n_fft)
