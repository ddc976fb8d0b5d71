"""How large a model is, read off the heads of its files before anything is loaded."""

import math
from pathlib import Path
from typing import Any, Final

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.library.safetensors_header import read_header
from oneshot_server.pipeline.device_plan import Size
from oneshot_server.pipeline.model_folder import ModelCard, distilled_of, weights_of
from oneshot_server.pipeline.stable_diffusion.architecture import architecture
from oneshot_server.pipeline.stable_diffusion.recognise import UNET, read_json, recognise_file

REDUCTION: Final = 8
"""Pixels of an image to a cell of its latents, along each side."""
HALF: Final = ".fp16"


def model_size(folder: Path, card: ModelCard) -> Size:
    """Of a model.

    Raises:
        NotFoundError: its weights are not there.
        ModelError: they cannot be read.
    """
    weights = weights_of(folder, card)
    distilled = distilled_of(weights, card)
    if weights.is_file():
        family, header = recognise_file(weights)
        plan = architecture(family)
        counts = {"unet": 0, "text_encoder": 0, "vae": 0}
        for key, shape in header.shapes.items():
            begins = {
                UNET: "unet",
                "cond_stage_model.": "text_encoder",
                "first_stage_model.": "vae",
            }
            for begin, part in begins.items():
                counts[part] += math.prod(shape) * key.startswith(begin)
        return _size(counts, plan.unet, plan.vae, card.profile)
    folders = {part: weights / part for part in ("unet", "text_encoder", "vae")}
    if distilled is not None:
        folders["distilled_unet"] = distilled
    counts = {
        part: sum(
            math.prod(shape)
            for path in weight_files(folder)
            for shape in read_header(path).shapes.values()
        )
        for part, folder in folders.items()
    }
    unet, vae = (read_json(weights / part / "config.json") for part in ("unet", "vae"))
    return _size(counts, unet, vae, card.profile)


def weight_files(part: Path) -> list[Path]:
    """The files of a part that are loaded: of two precisions of the same, the full one."""
    files = sorted(part.glob("*.safetensors"))
    full = [path for path in files if HALF not in path.name and "non_ema" not in path.name]
    return full or files


def _size(
    counts: dict[str, int], unet: dict[str, Any], vae: dict[str, Any], profile: MelProfile
) -> Size:
    pixels = profile.mels * profile.frames
    width = (unet.get("block_out_channels") or [320])[0]
    decoder = (vae.get("block_out_channels") or [0])[:2][-1]
    return Size(
        **counts,
        unet_cells=pixels // REDUCTION**2 * width,
        vae_cells=pixels * decoder,
    )
