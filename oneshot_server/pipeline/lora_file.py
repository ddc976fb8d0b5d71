"""A LoRA file: pairs of small matrices, and which of a model's modules each of them changes.

Reads what diffusers and PEFT write, now and formerly, and what kohya's trainer writes.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import torch
from diffusers.utils.state_dict_utils import (
    StateDictType,
    convert_state_dict_to_peft,
    convert_unet_state_dict_to_peft,
)
from peft.utils.other import get_pattern_key
from safetensors import SafetensorError
from safetensors.torch import load

from oneshot_server.errors import ModelError

Part = Literal["unet", "text_encoder"]

LARGEST_BYTES: Final = 2 * 1024**3
SHOWN_KEYS: Final = 3
PEFT_METADATA: Final = "lora_adapter_metadata"
KOHYA_PREFIXES: Final[Mapping[str, Part]] = {
    "lora_unet_": "unet",
    "lora_te_": "text_encoder",
    "lora_te1_": "text_encoder",
}
PREFIXES: Final[Mapping[str, Part]] = {"unet.": "unet", "text_encoder.": "text_encoder"}
UNUSABLE_PREFIXES: Final = ("lora_te2_", "text_encoder_2.", "text_encoder_3.", "transformer.")
"""Of models that are no Stable Diffusion 1.x or 2.x."""

ROLES: Final = {
    ".lora_A.weight": "down",
    ".lora_down.weight": "down",
    ".lora_B.weight": "up",
    ".lora_up.weight": "up",
    ".alpha": "alpha",
}
OTHER_METHODS: Final = {
    "hada_": "LoHa",
    "lokr_": "LoKr",
    "lora_mid": "LoCon with a Tucker decomposition",
    "dora_scale": "DoRA",
    "oft_": "OFT",
    "diff": "whole weights",
    "bundle_emb": "an embedding",
}
"""What other methods' keys have in their last part. They add no product of two matrices."""
EXPECTED: Final = (
    "expected a LoRA for Stable Diffusion 1.x or 2.x: unet.….lora_A.weight and lora_B.weight, "
    "or lora_unet_….lora_down.weight and lora_up.weight"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class LoraModule:
    """What a LoRA adds to the weight of one linear or convolutional module: scale * up @ down.

    Attributes:
        part: of the model.
        name: of the module; ``flat``, with underscores where the model has dots.
        flat: whether it came from kohya's trainer.
        down: (rank, in) or (rank, in, height, width).
        up: (out, rank) or (out, rank, 1, 1).
        scale: alpha / rank.
    """

    part: Part
    name: str
    flat: bool
    down: torch.Tensor
    up: torch.Tensor
    scale: float


@dataclass(frozen=True, kw_only=True, eq=False)
class LoraFile:
    """A LoRA that was read.

    Attributes:
        path: of the file.
        sha256: of the file, hexadecimal.
        modules: what it changes.
        metadata: what else the file says; text by text.
    """

    path: Path
    sha256: str
    modules: tuple[LoraModule, ...]
    metadata: Mapping[str, str]

    @property
    def nbytes(self) -> int:
        """Memory that its matrices take."""
        return sum(m.down.nbytes + m.up.nbytes for m in self.modules)


def read_lora(path: Path) -> LoraFile:
    """Read a LoRA.

    Raises:
        ModelError: it cannot be read, is damaged, or holds what is no LoRA that this version
            knows; the text names the file, the keys, and what was expected.
    """
    content = _read(path)
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelError(
            f"{path} is damaged or no safetensors file, the only kind that is loaded: {error}"
        ) from None
    metadata = _header(content)
    return LoraFile(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        modules=_modules(path, tensors, metadata),
        metadata=metadata,
    )


def name_keys(keys: Sequence[str]) -> str:
    """The first few keys, and how many there are: ``3 keys (a, b, …)``."""
    shown = ", ".join(key[:120] for key in keys[:SHOWN_KEYS])
    return f"{len(keys)} keys ({shown}{', …' if len(keys) > SHOWN_KEYS else ''})"


def _read(path: Path) -> bytes:
    """The whole file: a mapped one would take the process with it if it were cut meanwhile."""
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise ModelError(
                f"{path} has {size / 1024**3:.1f} GiB, expected a LoRA of at most "
                f"{LARGEST_BYTES // 1024**3}: is it a whole model?"
            )
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from None


def _header(content: bytes) -> dict[str, str]:
    size = int.from_bytes(content[:8], "little")
    header = msgspec.json.decode(content[8 : 8 + size])
    return dict(header.get("__metadata__") or {})


def _modules(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]
) -> tuple[LoraModule, ...]:
    roles: dict[tuple[Part, str, bool], dict[str, torch.Tensor]] = defaultdict(dict)
    unknown: list[str] = []
    for key, tensor in tensors.items():
        part, rest, flat = _split_prefix(key)
        name, role = _split_role(rest if flat else _modern(part, rest))
        if role is None or key.startswith(UNUSABLE_PREFIXES):
            unknown.append(key)
        else:
            roles[part, name, flat][role] = tensor
    if unknown:
        raise ModelError(
            f"{path} holds {name_keys(sorted(unknown))}{_name_methods(unknown)}, {EXPECTED}"
        )
    if not roles:
        raise ModelError(f"{path} holds nothing, {EXPECTED}")
    scales = _PeftScales(path, metadata)
    return tuple(
        _module(path, part, name, flat, found, scales)
        for (part, name, flat), found in sorted(roles.items())
    )


def _name_methods(keys: Sequence[str]) -> str:
    """Methods that keys are known from."""
    found = [
        name
        for mark, name in OTHER_METHODS.items()
        if any(mark in part for key in keys for part in key.split(".")[1:])
    ]
    return f" of {' and '.join(found)}, which cannot be loaded" if found else ""


def _split_prefix(key: str) -> tuple[Part, str, bool]:
    """Part, what follows, and whether its dots are underscores."""
    for prefix, part in KOHYA_PREFIXES.items():
        if key.startswith(prefix):
            return part, key.removeprefix(prefix), True
    for prefix, part in PREFIXES.items():
        if key.startswith(prefix):
            return part, key.removeprefix(prefix), False
    return "unet", key, False  # diffusers, before it trained text encoders too


def _modern(part: Part, key: str) -> str:
    """A key of diffusers' older formats as PEFT writes it now."""
    named: dict[str, None] = {key: None}
    if part == "text_encoder":
        named = convert_state_dict_to_peft(named, original_type=StateDictType.DIFFUSERS_OLD)
    return str(next(iter(convert_unet_state_dict_to_peft(named))))


def _split_role(key: str) -> tuple[str, str | None]:
    for suffix, role in ROLES.items():
        if key.endswith(suffix) and len(key) > len(suffix):
            return key.removesuffix(suffix), role
    return key, None


def _module(
    path: Path,
    part: Part,
    name: str,
    flat: bool,  # noqa: FBT001 - a field of the result
    found: Mapping[str, torch.Tensor],
    scales: "_PeftScales",
) -> LoraModule:
    place = f"{path}: {part} {name}"
    down, up, alpha = (found.get(role) for role in ("down", "up", "alpha"))
    if down is None or up is None:
        raise ModelError(f"{place} has {' and '.join(sorted(found))} alone, {EXPECTED}")
    for role, tensor in found.items():
        if not tensor.is_floating_point() or not torch.isfinite(tensor.float()).all():
            raise ModelError(f"{place}: {role} holds what is no finite number, expected weights")
    if down.ndim not in (2, 4) or up.ndim not in (2, 4) or 0 in (*down.shape, *up.shape):
        raise ModelError(
            f"{place}: shapes {tuple(down.shape)} and {tuple(up.shape)}, "
            "expected (rank, in) and (out, rank), or those of convolutions"
        )
    rank = len(down)
    if (
        up.numel() != len(up) * rank
        or up.shape[1] != rank
        or (alpha is not None and alpha.numel() != 1)
    ):
        raise ModelError(
            f"{place}: shapes {tuple(down.shape)} and {tuple(up.shape)}, "
            f"expected the rank {rank} in both, and one alpha"
        )
    if alpha is not None:
        scale = float(alpha) / rank
    else:  # kohya's tools take the rank for an alpha that is missing
        scale = 1.0 if flat else scales.of(part, name, rank)
    return LoraModule(part=part, name=name, flat=flat, down=down, up=up, scale=scale)


class _PeftScales:
    """Scales as PEFT's configuration says, which diffusers keeps in the file's metadata.

    A file without it was made to be played as it is: alpha is the rank.
    """

    def __init__(self, path: Path, metadata: Mapping[str, str]) -> None:
        self._path = path
        self._config: dict[str, Any] = {}
        if PEFT_METADATA in metadata:
            try:
                self._config = msgspec.json.decode(metadata[PEFT_METADATA], type=dict[str, Any])
            except msgspec.DecodeError as error:
                raise self._broken(str(error)) from None

    def of(self, part: Part, name: str, rank: int) -> float:
        alpha = self._config.get(f"{part}.lora_alpha", rank)
        pattern = self._config.get(f"{part}.alpha_pattern") or {}
        try:
            alpha = float(pattern.get(get_pattern_key(list(pattern), name), alpha))
        except (TypeError, ValueError, AttributeError, re.error) as error:
            raise self._broken(str(error)) from None
        return alpha / (rank**0.5 if self._config.get(f"{part}.use_rslora") else rank)

    def _broken(self, why: str) -> ModelError:
        return ModelError(
            f"{self._path}: {PEFT_METADATA} in its metadata cannot be read: {why}, "
            "expected the configuration that PEFT saves"
        )
