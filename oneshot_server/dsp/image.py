"""Mel spectrogram to a model's image and back, laid out by the profile; column 0 is the attack."""

import torch

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.errors import ProfileMismatchError


def mel_to_image(mel_db: torch.Tensor, profile: MelProfile, channels: int) -> torch.Tensor:
    """Paint dB as a diffusion model's images.

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
    if profile.image_curve == "db":
        image = mel_db * (2.0 / profile.range_db) + 1.0
    else:
        exponent = profile.power * profile.image_power / 20.0
        painted = torch.where(mel_db <= -profile.range_db, 0.0, 10.0 ** (mel_db * exponent))
        image = painted * 2.0 - 1.0
    if profile.image_inverted:
        image = -image
    if profile.image_low_row == "bottom":
        image = image.flip(1)
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
    level = image.mean(dim=1)
    _check(level, profile)
    if profile.image_low_row == "bottom":
        level = level.flip(1)
    if profile.image_inverted:
        level = -level
    if profile.image_curve == "db":
        mel_db = (level - 1.0) * (profile.range_db / 2.0)
    else:
        # Under a thousandth of a grey level lies nothing that a pixel could have meant.
        painted = (level * 0.5 + 0.5).clamp_min(1e-6)
        mel_db = torch.log10(painted) * (20.0 / (profile.power * profile.image_power))
    return mel_db.clamp(-profile.range_db, 0.0)


def _check(mel_db: torch.Tensor, profile: MelProfile) -> None:
    if tuple(mel_db.shape[1:]) != (profile.mels, profile.frames):
        raise ProfileMismatchError(
            f"{mel_db.shape[1]} mels by {mel_db.shape[2]} frames, "
            f"expected {profile.mels} by {profile.frames} for profile {profile.name}"
        )
