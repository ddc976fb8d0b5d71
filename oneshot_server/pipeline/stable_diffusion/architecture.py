"""The architectures of Stable Diffusion 1.x and 2.x, kept here so that no network is asked.

A checkpoint in one file holds weights alone. What diffusers, given the same file, would fetch from
a hub is in ``sd1.json`` and ``sd2.json`` beside this module, and the tokenizer's merges too.
"""

import gzip
from importlib import resources
from typing import Any, Final

import msgspec

from oneshot_server.pipeline.stable_diffusion.recognise import Family

BYTES: Final = 256
START, END = "<|startoftext|>", "<|endoftext|>"


class Architecture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configurations of the parts, in diffusers' and transformers' own words.

    Attributes:
        unet: of a ``UNet2DConditionModel``.
        vae: of an ``AutoencoderKL``.
        text_encoder: of a ``CLIPTextModel``.
        scheduler: the noise schedule; ``prediction_type`` is that of the family's first model.
        pad_token: what fills a text up.
    """

    unet: dict[str, Any]
    vae: dict[str, Any]
    text_encoder: dict[str, Any]
    scheduler: dict[str, Any]
    pad_token: str


def architecture(family: Family) -> Architecture:
    """Of a family, as published."""
    content = resources.files(__package__).joinpath(f"{family}.json").read_bytes()
    return msgspec.json.decode(content, type=Architecture)


def clip_tokenizer(pad_token: str) -> Any:  # noqa: ANN401 - transformers is untyped
    """CLIP's tokenizer, which both families use.

    Its vocabulary follows from the merges: bytes, bytes that end a word, and a token a merge.
    """
    from transformers import CLIPTokenizer

    packed = resources.files(__package__).joinpath("clip_merges.txt.gz").read_bytes()
    merges = [tuple(line.split()) for line in gzip.decompress(packed).decode().splitlines()]
    letters = _byte_letters()
    tokens = [
        *letters,
        *(f"{letter}</w>" for letter in letters),
        *("".join(pair) for pair in merges),
        *(START, END),
    ]
    return CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=merges,
        pad_token=pad_token,
        model_max_length=77,
    )


def _byte_letters() -> list[str]:
    """A visible letter for each byte, those that are visible first (Radford et al., 2019)."""
    visible = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [chr(code) for code in (*visible, *range(BYTES, 2 * BYTES - len(visible)))]
