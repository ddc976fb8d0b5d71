"""The starter's networks, from zero: tokenizer, text encoder, UNet, noise schedule."""

from collections.abc import Sequence
from typing import Final

from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

LONGEST_CAPTION: Final = 16  # tokens, the first and last included
EMBEDDING: Final = 256


def make_tokenizer(vocabulary: Sequence[str]) -> PreTrainedTokenizerFast:
    """One token a word; unknown words cannot come, as prompts are put in the model's words."""
    special = ["<pad>", "<start>", "<end>"]
    ids = {word: number for number, word in enumerate([*special, *vocabulary])}
    tokenizer = Tokenizer(WordLevel(ids, unk_token="<pad>"))  # noqa: S106 - a token of text
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.post_processor = TemplateProcessing(
        single="<start> $A <end>",
        special_tokens=[("<start>", ids["<start>"]), ("<end>", ids["<end>"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",  # noqa: S106
        bos_token="<start>",  # noqa: S106
        eos_token="<end>",  # noqa: S106
        model_max_length=LONGEST_CAPTION,
        padding_side="right",
    )


def make_text_encoder(tokenizer: PreTrainedTokenizerFast) -> CLIPTextModel:
    """A text encoder of Stable Diffusion's kind with a single layer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=EMBEDDING,
            intermediate_size=2 * EMBEDDING,
            num_hidden_layers=1,
            num_attention_heads=4,
            max_position_embeddings=LONGEST_CAPTION,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )


def make_unet(latent_channels: int, size: tuple[int, int]) -> UNet2DConditionModel:
    """A UNet of 12.9 million parameters on (rows, columns) latents."""
    return UNet2DConditionModel(
        sample_size=size,
        in_channels=latent_channels,
        out_channels=latent_channels,
        block_out_channels=(64, 128, 256),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=EMBEDDING,
        attention_head_dim=4,  # diffusers reads it as the number of heads here
    )


def make_scheduler() -> DDIMScheduler:
    """The cosine schedule (Nichol and Dhariwal, 2021) with v-prediction (Salimans and Ho, 2022)."""
    return DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        timestep_spacing="trailing",
    )
