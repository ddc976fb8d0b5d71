"""Sounds that are there already to where a batch begins instead of noise alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import torch

from oneshot_server.domain.reshape import Inpaint, Morph, Reshape, Vary
from oneshot_server.dsp.image import mel_to_image
from oneshot_server.dsp.inversion import Heard, mel_level, mel_to_detail
from oneshot_server.dsp.mel import magnitudes_to_mel, waveform_to_magnitudes
from oneshot_server.pipeline.decoding import latents_to_mels
from oneshot_server.pipeline.model import Model

MORPH_STRENGTH: Final = 0.7
"""Share of the steps that are done half-way between two sounds: a mixture of two spectrograms is
heard as both at once, and the model makes one sound of it."""

PARALLEL: Final = 1e-3  # radians; single precision tells no shorter arc from a line


@dataclass(frozen=True, kw_only=True, eq=False)
class ParentSound:
    """A sound as the model sees it, and what the model does not see of it.

    Attributes:
        mel_db: (1, mels, frames), dB.
        latents: (1, channels, rows, columns), scaled as the UNet wants them.
        waveform: (1, samples), on the CPU, at the level of ``dsp.inversion.level_with_mel``.
        detail: (1, bins, frames), what autoencoder and mel lose of its magnitudes, as a factor.
    """

    mel_db: torch.Tensor
    latents: torch.Tensor
    waveform: torch.Tensor
    detail: torch.Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Start:
    """Where a batch begins.

    Attributes:
        latents: (1, channels, rows, columns).
        strength: share of the sampler's steps that are done, 0 to 1.
        told: what the model is told at either end, where the request has no prompt.
        share: how far from the first end to the second, 0 to 1.
        heard: what the inversion takes from the sounds.
        kept: the part that stays, if one does.
    """

    latents: torch.Tensor
    strength: float
    told: tuple[str, str]
    share: float
    heard: Heard
    kept: "Kept | None" = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """The part of a sound that stays.

    Attributes:
        columns: (columns,), bool, of latents.
        frames: (frames,), bool, of the mel.
        mel_db: (1, mels, frames), dB, the sound's own.
    """

    columns: torch.Tensor
    frames: torch.Tensor
    mel_db: torch.Tensor


@torch.inference_mode()
def waveform_to_parent(waveform: torch.Tensor, model: Model) -> ParentSound:
    """Encode a sound.

    Args:
        waveform: (samples,) of the model's profile, as ``dsp.prepare`` makes it.
        model: whose autoencoder is used.

    Raises:
        PrecisionError: half precision gave no latents.
    """
    profile = model.card.profile
    magnitudes = waveform_to_magnitudes(waveform[None], profile)
    mel_db = magnitudes_to_mel(magnitudes, profile)
    image = mel_to_image(mel_db, profile, model.card.image_channels)
    image = image.to(device=model.device, dtype=model.vae.dtype)
    latents = model.vae.encode(image).latent_dist.mode() * model.vae.config.scaling_factor
    level = mel_level(magnitudes, profile)
    return ParentSound(
        mel_db=mel_db,
        latents=latents.float(),
        waveform=waveform * level,
        detail=mel_to_detail(
            latents_to_mels(latents, model), magnitudes * level[:, :, None], profile
        ),
    )


def start_from(reshape: Reshape, parents: Sequence[ParentSound], model: Model) -> Start:
    """Where to begin.

    Args:
        reshape: what is done.
        parents: its parents, in its order.
        model: the model.
    """
    first, last = parents[0], parents[-1]
    told = (reshape.parents[0].told, reshape.parents[-1].told)
    match reshape:
        case Vary(strength=strength):
            return Start(
                latents=first.latents,
                strength=strength,
                told=told,
                share=0.0,
                heard=Heard(waveform=first.waveform, detail=first.detail ** (1.0 - strength)),
            )
        case Morph(t=t):
            # No noise at the ends, so that they are the sounds themselves.
            strength = MORPH_STRENGTH * 4.0 * t * (1.0 - t)
            detail = first.detail ** (1.0 - t) * last.detail**t
            return Start(
                latents=slerp(first.latents.flatten(), last.latents.flatten(), t).view_as(
                    first.latents
                ),
                strength=strength,
                told=told,
                share=t,
                heard=Heard(
                    waveform=first.waveform if t < 0.5 else last.waveform,
                    detail=detail ** (1.0 - strength),
                ),
            )
        case Inpaint():
            kept, whole = _kept(reshape, first, model)
            return Start(
                latents=first.latents,
                strength=1.0,
                told=told,
                share=0.0,
                heard=Heard(waveform=first.waveform, kept=whole),
                kept=kept,
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


def _kept(inpaint: Inpaint, parent: ParentSound, model: Model) -> tuple[Kept, torch.Tensor]:
    """What is on the kept side of the edge of latents that is nearest to the split.

    Returns:
        The part, and (frames,), bool, those of its frames that hear nothing beyond it.
    """
    profile = model.card.profile
    edges = latent_edges(model)
    split = (inpaint.split * profile.sample_rate + profile.pad) / profile.hop
    # One column at least is kept, and one made anew.
    column = min(range(1, len(edges)), key=lambda number: abs(edges[number - 1] - split))
    edge = edges[column - 1]
    beyond = math.ceil(profile.window / 2 / profile.hop)
    frames, columns = torch.arange(profile.frames), torch.arange(len(edges))
    if inpaint.keep == "attack":
        parts = (columns < column, frames < edge, frames < edge - beyond)
    else:
        parts = (columns >= column, frames >= edge, frames >= edge + beyond)
    kept_columns, kept_frames, whole_frames = parts
    kept = Kept(columns=kept_columns.to(model.device), frames=kept_frames, mel_db=parent.mel_db)
    return kept, whole_frames


def latent_edges(model: Model) -> tuple[int, ...]:
    """Where each column of latents ends, frames."""
    columns = model.latent_shape[2]
    widths = (
        model.vae.config.get("patch_frames") or (model.card.profile.frames // columns,) * columns
    )
    return tuple(accumulate(widths))
