"""Sounds that are there already to where a batch begins instead of noise alone."""

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import torch

from oneshot_server.domain.reshape import Inpaint, Morph, Reshape, Vary
from oneshot_server.dsp.image import mel_to_image
from oneshot_server.dsp.inversion import level_with_mel
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.pipeline.model import Model

MORPH_STRENGTH: Final = 0.5
"""Share of the steps that are done half-way between two sounds: a mixture of two spectrograms is
heard as both at once, and the model makes one sound of it."""

PARALLEL: Final = 1e-4  # radians; an arc so short is a line


@dataclass(frozen=True, kw_only=True, eq=False)
class ParentSound:
    """A sound as the model sees it.

    Attributes:
        mel_db: (1, mels, frames), dB.
        latents: (1, channels, rows, columns), scaled as the UNet wants them.
        heard: (1, samples), on the CPU, at the level of ``dsp.inversion.level_with_mel``.
        told: what the model is told of it; empty for nothing.
    """

    mel_db: torch.Tensor
    latents: torch.Tensor
    heard: torch.Tensor
    told: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """The part of a sound that stays.

    Attributes:
        columns: (columns,), bool, of latents.
        mel_db: (1, mels, frames), dB, the sound's own.
        frames: (frames,), bool, of the mel.
        whole_frames: (frames,), bool, those of them that hear nothing beyond the part.
    """

    columns: torch.Tensor
    mel_db: torch.Tensor
    frames: torch.Tensor
    whole_frames: torch.Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Start:
    """Where a batch begins.

    Attributes:
        latents: (1, channels, rows, columns).
        strength: share of the sampler's steps that are done, 0 to 1.
        told: what the model is told at either end, where the request has no prompt.
        share: how far from the first end to the second, 0 to 1.
        heard: (1, samples), a sound whose phases fit.
        kept: the part that stays, if one does.
    """

    latents: torch.Tensor
    strength: float
    told: tuple[str, str]
    share: float
    heard: torch.Tensor
    kept: Kept | None = None


@torch.inference_mode()
def waveform_to_parent(waveform: torch.Tensor, told: str, model: Model) -> ParentSound:
    """Encode a sound.

    Args:
        waveform: (samples,) of the model's profile, as ``dsp.prepare`` makes it.
        told: what the model is told of it.
        model: whose autoencoder is used.
    """
    profile = model.card.profile
    mel_db = waveform_to_mel(waveform[None], profile)
    image = mel_to_image(mel_db, profile, model.card.image_channels)
    image = image.to(device=model.device, dtype=model.vae.dtype)
    latents = model.vae.encode(image).latent_dist.mode() * model.vae.config.scaling_factor
    return ParentSound(
        mel_db=mel_db,
        latents=latents.float(),
        heard=level_with_mel(waveform[None], profile),
        told=told,
    )


def start_from(reshape: Reshape, parents: tuple[ParentSound, ...], model: Model) -> Start:
    """Where to begin.

    Args:
        reshape: what is done.
        parents: its parents.
        model: the model.
    """
    first, last = parents[0], parents[-1]
    told = (first.told, last.told)
    match reshape:
        case Vary(strength=strength):
            return Start(
                latents=first.latents, strength=strength, told=told, share=0.0, heard=first.heard
            )
        case Morph(t=t):
            return Start(
                latents=slerp(first.latents.flatten(1), last.latents.flatten(1), t).view_as(
                    first.latents
                ),
                # Nothing at the ends, so that they are the sounds themselves.
                strength=MORPH_STRENGTH * math.sin(math.pi * t),
                told=told,
                share=t,
                heard=first.heard if t < 0.5 else last.heard,
            )
        case Inpaint():
            return Start(
                latents=first.latents,
                strength=1.0,
                told=told,
                share=0.0,
                heard=first.heard,
                kept=_kept(reshape, first.mel_db, model),
            )


def slerp(first: torch.Tensor, second: torch.Tensor, share: float) -> torch.Tensor:
    """Between vectors of the last axis, on the arc from one to the other.

    Reference: Shoemake, 1985, "Animating rotation with quaternion curves".
    """
    unit = torch.nn.functional.normalize
    cosine = (unit(first, dim=-1) * unit(second, dim=-1)).sum(dim=-1, keepdim=True)
    angle = torch.acos(cosine.clamp(-1.0, 1.0))
    curved = (
        torch.sin((1.0 - share) * angle) * first + torch.sin(share * angle) * second
    ) / torch.sin(angle)
    # Of opposite ends every arc is the shortest, and next to each other it is the line.
    on_an_arc = (angle > PARALLEL) & (math.pi - angle > PARALLEL)
    return torch.where(on_an_arc, curved, torch.lerp(first, second, share))


def _kept(inpaint: Inpaint, mel_db: torch.Tensor, model: Model) -> Kept:
    """The columns of latents, and frames, on the kept side of the edge nearest to the split."""
    profile = model.card.profile
    edges = latent_edges(model)
    split = (inpaint.split * profile.sample_rate + profile.pad) / profile.hop
    # One column at least is kept, and one made anew.
    column = min(range(1, len(edges)), key=lambda number: abs(edges[number - 1] - split))
    edge = edges[column - 1]
    # Frames nearer to the edge than half a window hear the other side.
    beyond = math.ceil(profile.window / 2 / profile.hop)
    frames, columns = torch.arange(profile.frames), torch.arange(len(edges))
    if inpaint.keep == "attack":
        parts = (columns < column, frames < edge, frames < edge - beyond)
    else:
        parts = (columns >= column, frames >= edge, frames >= edge + beyond)
    return Kept(
        columns=parts[0].to(model.device), mel_db=mel_db, frames=parts[1], whole_frames=parts[2]
    )


def latent_edges(model: Model) -> tuple[int, ...]:
    """Where each column of latents ends, frames."""
    columns = model.latent_shape[2]
    widths = (
        model.vae.config.get("patch_frames") or (model.card.profile.frames // columns,) * columns
    )
    return tuple(accumulate(widths))
