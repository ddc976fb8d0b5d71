"""A checkpoint in one file, in Stable Diffusion's first layout, to diffusers' parts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors import SafetensorError, safe_open
from transformers import CLIPTextConfig, CLIPTextModel

from oneshot_server.errors import ModelError
from oneshot_server.pipeline.stable_diffusion.architecture import architecture, clip_tokenizer
from oneshot_server.pipeline.stable_diffusion.recognise import Prediction, recognise_file

POSITIONS = "embeddings.position_ids"
"""Numbers from 0 that old checkpoints carry along."""

Tensors = dict[str, torch.Tensor]


def load_checkpoint(
    path: Path, *, dtype: torch.dtype, prediction: Prediction | None
) -> dict[str, Any]:
    """Read every part of a checkpoint.

    Args:
        path: ``.safetensors``.
        dtype: that the weights are brought to.
        prediction: what the UNet predicts; ``None`` for what is usual in its family.

    Returns:
        ``unet``, ``vae``, ``text_encoder``, ``tokenizer`` and ``scheduler_config``, on the CPU.

    Raises:
        NotFoundError: it is not there.
        ModelError: it is something else, damaged, or lacks weights.
    """
    family, _ = recognise_file(path)
    plan = architecture(family)
    try:
        with safe_open(path, framework="pt") as file:
            tensors: Tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no mapping
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
    text_encoder = CLIPTextModel(CLIPTextConfig(**plan.text_encoder))
    try:
        unet = _fill(UNet2DConditionModel, plan.unet, convert_ldm_unet_checkpoint, tensors, dtype)
        vae = _fill(AutoencoderKL, plan.vae, convert_ldm_vae_checkpoint, tensors, dtype)
        if family == "sd1":
            text = convert_ldm_clip_checkpoint(tensors)
        else:
            text = convert_open_clip_checkpoint(text_encoder, tensors)
        text_encoder.load_state_dict(_text_keys(text, text_encoder.state_dict().keys()))
    except (RuntimeError, KeyError, IndexError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"{path} does not have the weights of Stable Diffusion: {reason}"
        ) from None
    scheduler = dict(plan.scheduler)
    if prediction is not None:
        scheduler["prediction_type"] = prediction
    return {
        "unet": unet,
        "vae": vae,
        "text_encoder": text_encoder.to(dtype),
        "tokenizer": clip_tokenizer(plan.pad_token),
        "scheduler_config": scheduler,
    }


def _fill(
    kind: Any,  # noqa: ANN401 - diffusers is untyped
    config: Mapping[str, Any],
    convert: Any,  # noqa: ANN401
    tensors: Tensors,
    dtype: torch.dtype,
) -> Any:  # noqa: ANN401
    """Build a part around its weights: no memory is filled with numbers that are replaced."""
    with torch.device("meta"):
        part = kind.from_config(dict(config))
    converted: Tensors = convert(dict(tensors), config)
    cast = {key: tensor.to(dtype).contiguous() for key, tensor in converted.items()}
    part.load_state_dict(cast, assign=True)
    return part


def _text_keys(tensors: Tensors, wanted: Any) -> Tensors:  # noqa: ANN401 - a view of keys
    """With or without ``text_model.``, as the installed transformers names them."""
    prefix = "text_model." if any(key.startswith("text_model.") for key in wanted) else ""
    return {
        prefix + key.removeprefix("text_model."): tensor
        for key, tensor in tensors.items()
        if not key.endswith(POSITIONS)
    }
