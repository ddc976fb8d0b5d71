"""A closed-form autoencoder for log-mel images: principal components of patches.

It stands where Stable Diffusion has its ``AutoencoderKL`` and has the same interface, so that one
code path renders both. A sound's attack carries most of what is heard and lasts a few frames, so
the columns of patches grow wider with time: fine at the attack, coarse in the tail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin

WHITENING: Final = 0.6


@dataclass(frozen=True)
class Latents:
    """A distribution without spread: the projection, (batch, channels, rows, columns)."""

    mean: torch.Tensor

    def sample(self, generator: torch.Generator | None = None) -> torch.Tensor:  # noqa: ARG002 - AutoencoderKL's interface
        """The projection; nothing is drawn."""
        return self.mean

    def mode(self) -> torch.Tensor:
        """The projection."""
        return self.mean


@dataclass(frozen=True)
class Encoded:
    """What ``encode`` returns, as ``AutoencoderKL`` names it."""

    latent_dist: Latents


@dataclass(frozen=True)
class Decoded:
    """What ``decode`` returns, as ``AutoencoderKL`` names it: (batch, 1, mels, frames), -1 to 1."""

    sample: torch.Tensor


class PatchCodec(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is untyped
    """Images to latents and back, each one matrix product per column of patches.

    Args:
        latent_channels: components kept of each patch.
        patch_mels: height of a patch, mel rows.
        patch_frames: widths of the columns of patches from the attack to the tail, frames.
        rows: patches above each other; the image has ``rows * patch_mels`` mels.
        scaling_factor: always 1; the basis is scaled already. Diffusers' trainers read it.

    Buffers, with ``width`` the widest column:
        mean: (columns, rows, patch_mels * width), the image's mean.
        analysis: (columns, channels, patch_mels * width), image to latent.
        synthesis: (columns, channels, patch_mels * width), latent to image.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        *,
        latent_channels: int,
        patch_mels: int = 8,
        patch_frames: Sequence[int] = (4, 4, 4, 8, 8, 8, 8, 12, 12, 16, 20, 24, 32, 32, 32, 32),
        rows: int = 16,
        scaling_factor: float = 1.0,  # noqa: ARG002 - kept in the config for diffusers' trainers
    ) -> None:
        super().__init__()
        columns, width = len(patch_frames), max(patch_frames)
        size = patch_mels * width
        self.register_buffer("mean", torch.zeros(columns, rows, size))
        self.register_buffer("analysis", torch.zeros(columns, latent_channels, size))
        self.register_buffer("synthesis", torch.zeros(columns, latent_channels, size))

    @classmethod
    def fit(
        cls, images: torch.Tensor, *, latent_channels: int, whitening: float = WHITENING
    ) -> Self:
        """Principal components of each column's patches.

        Args:
            images: (batch, 1, mels, frames), -1 to 1, of the class's default geometry.
            latent_channels: components kept.
            whitening: latents are divided by this power of their deviation, so that weak
                components are neither lost in a diffusion model's loss nor as loud as the first.

        Returns:
            A codec whose latents of ``images`` have a mean of 0 and, over all, a deviation of 1.
        """
        codec = cls(latent_channels=latent_channels)
        codec.mean.copy_(codec._cut(images).mean(dim=0, dtype=torch.float64).transpose(0, 1))
        codec._fit_components(images, 0, whitening)
        deviation = codec.encode(images).latent_dist.mean.std()
        codec.analysis /= deviation
        codec.synthesis *= deviation
        return codec  # type: ignore[no-any-return]  # diffusers is untyped

    def widened(
        self, images: torch.Tensor, *, latent_channels: int, whitening: float = WHITENING
    ) -> "PatchCodec":
        """This codec with more components behind its own, which stay as they are.

        A model that was trained with it can so be trained further to paint more detail.

        Args:
            images: (batch, 1, mels, frames), -1 to 1, whose rest the new components are of.
            latent_channels: components of the new codec.
            whitening: that this codec was fitted with.
        """
        codec: PatchCodec = PatchCodec.from_config(
            {**self.config, "latent_channels": latent_channels}
        )
        kept = self.config.latent_channels
        codec.mean.copy_(self.mean)
        codec.analysis[:, :kept], codec.synthesis[:, :kept] = self.analysis, self.synthesis
        codec._fit_components(images, kept, whitening)
        # A component of deviation d has a gain of d ** whitening times one number for all of them.
        latents = self.encode(images).latent_dist.mean
        gains = self.synthesis.norm(dim=2)
        deviations = gains * latents.std(dim=(0, 2)).T
        scale = (gains / deviations**whitening).mean()
        codec.analysis[:, kept:] /= scale
        codec.synthesis[:, kept:] *= scale
        return codec

    def _fit_components(self, images: torch.Tensor, first: int, whitening: float) -> None:
        """Fit the components from ``first`` on to what those before leave of the images."""
        patches = self._cut(images)
        reference: torch.Tensor | None = None
        for column, width in enumerate(self.config.patch_frames):
            centred = patches[:, :, column].double() - self.mean[column]
            known = (
                self.analysis[column, :first].double().T @ self.synthesis[column, :first].double()
            )
            left = (centred - centred @ known).flatten(0, 1)
            left = left.unflatten(1, (self.config.patch_mels, -1))
            left = left[..., :width].flatten(1)  # without the padding
            variances, directions = torch.linalg.eigh(left.T @ left / len(left))
            count = self.config.latent_channels - first
            basis = directions.flip(1)[:, :count].T
            deviations = variances.flip(0)[:count].clamp_min(1e-12).sqrt()
            # Neighbouring columns should mean the same by the same channel, as a convolution
            # expects: turn each component's sign to agree with the column before.
            shape = basis.unflatten(1, (self.config.patch_mels, width))
            stretched = torch.nn.functional.interpolate(shape, size=16, mode="linear")
            if reference is not None:
                agrees = (stretched * reference).sum(dim=(1, 2)).sign()
                agrees[agrees == 0] = 1
                shape, stretched = shape * agrees[:, None, None], stretched * agrees[:, None, None]
            reference = stretched
            scale = deviations[:, None] ** whitening
            padding = (0, max(self.config.patch_frames) - width)
            padded = torch.nn.functional.pad(shape, padding).flatten(1)
            self.analysis[column, first:] = padded / scale
            self.synthesis[column, first:] = padded * scale

    def encode(self, images: torch.Tensor) -> Encoded:
        """Project images on the components.

        Args:
            images: (batch, 1, mels, frames), -1 to 1.

        Returns:
            ``latent_dist`` of (batch, channels, rows, columns).
        """
        centred = self._cut(images) - self.mean.transpose(0, 1)
        return Encoded(Latents(torch.einsum("brcp,ckp->bkrc", centred, self.analysis)))

    def decode(self, latents: torch.Tensor) -> Decoded:
        """Paint images from latents of (batch, channels, rows, columns)."""
        patches = torch.einsum("bkrc,ckp->brcp", latents, self.synthesis)
        return Decoded(self._join(patches + self.mean.transpose(0, 1)).clamp(-1.0, 1.0))

    def _cut(self, images: torch.Tensor) -> torch.Tensor:
        """(batch, 1, mels, frames) to (batch, rows, columns, patch_mels * width), padded."""
        batch, width = images.shape[0], max(self.config.patch_frames)
        strips = images.reshape(batch, self.config.rows, self.config.patch_mels, -1)
        return torch.stack(
            [
                torch.nn.functional.pad(strip, (0, width - strip.shape[-1])).flatten(2)
                for strip in strips.split(list(self.config.patch_frames), dim=3)
            ],
            dim=2,
        )

    def _join(self, patches: torch.Tensor) -> torch.Tensor:
        """The way back from ``_cut``; the padding is dropped."""
        batch, rows = patches.shape[:2]
        strips = patches.unflatten(3, (self.config.patch_mels, -1))
        joined = torch.cat(
            [strips[:, :, c, :, :frames] for c, frames in enumerate(self.config.patch_frames)],
            dim=3,
        )
        return joined.reshape(batch, 1, rows * self.config.patch_mels, -1)
