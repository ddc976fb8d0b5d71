"""The head of a safetensors file: names and shapes of its tensors, without reading any of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from oneshot_server.errors import ModelError

LENGTH_BYTES: Final = 8
LARGEST_HEADER: Final = 100_000_000


@dataclass(frozen=True, kw_only=True)
class SafetensorsHeader:
    """What a file says of itself.

    Attributes:
        shapes: of the tensors, by name.
        metadata: what else it says, text by text.
    """

    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]


class _Tensor(msgspec.Struct):
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def read_header(path: Path) -> SafetensorsHeader:
    """Read the head, and compare what it promises with the file's size.

    Raises:
        ModelError: it cannot be read, is no safetensors file, or a part of it is missing.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(LENGTH_BYTES), "little")
            if not 2 <= length <= LARGEST_HEADER:
                raise _no_safetensors(path, "it does not begin as one")
            text = file.read(length)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(text) < length:
        raise _cut_off(path, size, LENGTH_BYTES + length)
    try:
        raw = msgspec.json.decode(text, type=dict[str, Any])
        metadata = msgspec.convert(raw.pop("__metadata__", None) or {}, dict[str, str])
        tensors = msgspec.convert(raw, dict[str, _Tensor])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _no_safetensors(path, str(error)) from None
    whole = LENGTH_BYTES + length + max((t.data_offsets[1] for t in tensors.values()), default=0)
    if size < whole:
        raise _cut_off(path, size, whole)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    return SafetensorsHeader(shapes=shapes, metadata=metadata)


def _cut_off(path: Path, size: int, whole: int) -> ModelError:
    return ModelError(
        f"{path} is cut off: it has {size:,} bytes, expected {whole:,}. Download or copy it again"
    )


def _no_safetensors(path: Path, why: str) -> ModelError:
    return ModelError(f"{path} is damaged or no safetensors file: {why}")
