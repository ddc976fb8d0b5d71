"""Load a model once: the parts of a Stable Diffusion pipeline, on a device."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors import SafetensorError
from transformers import AutoTokenizer, CLIPTextModel
from transformers.utils.logging import disable_progress_bar

from oneshot_server.errors import ModelError
from oneshot_server.pipeline.device import choose_device, dtype_of
from oneshot_server.pipeline.device_plan import DevicePlan
from oneshot_server.pipeline.model_folder import (
    CARD_FILE,
    ModelCard,
    distilled_of,
    hash_model,
    read_card,
    read_words,
    weights_of,
)
from oneshot_server.pipeline.model_size import HALF, weight_files
from oneshot_server.pipeline.patch_codec import PatchCodec
from oneshot_server.pipeline.placing import place_parts
from oneshot_server.pipeline.prompt import Words
from oneshot_server.pipeline.stable_diffusion.checkpoint import load_checkpoint

__all__ = ["Model", "choose_device", "load_model"]

PLAIN: Final = DevicePlan()


@dataclass(frozen=True, kw_only=True)
class Model:
    """A loaded model. Diffusers' and transformers' parts are untyped.

    Attributes:
        card: what ``oneshot.json`` says.
        words: the vocabulary, or ``None`` for a model that takes any text.
        hash: SHA-256 over the model's files.
        tokenizer: text to token numbers.
        text_encoder: token numbers to embeddings, (batch, tokens, width).
        unet: the denoiser, on latents of (batch, channels, rows, columns).
        distilled_unet: the same for few steps; ``None`` for a model that has or needs none.
        vae: images of (batch, image_channels, mels, frames) to latents and back.
        scheduler_config: the noise schedule, as ``scheduler_config.json`` says.
        device: where the parts are.
        plan: how they are held there.
    """

    card: ModelCard
    words: Words | None
    hash: str
    tokenizer: Any
    text_encoder: Any
    unet: Any
    vae: Any
    scheduler_config: dict[str, Any]
    device: torch.device
    plan: DevicePlan = PLAIN
    distilled_unet: Any | None = None

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of one sound's latents.

        A learned autoencoder takes images of any size: the profile says which.
        """
        channels = self.unet.config.in_channels
        if (blocks := self.vae.config.get("block_out_channels")) is not None:
            reduction = 2 ** (len(blocks) - 1)
            profile = self.card.profile
            return channels, profile.mels // reduction, profile.frames // reduction
        size = self.unet.config.sample_size
        rows, columns = (size, size) if isinstance(size, int) else size
        return channels, rows, columns


def load_model(
    folder: Path, device: torch.device, plan: DevicePlan = PLAIN, *, distilled: bool = True
) -> Model:
    """Load every part of a model.

    Args:
        folder: with ``oneshot.json``.
        device: where the parts go.
        plan: how they are held there; by default in single precision and whole.
        distilled: whether the UNet for few steps is loaded, too, if there is one.

    Raises:
        NotFoundError: its weights are not there.
        ModelError: a file is missing, damaged, or of a kind that this version does not know.
    """
    card = read_card(folder)
    weights = weights_of(folder, card)
    words = read_words(weights)
    digest = hash_model(folder)
    # Their progress bars are for terminals; the engine's stderr is a log.
    disable_progress_bar()
    dtype = dtype_of(plan.precision)
    few_steps = distilled_of(weights, card) if distilled else None
    if weights.is_file():
        parts = load_checkpoint(weights, dtype=dtype, prediction=card.prediction)
    else:
        parts = _load_folder(weights, dtype, few_steps)
    for name in ("unet", "distilled_unet", "text_encoder", "vae"):
        if name in parts:
            parts[name].eval().requires_grad_(requires_grad=False)
            _own(parts[name])
    _check_image(card, parts["vae"].config)
    place_parts(parts, device, plan)
    return Model(card=card, words=words, hash=digest, device=device, plan=plan, **parts)


def _own(part: torch.nn.Module) -> None:
    """Copy weights that are mapped from a file into memory of our own.

    If the file is cut or overwritten meanwhile, mapped ones take the process with it. And they
    begin wherever the file has them: for an address that is no multiple of 64, kernels sum in
    another order, and the same weights from another file give other last bits.
    """
    for tensor in (*part.parameters(), *part.buffers()):
        tensor.data = tensor.data.clone()


def _load_folder(folder: Path, dtype: torch.dtype, distilled: Path | None) -> dict[str, Any]:
    """The parts of a folder in diffusers' layout, on the CPU."""
    scheduler_config = _config(folder / "scheduler" / "scheduler_config.json")
    vae_class = _config(folder / "vae" / "config.json").get("_class_name")
    vae_kinds = {"PatchCodec": PatchCodec, "AutoencoderKL": AutoencoderKL}
    if vae_class not in vae_kinds:
        raise ModelError(
            f"{folder / 'vae' / 'config.json'}: _class_name = {vae_class!r}, "
            f"expected one of {', '.join(vae_kinds)}"
        )
    places: dict[str, tuple[Path, Any]] = {
        "unet": (folder / "unet", UNet2DConditionModel),
        "text_encoder": (folder / "text_encoder", CLIPTextModel),
        "vae": (folder / "vae", vae_kinds[vae_class]),
    }
    if distilled is not None:
        places["distilled_unet"] = (distilled, UNet2DConditionModel)
    try:
        parts = {
            name: kind.from_pretrained(
                place,
                local_files_only=True,
                use_safetensors=True,
                torch_dtype=dtype,
                **_variant(place),
            )
            for name, (place, kind) in places.items()
        }
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise ModelError(f"{folder} cannot be loaded: {str(error).splitlines()[0]}") from error
    if distilled is not None:
        _check_alike(parts["unet"], parts["distilled_unet"], distilled)
    return {"tokenizer": tokenizer, "scheduler_config": scheduler_config, **parts}


def _check_alike(unet: torch.nn.Module, other: torch.nn.Module, folder: Path) -> None:
    """Refuse another architecture: both take the same latents, and the same LoRAs."""
    expected, found = (
        {name: tuple(tensor.shape) for name, tensor in part.state_dict().items()}
        for part in (unet, other)
    )
    for name in sorted(expected.keys() | found.keys()):
        here, there = expected.get(name), found.get(name)
        if here != there:
            raise ModelError(
                f"{folder}: {name} has the shape {there}, but {here} in the model's other UNet: "
                "expected the same architecture"
            )


def _variant(part: Path) -> dict[str, str]:
    """Some folders hold half-precision weights alone, and name them so."""
    files = weight_files(part)
    return {"variant": "fp16"} if files and all(HALF in path.name for path in files) else {}


def _check_image(card: ModelCard, vae: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    channels = vae.get("in_channels", card.image_channels)
    if channels != card.image_channels:
        raise ModelError(
            f"{CARD_FILE} of {card.name}: image_channels = {card.image_channels}, "
            f"but its autoencoder takes {channels}"
        )


def _config(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        raise ModelError(f"{path} not found: a model folder needs it") from None
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
