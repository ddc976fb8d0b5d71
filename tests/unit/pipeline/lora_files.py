"""LoRA files for tests, and a tiny model to put them into."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from oneshot_server.pipeline.model import Model

TO_Q = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_q"
CONV = "down_blocks.0.resnets.0.conv1"
PROJ = "down_blocks.0.attentions.0.proj_in"
Q_PROJ = "encoder.layers.0.self_attn.q_proj"


def flat(name: str) -> str:
    return name.replace(".", "_")


def weight_of(part: Any, name: str) -> torch.Tensor:
    weight = part.get_submodule(name).weight
    assert isinstance(weight, torch.Tensor)
    return weight


def pair(
    part: Any, name: str, *, rank: int = 2, seed: int = 0, size: float = 0.1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Down and up for a module, random."""
    generator = torch.Generator().manual_seed(seed)
    rows, *rest = weight_of(part, name).shape
    down = torch.randn(rank, *rest, generator=generator)
    up = size * torch.randn(rows, rank, *(1 for _ in rest[1:]), generator=generator)
    return down, up


def product(down: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    return (up.flatten(1) @ down.flatten(1)).view(len(up), *down.shape[1:])


def write(path: Path, tensors: Mapping[str, torch.Tensor], **metadata: str) -> Path:
    kept = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
    save_file(kept, path, metadata or None)
    return path


def write_lora(
    path: Path, model: Model, *, seed: int = 0, size: float = 0.1, names: Sequence[str] = (TO_Q,)
) -> Path:
    """A LoRA of the UNet as diffusers writes it."""
    tensors: dict[str, torch.Tensor] = {}
    for name in names:
        down, up = pair(model.unet, name, seed=seed, size=size)
        tensors[f"unet.{name}.lora_A.weight"] = down
        tensors[f"unet.{name}.lora_B.weight"] = up
    return write(path, tensors)


def unet_output(model: Model) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    latents = torch.randn(2, *model.latent_shape, generator=generator)
    text = torch.randn(2, 7, 32, generator=generator)
    with torch.no_grad():
        output: torch.Tensor = model.unet(latents, 500, text).sample
    return output


def text_output(model: Model) -> torch.Tensor:
    with torch.no_grad():
        output: torch.Tensor = model.text_encoder(torch.arange(77)[None]).last_hidden_state
    return output


def bits(model: Model) -> dict[str, bytes]:
    """Every weight, byte by byte."""
    return {
        f"{part}.{name}": tensor.contiguous().numpy().tobytes()
        for part, module in (("unet", model.unet), ("text_encoder", model.text_encoder))
        for name, tensor in module.state_dict().items()
    }
