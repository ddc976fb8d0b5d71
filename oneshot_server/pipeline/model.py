"""Load a model folder once: the parts of a Stable Diffusion pipeline, on a device."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import AutoTokenizer, CLIPTextModel
from transformers.utils.logging import disable_progress_bar

from oneshot_server.errors import ModelError
from oneshot_server.pipeline.model_folder import ModelCard, hash_model, read_card, read_words
from oneshot_server.pipeline.patch_codec import PatchCodec
from oneshot_server.pipeline.prompt import Words


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
        vae: images of (batch, image_channels, mels, frames) to latents and back.
        scheduler_config: the noise schedule, as ``scheduler_config.json`` says.
        device: where the parts are.
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

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of one sound's latents."""
        size = self.unet.config.sample_size
        rows, columns = (size, size) if isinstance(size, int) else size
        return self.unet.config.in_channels, rows, columns


def choose_device(name: str) -> torch.device:
    """The device of a config value: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        ModelError: torch does not know it or cannot reach it.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise ModelError(f'engine.device = "{name}" cannot be used: {first}') from None
    return device


def load_model(folder: Path, device: torch.device) -> Model:
    """Load every part of a model in single precision.

    Args:
        folder: diffusers layout with ``oneshot.json``.
        device: where the parts go.

    Raises:
        ModelError: a file is missing, damaged, or of a kind that this version does not know.
    """
    card = read_card(folder)
    words = read_words(folder)
    digest = hash_model(folder)
    scheduler_config = _config(folder / "scheduler" / "scheduler_config.json")
    vae_class = _config(folder / "vae" / "config.json").get("_class_name")
    vae_kinds = {"PatchCodec": PatchCodec, "AutoencoderKL": AutoencoderKL}
    if vae_class not in vae_kinds:
        raise ModelError(
            f"{folder / 'vae' / 'config.json'}: _class_name = {vae_class!r}, "
            f"expected one of {', '.join(vae_kinds)}"
        )
    # Their progress bars are for terminals; the engine's stderr is a log.
    disable_progress_bar()
    try:
        parts = {
            name: kind.from_pretrained(
                folder / name,
                local_files_only=True,
                use_safetensors=True,
                torch_dtype=torch.float32,
            )
            .eval()
            .requires_grad_(requires_grad=False)
            .to(device)
            for name, kind in (
                ("unet", UNet2DConditionModel),
                ("text_encoder", CLIPTextModel),
                ("vae", vae_kinds[vae_class]),
            )
        }
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(f"{folder} cannot be loaded: {str(error).splitlines()[0]}") from error
    return Model(
        card=card,
        words=words,
        hash=digest,
        tokenizer=tokenizer,
        scheduler_config=scheduler_config,
        device=device,
        **parts,
    )


def _config(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        raise ModelError(f"{path} not found: a model folder needs it") from None
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
