"""The UNet in two halves: what no adapter changes is computed once for several steps.

A LoRA in the upper blocks leaves everything before them as it was. What those blocks answer to a
noised sound can be kept, and gradients end where the upper blocks begin.
"""

import math
from dataclasses import dataclass
from typing import Any, Self

import torch

Kept = tuple[torch.Tensor, ...]
"""The lower half's answer: time embedding, hidden state, skip connections; each (batch, …)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitUnet:
    """A UNet and where it is cut.

    Attributes:
        unet: a ``UNet2DConditionModel`` of Stable Diffusion 1.x's kind.
        first: number of the up block that the upper half begins with.
    """

    unet: Any
    first: int

    @classmethod
    def of(cls, unet: Any) -> Self | None:  # noqa: ANN401 - diffusers is untyped
        """Cut before the first block that is trained; ``None`` where nothing could be kept."""
        trained = [name for name, p in unet.named_parameters() if p.requires_grad]
        ups = [name.split(".")[1] for name in trained if name.startswith("up_blocks.")]
        if not ups or len(ups) < len(trained) or not _is_plain(unet):
            return None
        return cls(unet=unet, first=min(int(number) for number in ups))

    def lower(self, noisy: torch.Tensor, timesteps: torch.Tensor, words: torch.Tensor) -> Kept:
        """Everything before the cut.

        Args:
            noisy: (batch, channels, rows, columns).
            timesteps: (batch,).
            words: (batch, tokens, width), embeddings of the captions.
        """
        unet = self.unet
        time = unet.time_embedding(unet.time_proj(timesteps).to(noisy.dtype))
        hidden = unet.conv_in(noisy)
        skips: Kept = (hidden,)
        for block in unet.down_blocks:
            hidden, more = block(hidden_states=hidden, temb=time, **_words(block, words))
            skips += more
        hidden = unet.mid_block(hidden, time, **_words(unet.mid_block, words))
        for block in unet.up_blocks[: self.first]:
            hidden, skips = _up(block, hidden, skips, time, words)
        return (time, hidden, *skips)

    def upper(self, kept: Kept, words: torch.Tensor) -> torch.Tensor:
        """From the cut to the answer, (batch, channels, rows, columns)."""
        time, hidden, *rest = kept
        skips = tuple(rest)
        for block in self.unet.up_blocks[self.first :]:
            hidden, skips = _up(block, hidden, skips, time, words)
        if self.unet.conv_norm_out is not None:
            hidden = self.unet.conv_act(self.unet.conv_norm_out(hidden))
        answer: torch.Tensor = self.unet.conv_out(hidden)
        return answer


def _up(
    block: Any,  # noqa: ANN401 - diffusers is untyped
    hidden: torch.Tensor,
    skips: Kept,
    time: torch.Tensor,
    words: torch.Tensor,
) -> tuple[torch.Tensor, Kept]:
    count = len(block.resnets)
    answer = block(
        hidden_states=hidden,
        res_hidden_states_tuple=skips[-count:],
        temb=time,
        **_words(block, words),
    )
    return answer, skips[:-count]


def _words(block: Any, words: torch.Tensor) -> dict[str, torch.Tensor]:  # noqa: ANN401 - as above
    attends = getattr(block, "has_cross_attention", False)
    return {"encoder_hidden_states": words} if attends else {}


def _is_plain(unet: Any) -> bool:  # noqa: ANN401 - as above
    """Whether it has no other inputs, and sizes that halve evenly."""
    config = unet.config
    extras = ("addition_embed_type", "class_embed_type", "encoder_hid_dim_type")
    if any(getattr(config, name, None) is not None for name in (*extras, "time_cond_proj_dim")):
        return False
    if config.center_input_sample or unet.mid_block is None:
        return False
    size = config.sample_size
    sides = (size, size) if isinstance(size, int) else tuple(size)
    factor: int = 2 ** (len(config.block_out_channels) - 1)
    return math.gcd(*sides) % factor == 0
