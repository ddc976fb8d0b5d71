"""Waveform to log-mel spectrogram."""

import math
from functools import lru_cache

import torch

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.errors import ProfileMismatchError


@lru_cache(maxsize=8)
def filterbank(profile: MelProfile) -> torch.Tensor:
    """Triangular filters, evenly spaced on the HTK mel scale, each with a peak of 1.

    Returns:
        (mels, bins), 0 to 1.

    Reference: O'Shaughnessy, 1987, p. 150, for the scale.
    """
    bins = torch.linspace(0.0, profile.sample_rate / 2, profile.bins, dtype=torch.float64)
    low, high = (2595.0 * math.log10(1.0 + f / 700.0) for f in (profile.f_min, profile.f_max))
    edges = 700.0 * (
        10.0 ** (torch.linspace(low, high, profile.mels + 2, dtype=torch.float64) / 2595.0) - 1.0
    )
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp_min(0.0).float()


@lru_cache(maxsize=8)
def analysis_window(profile: MelProfile) -> torch.Tensor:
    """A periodic Hann window of ``profile.window``, centred in ``profile.n_fft`` samples."""
    window = torch.hann_window(profile.window)
    before = (profile.n_fft - profile.window) // 2
    return torch.nn.functional.pad(window, (before, profile.n_fft - profile.window - before))


def waveform_to_magnitudes(waveforms: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    """Magnitudes of the short-time Fourier transform, frame k centred on sample k * hop.

    The signal is padded with zeros, not mirrored: a one-shot starts from silence.

    Args:
        waveforms: (batch, samples), any length.
        profile: the mel profile.

    Returns:
        (batch, bins, frames), with 1 + samples // hop frames.
    """
    return torch.stft(
        waveforms,
        profile.n_fft,
        profile.hop,
        window=analysis_window(profile),
        center=True,
        pad_mode="constant",
        return_complex=True,
    ).abs()


def waveform_to_mel(waveforms: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    """Log-mel spectrogram of magnitudes.

    Args:
        waveforms: (batch, samples), samples as many as the profile has.
        profile: the mel profile.

    Returns:
        (batch, mels, frames), dB below the loudest bin of each sound, ``-range_db`` to 0; silence
        is ``-range_db`` everywhere.

    Raises:
        ProfileMismatchError: another number of samples.
    """
    if waveforms.ndim != 2 or waveforms.shape[1] != profile.samples:
        raise ProfileMismatchError(
            f"waveforms of shape {tuple(waveforms.shape)}, "
            f"expected (batch, {profile.samples}) for profile {profile.name}"
        )
    magnitudes = waveform_to_magnitudes(waveforms, profile)[:, :, : profile.frames]
    mel = filterbank(profile) @ magnitudes
    loudest = mel.amax(dim=(1, 2), keepdim=True)
    floor = 10.0 ** (-profile.range_db / 20.0)
    relative = torch.where(loudest > 1e-8, mel / loudest.clamp_min(1e-8), 0.0)
    return 20.0 * torch.log10(relative.clamp_min(floor))
