"""Log-mel to waveform: magnitudes by non-negative least squares, phases by Griffin-Lim."""

from dataclasses import dataclass
from typing import Final

import torch

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.mel import (
    analysis_window,
    band_gains,
    filterbank,
    loudest_band,
    waveform_to_magnitudes,
    waveform_to_spectrum,
    window_norm,
)
from oneshot_server.errors import ProfileMismatchError

NNLS_ITERATIONS: Final = 15
GRIFFIN_LIM_ITERATIONS: Final = 16
MOMENTUM: Final = 0.99
TINY: Final = 1e-8
QUIET: Final = 1e-4  # of the loudest bin; what lies below has no detail
MOST_DETAIL: Final = 10.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Heard:
    """A sound that an inversion is to resemble, for it has what a mel does not tell.

    Attributes:
        waveform: (1, samples), at the level of ``level_with_mel``. Its phases are begun from.
        detail: (1, bins, frames), what the magnitudes are multiplied by; ``None`` for nothing.
        kept: (frames,), bool, frames that are its own and stay so; then its phases are begun from
            only there. ``None`` for no frame.
    """

    waveform: torch.Tensor
    detail: torch.Tensor | None = None
    kept: torch.Tensor | None = None


def mel_to_waveform(
    mel_db: torch.Tensor,
    profile: MelProfile,
    *,
    nnls_iterations: int = NNLS_ITERATIONS,
    griffin_lim_iterations: int = GRIFFIN_LIM_ITERATIONS,
    whole_fft: bool = False,
    heard: Heard | None = None,
) -> torch.Tensor:
    """Invert a log-mel spectrogram. The same input gives the same output.

    Args:
        mel_db: (batch, mels, frames), dB below the loudest band, ``-range_db`` to 0.
        profile: the mel profile.
        nnls_iterations: multiplicative updates of the magnitudes.
        griffin_lim_iterations: updates of the phases.
        whole_fft: see ``magnitudes_to_waveform``.
        heard: a sound that it resembles.

    Returns:
        (batch, samples), float32; a sine at 0 dB has an amplitude of 0.3 to 1, as the bands of a
        mel hold one bin or many.

    Raises:
        ProfileMismatchError: if mel_db has not the profile's mels and frames.
    """
    if tuple(mel_db.shape[1:]) != (profile.mels, profile.frames):
        raise ProfileMismatchError(
            f"mel of shape {tuple(mel_db.shape)}, "
            f"expected (batch, {profile.mels}, {profile.frames}) for profile {profile.name}"
        )
    magnitudes = mel_to_magnitudes(mel_db, profile, iterations=nnls_iterations)
    # A sine of amplitude 1 has a magnitude of half the window's sum.
    magnitudes = magnitudes * (profile.window / 4)
    if heard is not None and heard.detail is not None:
        magnitudes = _fill_below(magnitudes, profile) * heard.detail
    return magnitudes_to_waveform(
        magnitudes,
        profile,
        iterations=griffin_lim_iterations,
        whole_fft=whole_fft,
        heard=heard,
    )


def level_with_mel(waveform: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    """A waveform as loud as ``mel_to_waveform`` makes it of its own mel; (batch, samples)."""
    return waveform * mel_level(waveform_to_magnitudes(waveform, profile), profile)


def mel_level(magnitudes: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    """What ``level_with_mel`` multiplies by, of a transform that is there already.

    Args:
        magnitudes: (batch, bins, frames), of ``waveform_to_magnitudes``.
        profile: the mel profile.

    Returns:
        (batch, 1).
    """
    loudest = profile.full_scale or loudest_band(magnitudes, profile).clamp_min(TINY)
    scale = (band_gains(profile).amin() / loudest) ** (1.0 / profile.power) * (profile.window / 4)
    return (scale / window_norm(profile) if profile.normalized else scale).reshape(-1, 1)


def mel_to_detail(
    mel_db: torch.Tensor, magnitudes: torch.Tensor, profile: MelProfile
) -> torch.Tensor:
    """What a mel has lost of a sound: the sound's magnitudes over those that the mel gives.

    Args:
        mel_db: (batch, mels, frames), dB, a blurred one of the sound.
        magnitudes: (batch, bins, frames), of the sound at the level of ``level_with_mel``.
        profile: the mel profile.

    Returns:
        (batch, bins, frames), 0.1 to 10, around 1.
    """
    told = _fill_below(mel_to_magnitudes(mel_db, profile) * (profile.window / 4), profile)
    true = magnitudes[:, :, : profile.frames]
    if profile.normalized:
        true = true * window_norm(profile)
    quiet = true.amax(dim=(1, 2), keepdim=True) * QUIET + TINY
    return ((true + quiet) / (told + quiet)).clamp(1.0 / MOST_DETAIL, MOST_DETAIL)


def _fill_below(magnitudes: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    """Bins under the lowest band as loud as its first: a short window's bass reaches down there."""
    first = int((filterbank(profile).sum(dim=0) > 0.0).int().argmax())
    return torch.cat(
        [magnitudes[:, first : first + 1].expand(-1, first, -1), magnitudes[:, first:]], 1
    )


def mel_to_magnitudes(
    mel_db: torch.Tensor, profile: MelProfile, *, iterations: int = NNLS_ITERATIONS
) -> torch.Tensor:
    """Magnitudes whose mel bands are the given ones.

    Multiplicative updates keep every bin positive and leave bins that no band tells apart as even
    as they were, where a pseudo-inverse would ring.

    Args:
        mel_db: (batch, mels, frames), dB.
        profile: the mel profile.
        iterations: updates.

    Returns:
        (batch, bins, frames), not negative, the loudest mel band at 1.

    Reference: Lee and Seung, 2000, eq. 4, with the dictionary fixed.
    """
    bank = filterbank(profile)
    # What lies at the floor was cut, not measured: silence, not -80 dB of noise in every bin.
    mel = torch.where(mel_db <= -profile.range_db, 0.0, 10.0 ** (mel_db / (20.0 / profile.power)))
    gains = band_gains(profile)
    mel = mel * (gains.amin() / gains)
    target = bank.T @ mel
    magnitudes = target / (bank.sum(dim=0)[:, None] + 1e-3)
    for _ in range(iterations):
        magnitudes = magnitudes * (target / (bank.T @ (bank @ magnitudes) + TINY))
    return magnitudes if profile.power == 1.0 else magnitudes ** (1.0 / profile.power)


def magnitudes_to_waveform(
    magnitudes: torch.Tensor,
    profile: MelProfile,
    *,
    iterations: int = GRIFFIN_LIM_ITERATIONS,
    whole_fft: bool = False,
    heard: Heard | None = None,
) -> torch.Tensor:
    """Find phases that fit the magnitudes.

    The window fills only part of the FFT, so every other bin or so says nothing new: the search
    goes on a transform as short as the window allows, at a fraction of the time.

    Args:
        magnitudes: (batch, bins, frames).
        profile: the mel profile.
        iterations: updates.
        whole_fft: search on the profile's own transform: several times as long for a tenth less
            error, where nobody waits.
        heard: a sound that it resembles, whose phases are begun from.

    Returns:
        (batch, samples), float32.

    Reference: Perraudin, Balazs and Søndergaard, 2013, "A fast Griffin-Lim algorithm", algorithm 2.
    """
    n_fft = profile.n_fft
    while not whole_fft and n_fft % 2 == 0 and n_fft // 2 >= profile.window:
        n_fft //= 2
    magnitudes = magnitudes[:, :: profile.n_fft // n_fft]
    # A batch is worked through one by one: a single spectrogram stays in the processor's cache.
    return torch.cat(
        [_griffin_lim(one, profile, n_fft, iterations, heard) for one in magnitudes.split(1)]
    )


def _griffin_lim(
    magnitudes: torch.Tensor,
    profile: MelProfile,
    n_fft: int,
    iterations: int,
    heard: Heard | None,
) -> torch.Tensor:
    # The last frames of an STFT with centred frames lie behind the profile's last sample.
    frames = 1 + (profile.samples + 2 * profile.pad) // profile.hop if profile.center else 0
    pad = torch.nn.functional.pad
    magnitudes = pad(magnitudes, (0, max(0, frames - magnitudes.shape[2])))
    window = analysis_window(profile, n_fft)
    first = n_fft // 2 + profile.pad - (0 if profile.center else profile.n_fft // 2)
    inverse = _InverseStft(window, profile.hop, magnitudes.shape[2], profile.samples, first)
    phases = _first_phases(magnitudes, profile.hop / n_fft)
    known = kept = None
    if heard is not None:
        spectrum = waveform_to_spectrum(heard.waveform, profile, n_fft)
        known = pad(spectrum, (0, magnitudes.shape[2] - spectrum.shape[2]))
        there = known.abs() > TINY
        if heard.kept is not None:
            kept = pad(heard.kept, (0, magnitudes.shape[2] - len(heard.kept)))
            there, kept = there & kept, kept[:, None]
        phases = torch.where(there, torch.sgn(known), phases)
        known = known.transpose(1, 2).contiguous()
    # Frame by frame from here, as the FFT has it in memory.
    magnitudes = magnitudes.transpose(1, 2).contiguous()
    spectrum = magnitudes * phases.transpose(1, 2)
    previous = torch.zeros(1, dtype=torch.complex64)
    for _ in range(iterations):
        projected = waveform_to_spectrum(inverse(spectrum), profile, n_fft).transpose(1, 2)
        accelerated = projected - MOMENTUM / (1.0 + MOMENTUM) * previous
        previous = projected
        # One real factor a bin sets the magnitude and keeps the phase: half of the time of
        # dividing by the magnitude and multiplying by the other, which are complex.
        power = torch.view_as_real(accelerated).square().sum(dim=3)
        spectrum = accelerated * (magnitudes * torch.rsqrt(power + TINY**2))
        if known is not None and kept is not None:
            spectrum = torch.where(kept, known, spectrum)
    return inverse(spectrum)


class _InverseStft:
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


def _first_phases(magnitudes: torch.Tensor, hop_in_bins: float) -> torch.Tensor:
    """Phases that a sum of slowly moving partials would have, each starting at sample 0.

    Every bin belongs to the nearest peak of its frame, and turns from frame to frame by that peak's
    frequency. From there 16 updates reach what 32 reach from random phases.

    Args:
        magnitudes: (1, bins, frames).
        hop_in_bins: hop over FFT length, cycles that bin 1 makes from frame to frame.

    Reference: Laroche and Dolson, 1999, "Improved phase vocoder time-scale modification of audio",
    section 4, for the regions of influence.
    """
    level = torch.log(magnitudes + TINY)
    below, here, above = level[:, :-2], level[:, 1:-1], level[:, 2:]
    peak = torch.nn.functional.pad((here > below) & (here >= above), (0, 0, 1, 1))
    curvature = below - 2.0 * here + above
    offset = (0.5 * (below - above) / (curvature - TINY)).clamp(-0.5, 0.5)
    offset = torch.nn.functional.pad(offset, (0, 0, 1, 1))
    count = level.shape[1]
    bins = torch.arange(count)[None, :, None].expand_as(level)
    under = torch.where(peak, bins, -count).cummax(dim=1).values
    over = -torch.where(peak, -bins, -2 * count).flip(1).cummax(dim=1).values.flip(1)
    nearest = torch.where(bins - under <= over - bins, under, over)
    found = (nearest >= 0) & (nearest < count)
    nearest = torch.where(found, nearest, bins)
    frequency = nearest + torch.where(found, offset.gather(1, nearest), 0.0)
    advance = frequency * hop_in_bins
    cycles = torch.cumsum(0.5 * (advance[:, :, 1:] + advance[:, :, :-1]), dim=2)
    cycles = torch.nn.functional.pad(cycles, (1, 0)) % 1.0
    return torch.polar(torch.ones_like(cycles), 2.0 * torch.pi * cycles)
