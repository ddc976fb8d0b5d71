"""Any recording to the waveform that a profile's spectrogram stands for."""

from typing import Final

import soxr
import torch

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.errors import DefectError

ONSET_DB: Final = -50.0  # of the peak; room and converter noise of samples lies below
PRE_ROLL_SECONDS: Final = 0.001
FADE_SECONDS: Final = 0.02
SILENCE: Final = 1e-5  # -100 dBFS
CANCELLED: Final = 0.1  # share of the channels' mean energy that a fair mix keeps at least


def prepare(audio: torch.Tensor, sample_rate: int, profile: MelProfile) -> torch.Tensor:
    """Bring a recording to the profile's rate, length and level.

    Args:
        audio: (channels, samples), any rate and level.
        sample_rate: Hz.
        profile: the mel profile.

    Returns:
        (samples,) of the profile, peak 1, the onset within a millisecond of sample 0.

    Raises:
        DefectError: not finite, empty, silent, or shorter than one sample of the profile.
    """
    if audio.ndim != 2 or 0 in audio.shape:
        raise DefectError(f"audio of shape {tuple(audio.shape)}, expected (channels, samples)")
    if not torch.isfinite(audio).all():
        raise DefectError("audio has NaN or infinite samples, expected finite ones")
    waveform = _resample(_mix(audio.float()), sample_rate, profile.sample_rate)
    if not len(waveform):
        raise DefectError(
            f"audio is too short: {audio.shape[1]} samples at {sample_rate} Hz, "
            f"expected at least one at {profile.sample_rate} Hz"
        )
    peak = waveform.abs().amax()
    if peak < SILENCE:
        raise DefectError(f"audio is silent: its peak is {float(peak):.1e}")
    fitted = _fit(_cut_leading_silence(waveform / peak, profile.sample_rate), profile)
    # The loudest sample of a long recording may lie behind the cut.
    return fitted / fitted.abs().amax()


def _mix(audio: torch.Tensor) -> torch.Tensor:
    """The mean of the channels; the loudest alone where channels out of phase would cancel."""
    mixed = audio.mean(dim=0)
    energies = audio.square().mean(dim=1)
    if mixed.square().mean() < CANCELLED * energies.mean():
        return audio[energies.argmax()]
    return mixed


def _resample(waveform: torch.Tensor, sample_rate: int, target: int) -> torch.Tensor:
    if sample_rate == target:
        return waveform
    return torch.from_numpy(soxr.resample(waveform.numpy(), sample_rate, target, quality="VHQ"))


def _cut_leading_silence(waveform: torch.Tensor, sample_rate: int) -> torch.Tensor:
    audible = waveform.abs() > 10.0 ** (ONSET_DB / 20.0)
    onset = int(audible.int().argmax())
    return waveform[max(0, onset - round(PRE_ROLL_SECONDS * sample_rate)) :]


def _fit(waveform: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    missing = profile.samples - len(waveform)
    if missing >= 0:
        return torch.nn.functional.pad(waveform, (0, missing))
    fitted = waveform[: profile.samples].clone()
    fade = round(FADE_SECONDS * profile.sample_rate)
    fitted[-fade:] *= torch.linspace(1.0, 0.0, fade)
    return fitted
