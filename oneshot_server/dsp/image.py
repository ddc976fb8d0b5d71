"""Mel spectrogram to a model's image and back. Row 0 is the lowest mel, column 0 the attack."""

import torch

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.errors import ProfileMismatchError


def mel_to_image(mel_db: torch.Tensor, profile: MelProfile, channels: int) -> torch.Tensor:
    """Scale dB to the range of a diffusion model's images.

    Args:
        mel_db: (batch, mels, frames), ``-range_db`` to 0.
        profile: the mel profile.
        channels: of the image; all alike.

    Returns:
        (batch, channels, mels, frames), -1 to 1.

    Raises:
        ProfileMismatchError: mel_db has another number of mels or frames.
    """
    _check(mel_db, profile)
    image = mel_db * (2.0 / profile.range_db) + 1.0
    return image[:, None].expand(-1, channels, -1, -1)


def image_to_mel(image: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    """Read an image as dB.

    Args:
        image: (batch, channels, mels, frames), -1 to 1; what lies outside is cut.
        profile: the mel profile.

    Returns:
        (batch, mels, frames), ``-range_db`` to 0, the mean of the channels.

    Raises:
        ProfileMismatchError: the image has another number of mels or frames.
    """
    mel_db = (image.mean(dim=1) - 1.0) * (profile.range_db / 2.0)
    _check(mel_db, profile)
    return mel_db.clamp(-profile.range_db, 0.0)


def _check(mel_db: torch.Tensor, profile: MelProfile) -> None:
    if tuple(mel_db.shape[1:]) != (profile.mels, profile.frames):
        raise ProfileMismatchError(
            f"{mel_db.shape[1]} mels by {mel_db.shape[2]} frames, "
            f"expected {profile.mels} by {profile.frames} for profile {profile.name}"
        )
