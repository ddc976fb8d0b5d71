"""What a folder or file of weights is, by names and shapes alone; what is not played is named."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from oneshot_server.errors import ModelError, NotFoundError
from oneshot_server.library.safetensors_header import SafetensorsHeader, read_header

Family = Literal["sd1", "sd2"]
Prediction = Literal["epsilon", "v_prediction"]

FAMILIES: Final[Mapping[int, Family]] = {768: "sd1", 1024: "sd2"}
"""By the width of the text that the UNet attends to."""
NAMES: Final[Mapping[Family, str]] = {
    "sd1": "Stable Diffusion 1.x",
    "sd2": "Stable Diffusion 2.x",
}
PICKLES: Final = frozenset({".ckpt", ".pt", ".pth", ".bin", ".pkl"})
EXPECTED: Final = "expected Stable Diffusion 1.x or 2.x"

UNET: Final = "model.diffusion_model."
TEXT_WIDTH: Final = f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
FIRST_CONV: Final = f"{UNET}input_blocks.0.0.weight"
LATENT_CHANNELS: Final = 4
INPAINTING_CHANNELS: Final = 9
"""Latents, the masked image's latents, and the mask."""
OTHERS: Final = (
    ("conditioner.embedders.1.", "Stable Diffusion XL"),
    ("conditioner.embedders.0.", "the refiner of Stable Diffusion XL"),
    ("joint_blocks.", "Stable Diffusion 3"),
    ("double_blocks.", "Flux"),
    ("control_model.", "a ControlNet"),
    ("lora_unet_", "a LoRA: put it into the folder loras"),
    ("unet.", "a LoRA, or a part of a model: put a LoRA into the folder loras"),
    ("down_blocks.", "a UNet alone, in diffusers' layout: a whole folder or checkpoint is needed"),
    ("encoder.down.", "an autoencoder alone: a whole checkpoint is needed"),
)
"""Beginnings of keys, with or without ``model.diffusion_model.``, and whose they are."""
PIPELINES: Final = (
    ("StableDiffusionXL", "Stable Diffusion XL"),
    ("StableDiffusion3", "Stable Diffusion 3"),
    ("Flux", "Flux"),
    ("StableDiffusionInpaint", "an inpainting model"),
)
PARTS: Final = ("unet", "text_encoder", "tokenizer", "vae", "scheduler")
DISTILLED: Final = "unet_distilled"
"""A part that a model may have beside: a UNet like the other one, for few steps."""


def recognise_file(path: Path) -> tuple[Family, SafetensorsHeader]:
    """What a single checkpoint is.

    Raises:
        NotFoundError: it is not there.
        ModelError: it is no checkpoint of Stable Diffusion 1.x or 2.x in its first layout; the text
            says what it is, if that can be told, and what to do.
    """
    if not path.is_file():
        raise NotFoundError(f"{path} is not there")
    if path.suffix.lower() in PICKLES:
        raise ModelError(explain_pickle(path))
    header = read_header(path)
    shapes = header.shapes
    family = FAMILIES.get(shapes.get(TEXT_WIDTH, (0,))[-1])
    if family is None or any(key.startswith("conditioner.") for key in shapes):
        raise ModelError(f"{path} is {_name_file(shapes)}, {EXPECTED}")
    channels = shapes.get(FIRST_CONV, (0, 0))[1]
    if channels != LATENT_CHANNELS:
        what = "an inpainting or instruction model" if channels else "not whole"
        raise ModelError(
            f"{path} is {what}: its UNet takes {channels} channels, expected {LATENT_CHANNELS}"
        )
    for begin, what in (("first_stage_model.", "autoencoder"), ("cond_stage_model.", "text model")):
        if not any(key.startswith(begin) for key in shapes):
            raise ModelError(
                f"{path} has no {what} ({begin}…): it was pruned too far, get the whole checkpoint"
            )
    return family, header


def recognise_folder(folder: Path) -> None:
    """Make sure that a folder is a model of Stable Diffusion 1.x or 2.x in diffusers' layout.

    Raises:
        NotFoundError: it is not there.
        ModelError: it is something else, or not whole; the text says what and what to do.
    """
    if not folder.is_dir():
        raise NotFoundError(f"{folder} is not there")
    if other := _other_pipeline(folder):
        raise ModelError(f"{folder} is {other}, {EXPECTED}")
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if missing:
        checkpoints = sorted(path.name for path in folder.glob("*.safetensors"))
        advice = f"; add the file itself: {folder / checkpoints[0]}" if checkpoints else ""
        raise ModelError(
            f"{folder} is no model in diffusers' layout: {', '.join(missing)} missing, "
            f"expected {', '.join(PARTS)}{advice}"
        )
    for part in ("unet", "text_encoder", "vae"):
        _check_weights(folder / part)


def _other_pipeline(folder: Path) -> str:
    """What a folder is, if it is what is not played; empty if it may be played."""
    pipeline = str(read_json(folder / "model_index.json").get("_class_name", ""))
    for begin, name in PIPELINES:
        if pipeline.startswith(begin):
            return f"{name} ({pipeline})"
    for part, name in (
        ("text_encoder_3", "Stable Diffusion 3"),
        ("text_encoder_2", "Stable Diffusion XL"),
        ("transformer", "a diffusion transformer"),
    ):
        if (folder / part).is_dir():
            return f"{name} (it has {part})"
    channels = read_json(folder / "unet" / "config.json").get("in_channels")
    return "an inpainting model" if channels == INPAINTING_CHANNELS else ""


def _check_weights(part: Path) -> None:
    weights = sorted(part.glob("*.safetensors"))
    pickles = [path for path in part.iterdir() if path.suffix.lower() in PICKLES]
    if not weights and pickles:
        raise ModelError(explain_pickle(pickles[0]))
    if not weights:
        raise ModelError(f"{part} has no weights, expected a .safetensors file")
    for path in weights:
        read_header(path)


def kind_of(weights: Path) -> tuple[str, str]:
    """A name for what a folder or file of weights is, and what its UNet predicts as far as told.

    Raises:
        NotFoundError: it is not there.
        ModelError: it cannot be read.
    """
    if weights.is_file():
        family, _ = recognise_file(weights)
        return NAMES[family], "epsilon"
    width = read_json(weights / "unet" / "config.json").get("cross_attention_dim")
    known = FAMILIES.get(width) if isinstance(width, int) else None
    scheduler = read_json(weights / "scheduler" / "scheduler_config.json")
    name = NAMES[known] if known else "of Stable Diffusion's architecture"
    return name, str(scheduler.get("prediction_type", "epsilon"))


def read_json(path: Path) -> dict[str, Any]:
    """An object of a JSON file; empty if the file is not there.

    Raises:
        ModelError: it is broken.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None


def explain_pickle(path: Path) -> str:
    """Why a pickled file is refused, and how to make one that is not."""
    new = path.with_suffix(".safetensors").name
    return (
        f"{path} is a pickle, which may run any program when it is opened: only .safetensors is "
        "loaded. Look for the same model as .safetensors, or, if you trust where it came from, "
        f'convert it in its folder: python -c "import torch, safetensors.torch as s; '
        f"t = torch.load('{path.name}', map_location='cpu', weights_only=True); "
        f"t = t.get('state_dict', t); s.save_file({{k: v.clone().contiguous() for k, v in "
        f"t.items() if isinstance(v, torch.Tensor)}}, '{new}')\""
    )


def _name_file(shapes: Mapping[str, tuple[int, ...]]) -> str:
    for begin, name in OTHERS:
        if any(key.removeprefix(UNET).startswith(begin) for key in shapes):
            return name
    width = shapes.get(TEXT_WIDTH, (0,))[-1]
    if width:
        return f"a model that attends to texts of width {width}"
    few = ", ".join(key[:60] for key in sorted(shapes)[:3]) or "nothing"
    return f"no model that is known here (it holds {few} …)"
