"""Stable Diffusion with random weights, in diffusers' layout and in its first one, of any size."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from oneshot_server.pipeline import model_size
from oneshot_server.pipeline.stable_diffusion import checkpoint, recognise
from oneshot_server.pipeline.stable_diffusion.architecture import (
    Architecture,
    architecture,
    clip_tokenizer,
)
from oneshot_server.pipeline.stable_diffusion.recognise import Family

Tensors = dict[str, torch.Tensor]

TINY_WIDTHS: dict[Family, int] = {"sd1": 32, "sd2": 48}
UNET_INNER = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}


def make_parts(plan: Architecture, seed: int = 1) -> dict[str, Any]:
    """The networks of an architecture, random."""
    torch.manual_seed(seed)
    return {
        "unet": UNet2DConditionModel.from_config(plan.unet).eval(),
        "vae": AutoencoderKL.from_config(plan.vae).eval(),
        "text_encoder": CLIPTextModel(CLIPTextConfig(**plan.text_encoder)).eval(),
    }


def write_folder(folder: Path, parts: Mapping[str, Any], plan: Architecture) -> Path:
    """Write diffusers' layout."""
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    clip_tokenizer(plan.pad_token).save_pretrained(folder / "tokenizer")
    DDIMScheduler.from_config(plan.scheduler).save_pretrained(folder / "scheduler")
    index = {"_class_name": "StableDiffusionPipeline"}
    (folder / "model_index.json").write_bytes(msgspec.json.encode(index))
    return folder


def write_file(path: Path, parts: Mapping[str, Any], **metadata: str) -> Path:
    """Write one file in the first layout."""
    save_file(ldm_tensors(parts), path, metadata or None)
    return path


def ldm_tensors(parts: Mapping[str, Any]) -> Tensors:
    """Every weight by its first name."""
    unet, vae, text = parts["unet"], parts["vae"], parts["text_encoder"]
    found: Tensors = {}
    for key, tensor in unet.state_dict().items():
        found[f"model.diffusion_model.{unet_name(key, unet.config)}"] = tensor.contiguous()
    for key, tensor in vae.state_dict().items():
        name = vae_name(key, len(vae.config.block_out_channels))
        wide = ".attn_1." in name and tensor.ndim == 2
        found[f"first_stage_model.{name}"] = tensor[:, :, None, None] if wide else tensor
    if text.config.hidden_act == "gelu":
        found |= _open_clip(text.state_dict())
    else:
        for key, tensor in text.state_dict().items():
            bare = key.removeprefix("text_model.")
            found[f"cond_stage_model.transformer.text_model.{bare}"] = tensor
    # old checkpoints carry them along
    found["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(77)[
        None
    ]
    return {name: tensor.contiguous().clone() for name, tensor in found.items()}


def unet_name(key: str, config: Any) -> str:
    """A name of diffusers' UNet as it was first."""
    each = config.layers_per_block + 1
    ends = {
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
    }
    head, _, last = key.rpartition(".")
    if head in ends:
        return f"{ends[head]}.{last}"
    if match := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", key):
        place = 1 if match[1] == "attentions" else 2 * int(match[2])
        return f"middle_block.{place}.{_inner(match[3])}"
    match = re.match(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", key)
    assert match is not None, key
    way, block, kind, layer, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
    if kind == "downsamplers":
        return f"input_blocks.{each * (block + 1)}.0.op.{rest.removeprefix('conv.')}"
    if kind == "upsamplers":
        attends = config.up_block_types[block].startswith("CrossAttn")
        return f"output_blocks.{each * block + each - 1}.{2 if attends else 1}.{rest}"
    side = 1 if kind == "attentions" else 0
    if way == "down":
        return f"input_blocks.{each * block + layer + 1}.{side}.{_inner(rest)}"
    return f"output_blocks.{each * block + layer}.{side}.{_inner(rest)}"


def _inner(rest: str) -> str:
    head, _, last = rest.rpartition(".")
    return f"{UNET_INNER.get(head, head)}.{last}"


def vae_name(key: str, blocks: int) -> str:
    """A name of diffusers' autoencoder as it was first."""
    key = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    key = re.sub(r"down_blocks\.(\d)\.resnets\.", r"down.\1.block.", key)
    key = re.sub(r"down_blocks\.(\d)\.downsamplers\.0\.", r"down.\1.downsample.", key)
    if match := re.match(r"decoder\.up_blocks\.(\d)\.(.*)", key):
        rest = match[2].replace("resnets.", "block.").replace("upsamplers.0.", "upsample.")
        key = f"decoder.up.{blocks - 1 - int(match[1])}.{rest}"
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", key)
    if match := re.match(r"(.*)mid_block\.attentions\.0\.(.*)\.(\w+)", key):
        key = f"{match[1]}mid.attn_1.{VAE_ATTENTION[match[2]]}.{match[3]}"
    return key


def _open_clip(state: Tensors) -> Tensors:
    """The text model of Stable Diffusion 2.x, whose attention has one matrix for all three."""
    state = {key.removeprefix("text_model."): tensor for key, tensor in state.items()}
    names = {
        "embeddings.token_embedding.weight": "token_embedding.weight",
        "embeddings.position_embedding.weight": "positional_embedding",
        "final_layer_norm.weight": "ln_final.weight",
        "final_layer_norm.bias": "ln_final.bias",
    }
    inner = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc"}
    inner |= {"mlp.fc2": "mlp.c_proj", "self_attn.out_proj": "attn.out_proj"}
    found: Tensors = {}
    for key, tensor in state.items():
        if key in names:
            found[f"cond_stage_model.model.{names[key]}"] = tensor
            continue
        match = re.match(r"encoder\.layers\.(\d+)\.(.*)\.(weight|bias)", key)
        assert match is not None, key
        begin = f"cond_stage_model.model.transformer.resblocks.{match[1]}"
        if match[2] in inner:
            found[f"{begin}.{inner[match[2]]}.{match[3]}"] = tensor
        elif match[2] == "self_attn.q_proj":
            rows = [state[key.replace("q_proj", name)] for name in ("q_proj", "k_proj", "v_proj")]
            found[f"{begin}.attn.in_proj_{match[3]}"] = torch.cat(rows)
    return found


def tiny_architecture(family: Family) -> Architecture:
    """A family's architecture with all its blocks, as narrow as they go."""
    plan = architecture(family)
    heads = {"attention_head_dim": 4} if family == "sd1" else {"attention_head_dim": [2, 2, 4, 4]}
    width = TINY_WIDTHS[family]
    unet = {"block_out_channels": [32, 32, 64, 64], "cross_attention_dim": width, "sample_size": 8}
    text = {"hidden_size": width, "intermediate_size": 64, "num_hidden_layers": 2}
    return Architecture(
        unet=plan.unet | unet | heads,
        vae=plan.vae | {"block_out_channels": [32, 32, 32, 32]},
        text_encoder=plan.text_encoder | text | {"num_attention_heads": 2},
        scheduler=plan.scheduler,
        pad_token=plan.pad_token,
    )


@pytest.fixture
def tiny_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files of the tiny architectures pass for files of the real ones."""
    monkeypatch.setattr(recognise, "FAMILIES", {width: f for f, width in TINY_WIDTHS.items()})
    for module in (checkpoint, model_size):
        monkeypatch.setattr(module, "architecture", tiny_architecture)
