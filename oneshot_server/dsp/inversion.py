"""Log-mel to waveform: magnitudes by multiplicative updates, phases by peaks and Griffin-Lim."""

import math
from dataclasses import dataclass
from typing import Final

import torch

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.magnitudes import mel_to_magnitudes
from oneshot_server.dsp.mel import (
    TINY,
    band_gains,
    filterbank,
    loudest_band,
    waveform_to_magnitudes,
    window_norm,
)
from oneshot_server.dsp.phases import magnitudes_to_waveform
from oneshot_server.errors import ProfileMismatchError

GRIFFIN_LIM_ITERATIONS: Final = 16
QUIET: Final = 1e-4  # of the loudest bin; what lies below has no detail
MOST_DETAIL: Final = 10.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Heard:
    """A sound that an inversion is to resemble, for it has what a mel does not tell.

    Attributes:
        waveform: (1, samples), at the level of ``level_with_mel``. Its phases are begun from.
        detail: (1, bins, frames), what the magnitudes are multiplied by, as ``mel_to_detail`` gives
            it; ``None`` for nothing.
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
    griffin_lim_iterations: int = GRIFFIN_LIM_ITERATIONS,
    whole_fft: bool = False,
    heard: Heard | None = None,
) -> torch.Tensor:
    """Invert a log-mel spectrogram. The same input gives the same output, whatever is beside it.

    Args:
        mel_db: (batch, mels, frames), dB below the loudest band, ``-range_db`` to 0.
        profile: the mel profile.
        griffin_lim_iterations: updates of the phases.
        whole_fft: search on the profile's own transform: several times as long for a tenth less
            error, where nobody waits. Not with a heard sound's detail.
        heard: a sound that it resembles.

    Returns:
        (batch, samples), float32; a sine at 0 dB has an amplitude of 0.3 to 1.2, as the bands of
        a mel hold one bin or many.

    Raises:
        ProfileMismatchError: if mel_db has not the profile's mels and frames.
        ValueError: if heard has a detail and the search is on the whole transform.
    """
    if tuple(mel_db.shape[1:]) != (profile.mels, profile.frames):
        raise ProfileMismatchError(
            f"mel of shape {tuple(mel_db.shape)}, "
            f"expected (batch, {profile.mels}, {profile.frames}) for profile {profile.name}"
        )
    if whole_fft and heard is not None and heard.detail is not None:
        raise ValueError("whole_fft = True with a heard sound's detail, expected one or the other")
    n_fft = profile.n_fft if whole_fft else _short_fft(profile)
    # One by one: a single spectrogram stays in the processor's cache, and no bit of a sound
    # depends on the others.
    return torch.cat(
        [_invert(one, profile, n_fft, griffin_lim_iterations, heard) for one in mel_db.split(1)]
    )


def _invert(
    mel_db: torch.Tensor,
    profile: MelProfile,
    n_fft: int,
    iterations: int,
    heard: Heard | None,
) -> torch.Tensor:
    """As ``mel_to_waveform``, of one sound, up to where it ends."""
    # What is no number is no silence.
    sounding = ~(mel_db <= -profile.range_db).all(dim=1)[0]
    if not bool(sounding.any()):
        return mel_db.new_zeros(1, profile.samples)
    last = int(sounding.nonzero().max())
    # Silent frames have no magnitudes, so behind the last window that sounds every sample is zero:
    # a shorter profile gives the same. Its end is silent for as long as a mirrored edge reaches.
    behind = (profile.window + profile.n_fft) // 2 + 2 * profile.pad
    frames = min(profile.frames, last + 1 + math.ceil(behind / profile.hop))
    magnitudes = mel_to_magnitudes(mel_db[:, :, :frames], profile, n_fft=n_fft)
    # A sine of amplitude 1 has a magnitude of half the window's sum.
    magnitudes = magnitudes * (profile.window / 4)
    lowest = _lowest_bin(profile, n_fft)
    if heard is not None and heard.detail is not None:
        magnitudes = _fill_below(magnitudes, lowest) * heard.detail[:, :, :frames]
        lowest = 0
    waveform = magnitudes_to_waveform(
        magnitudes,
        profile,
        n_fft,
        iterations=iterations,
        lowest=lowest,
        heard=None if heard is None else heard.waveform,
        kept=None if heard is None or heard.kept is None else heard.kept[:frames],
    )
    return torch.nn.functional.pad(waveform, (0, profile.samples - waveform.shape[1]))


def _short_fft(profile: MelProfile) -> int:
    """The shortest transform that the window allows.

    The window fills only part of the FFT, so every other bin or so says nothing new: a search there
    takes a fraction of the time.
    """
    n_fft = profile.n_fft
    while n_fft % 2 == 0 and n_fft // 2 >= profile.window:
        n_fft //= 2
    return n_fft


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
        (batch, bins, frames), 0.1 to 10, around 1; bins of the transform that phases are sought on.
    """
    n_fft = _short_fft(profile)
    told = _fill_below(
        mel_to_magnitudes(mel_db, profile, n_fft=n_fft) * (profile.window / 4),
        _lowest_bin(profile, n_fft),
    )
    true = magnitudes[:, :: profile.n_fft // n_fft, : profile.frames]
    if profile.normalized:
        true = true * window_norm(profile)
    quiet = true.amax(dim=(1, 2), keepdim=True) * QUIET + TINY
    return ((true + quiet) / (told + quiet)).clamp(1.0 / MOST_DETAIL, MOST_DETAIL)


def _lowest_bin(profile: MelProfile, n_fft: int) -> int:
    """The first bin that a band tells of; below it a short window's bass still reaches."""
    first = int((filterbank(profile).sum(dim=0) > 0.0).int().argmax())
    return math.ceil(first * n_fft / profile.n_fft)


def _fill_below(magnitudes: torch.Tensor, lowest: int) -> torch.Tensor:
    """Bins under the lowest band as loud as its first."""
    edge = magnitudes[:, lowest : lowest + 1].expand(-1, lowest, -1)
    return torch.cat([edge, magnitudes[:, lowest:]], 1)
