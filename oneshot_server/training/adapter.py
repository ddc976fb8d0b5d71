"""The LoRA under training: put into the UNet, read, set, written as a file."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from peft import LoraConfig
from safetensors.torch import save

from oneshot_server.errors import BadArgumentsError

UPPER: Final = "up_blocks."
DEFAULT_TARGETS: Final = tuple(f"{UPPER}{name}" for name in ("to_q", "to_k", "to_v", "to_out.0"))
ADAPTER: Final = "default"

Weights = Mapping[str, torch.Tensor]
"""Parameter's name in the UNet to its value, on the CPU."""


TEXT_TARGETS: Final = ("q_proj", "k_proj", "v_proj", "out_proj")
TEXT_PREFIX: Final = "text_encoder."


def add_text_adapter(
    text_encoder: Any,  # noqa: ANN401 - transformers is untyped
    *,
    rank: int,
    alpha: float,
    seed: int,
) -> dict[str, torch.nn.Parameter]:
    """Put a LoRA that changes nothing yet into a text encoder.

    Returns:
        What is to be trained, by name with ``TEXT_PREFIX`` in front.
    """
    found = add_adapter(text_encoder, rank=rank, alpha=alpha, targets=TEXT_TARGETS, seed=seed)
    return {f"{TEXT_PREFIX}{name}": parameter for name, parameter in found.items()}


def add_adapter(
    unet: Any,  # noqa: ANN401 - diffusers is untyped
    *,
    rank: int,
    alpha: float,
    targets: Sequence[str],
    seed: int,
) -> dict[str, torch.nn.Parameter]:
    """Put a LoRA that changes nothing yet into a UNet whose own weights are frozen.

    Returns:
        What is to be trained, by name.
    """
    unet.requires_grad_(requires_grad=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # the first weights
        unet.add_adapter(
            LoraConfig(r=rank, lora_alpha=alpha, target_modules=find_targets(unet, targets)),  # type: ignore[arg-type]
            adapter_name=ADAPTER,
        )
    trained = {name: p for name, p in unet.named_parameters() if p.requires_grad}
    for parameter in trained.values():  # beside weights that are held in half precision
        parameter.data = parameter.data.float()
    return trained


def find_targets(unet: Any, targets: Sequence[str]) -> list[str]:  # noqa: ANN401 - as above
    """Full names of the modules to adapt.

    Raises:
        BadArgumentsError: none has such a name.
    """
    wanted = tuple(targets) or DEFAULT_TARGETS
    found = [
        name
        for name, _ in unet.named_modules()
        for target in wanted
        if f".{name}".endswith(f".{target.removeprefix(UPPER)}")
        and name.startswith(UPPER if target.startswith(UPPER) else "")
    ]
    if not found:
        raise BadArgumentsError(f"targets = {', '.join(wanted)}: the model has no such modules")
    return sorted(set(found))


def remove_adapter(unet: Any) -> None:  # noqa: ANN401 - diffusers is untyped
    """Take it out again; the base is as it was."""
    unet.delete_adapters([ADAPTER])


def adapter_to_bytes(weights: Weights, *, rank: int, alpha: float) -> bytes:
    """A safetensors file as ``StableDiffusionPipeline.load_lora_weights`` reads it.

    The scale alpha / rank is in the weights and alpha is the rank from here on, so that a tool that
    reads no metadata plays it as loud as one that does.

    Args:
        weights: of the adapter, named as in the UNet, or with ``TEXT_PREFIX`` as in the text
            encoder.
        rank: of the matrices.
        alpha: of the training.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, value in weights.items():
        plain = name.replace(f".{ADAPTER}.", ".")
        scale = alpha / rank if ".lora_B." in plain else 1.0
        if plain.startswith(TEXT_PREFIX):
            # CLIP's level that transformers 5 took out; other tools expect it.
            inner = plain.removeprefix(TEXT_PREFIX).removeprefix("text_model.")
            plain = f"{TEXT_PREFIX}text_model.{inner}"
        else:
            plain = f"unet.{plain}"
        tensors[plain] = (value * scale).float().contiguous()
    return bytes(save(tensors, metadata={"format": "pt"}))
