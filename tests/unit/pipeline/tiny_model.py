"""A Stable Diffusion 1.x folder of the real architecture, as small as it goes, random weights."""

import json
from pathlib import Path

import msgspec
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.pipeline.model_folder import CARD_FILE, ModelCard

PROFILE = MelProfile(
    name="tiny-64",
    sample_rate=22_050,
    n_fft=1024,
    window=512,
    hop=128,
    mels=64,
    frames=64,
    f_min=20.0,
    f_max=10_000.0,
    range_db=80.0,
)


def write_tiny_model(
    folder: Path,
    *,
    nan: bool = False,
    overflow: bool = False,
    name: str = "tiny",
    seed: int = 1,
    distilled_steps: int = 0,
) -> Path:
    """Write the folder; with ``nan`` its UNet answers nothing but NaN.

    With ``overflow`` its numbers are too large for half precision in the middle of the UNet, with
    ``distilled_steps`` it has another one for so many steps.
    """
    torch.manual_seed(seed)
    folder.mkdir(parents=True)
    unet = tiny_unet()
    if nan:
        unet.conv_out.weight.data.fill_(float("nan"))
    if overflow:
        unet.conv_in.weight.data.mul_(1e5)
        unet.conv_in.bias.data.mul_(1e5)
    unet.save_pretrained(folder / "unet")
    AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(32, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=8,
    ).save_pretrained(folder / "vae")
    CLIPTextModel(
        CLIPTextConfig(
            vocab_size=514,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=77,
            bos_token_id=512,
            eos_token_id=513,
            pad_token_id=513,
        )
    ).save_pretrained(folder / "text_encoder")
    write_tokenizer(folder / "tokenizer")
    DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False
    ).save_pretrained(folder / "scheduler")
    if distilled_steps:
        tiny_unet().save_pretrained(folder / "unet_distilled")
    card = ModelCard(name=name, profile=PROFILE, steps=4, distilled_steps=distilled_steps)
    (folder / CARD_FILE).write_bytes(msgspec.json.encode(card))
    return folder


def tiny_unet(width: int = 32) -> UNet2DConditionModel:
    """As small as it goes, random weights."""
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(width, 2 * width),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=4,
    )


def write_tokenizer(folder: Path) -> None:
    """CLIP's byte-level tokenizer without merges: a token a byte."""
    folder.mkdir()
    letters = [chr(c) for c in (*range(33, 127), *range(161, 173), *range(174, 256))]
    letters += [chr(256 + n) for n in range(68)]
    tokens = [*letters, *(letter + "</w>" for letter in letters)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
