"""Waveform to mel spectrogram."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import torch

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.errors import ProfileMismatchError

TINY: Final = 1e-8
"""What a magnitude is taken for where it divides or has a logarithm: far below what is heard."""

WINDOWS: Final[dict[str, Callable[[int], torch.Tensor]]] = {
    "hann": torch.hann_window,
    "hamming": torch.hamming_window,
    "blackman": torch.blackman_window,
    "bartlett": torch.bartlett_window,
    "kaiser": torch.kaiser_window,
}


@lru_cache(maxsize=8)
def filterbank(profile: MelProfile) -> torch.Tensor:
    """Triangular filters, evenly spaced on the profile's mel scale, each with a peak of 1.

    Returns:
        (mels, bins), 0 to 1.
    """
    bins = torch.linspace(0.0, profile.sample_rate / 2, profile.bins, dtype=torch.float64)
    edges = _band_edges(profile)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp_min(0.0).float()


def band_gains(profile: MelProfile) -> torch.Tensor:
    """What the bands of ``filterbank`` are multiplied by.

    Returns:
        (mels, 1), 2 / Hz of a band's width with ``norm = "slaney"``, else 1.
    """
    if profile.norm == "none":
        return torch.ones(profile.mels, 1)
    edges = _band_edges(profile)
    return (2.0 / (edges[2:] - edges[:-2]))[:, None].float()


def _band_edges(profile: MelProfile) -> torch.Tensor:
    """(mels + 2,), Hz: where a band begins, the next but one has its peak and the third ends.

    Reference: O'Shaughnessy, 1987, p. 150, for HTK's scale; Slaney, 1998, "Auditory Toolbox", p. 29
    for his: linear up to 1 kHz, then 27 bands for each factor of 6.4.
    """
    if profile.mel_scale == "htk":
        low, high = (2595.0 * math.log10(1.0 + f / 700.0) for f in (profile.f_min, profile.f_max))
        mels = torch.linspace(low, high, profile.mels + 2, dtype=torch.float64)
        return 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    low, high = (
        f * 3.0 / 200.0 if f < 1000.0 else 15.0 + 27.0 * math.log(f / 1000.0) / math.log(6.4)
        for f in (profile.f_min, profile.f_max)
    )
    mels = torch.linspace(low, high, profile.mels + 2, dtype=torch.float64)
    return torch.where(
        mels < 15.0, mels * 200.0 / 3.0, 1000.0 * 6.4 ** ((mels - 15.0).clamp_min(0.0) / 27.0)
    )


def analysis_window(profile: MelProfile, n_fft: int) -> torch.Tensor:
    """The profile's window, centred in ``n_fft`` samples."""
    return _window(profile.window_shape, profile.window, n_fft)


@lru_cache(maxsize=8)
def _window(shape: str, size: int, n_fft: int) -> torch.Tensor:
    before = (n_fft - size) // 2
    return torch.nn.functional.pad(WINDOWS[shape](size), (before, n_fft - size - before))


def waveform_to_spectrum(waveforms: torch.Tensor, profile: MelProfile, n_fft: int) -> torch.Tensor:
    """The short-time Fourier transform of a profile, with an FFT of its own or a shorter one.

    By default the signal is padded with zeros, not mirrored: a one-shot starts from silence.

    Args:
        waveforms: (batch, samples), any length.
        profile: the mel profile.
        n_fft: length of the FFT, from ``profile.window`` to ``profile.n_fft``. Frames are
            where they are with the profile's own.

    Returns:
        (batch, bins, frames), complex.
    """
    pad = torch.nn.functional.pad
    if profile.pad:
        waveforms = pad(waveforms, (profile.pad, profile.pad))
    if profile.center:
        waveforms = pad(waveforms[:, None], (n_fft // 2, n_fft // 2), mode=profile.pad_mode)[:, 0]
    else:
        shorter = (profile.n_fft - n_fft) // 2
        waveforms = waveforms[:, shorter : waveforms.shape[1] - shorter]
    spectrum: torch.Tensor = torch.stft(
        waveforms,
        n_fft,
        profile.hop,
        window=analysis_window(profile, n_fft),
        center=False,
        return_complex=True,
    )
    return spectrum


def waveform_to_magnitudes(waveforms: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    """Magnitudes of the short-time Fourier transform.

    Args:
        waveforms: (batch, samples), any length.
        profile: the mel profile.

    Returns:
        (batch, bins, frames); 1 + samples // hop frames where they are centred.
    """
    magnitudes = waveform_to_spectrum(waveforms, profile, profile.n_fft).abs()
    return magnitudes / window_norm(profile) if profile.normalized else magnitudes


@lru_cache(maxsize=8)
def window_norm(profile: MelProfile) -> float:
    """Root of the window's energy, which ``normalized`` magnitudes are divided by."""
    return float(analysis_window(profile, profile.n_fft).square().sum().sqrt())


def waveform_to_mel(waveforms: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    """Mel spectrogram in dB.

    Args:
        waveforms: (batch, samples), samples as many as the profile has.
        profile: the mel profile.

    Returns:
        (batch, mels, frames), dB below the loudest band of each sound, or below the profile's
        ``full_scale``; ``-range_db`` to 0. Silence is ``-range_db`` everywhere.

    Raises:
        ProfileMismatchError: another number of samples.
    """
    if waveforms.ndim != 2 or waveforms.shape[1] != profile.samples:
        raise ProfileMismatchError(
            f"waveforms of shape {tuple(waveforms.shape)}, "
            f"expected (batch, {profile.samples}) for profile {profile.name}"
        )
    return magnitudes_to_mel(waveform_to_magnitudes(waveforms, profile), profile)


def magnitudes_to_mel(magnitudes: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    """The mel of ``waveform_to_mel``, of a transform that is there already.

    Args:
        magnitudes: (batch, bins, frames or more), of ``waveform_to_magnitudes``.
        profile: the mel profile.
    """
    mel = _bands(magnitudes, profile)
    if profile.full_scale:
        relative = (mel / profile.full_scale).clamp_max(1.0)
    else:
        loudest = mel.amax(dim=(1, 2), keepdim=True)
        relative = torch.where(loudest > TINY, mel / loudest.clamp_min(TINY), 0.0)
    floor = 10.0 ** (-profile.range_db * profile.power / 20.0)
    return 20.0 / profile.power * torch.log10(relative.clamp_min(floor))


def loudest_band(magnitudes: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    """What 0 dB stands for in the mel of each sound, before the power; (batch,)."""
    return _bands(magnitudes, profile).amax(dim=(1, 2))


def _bands(magnitudes: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    bank = filterbank(profile) * band_gains(profile)
    return bank @ magnitudes[:, :, : profile.frames] ** profile.power
