"""Patchers to bytes: the ``.amxd`` file, unfrozen.

Chunks, each a tag of four bytes, its length as a little-endian 32-bit number, its data: ``ampf``
the device's type, ``meta`` 1, ``ptch`` the patcher as JSON, a line feed and a zero. Read off
devices that Ableton made (``CPU Reporter.amxd`` and the test files of
github.com/Ableton/maxdevtools).
"""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

DeviceType = Literal["audio effect", "midi effect"]

TAGS: Final[Mapping[DeviceType, bytes]] = {"audio effect": b"aaaa", "midi effect": b"mmmm"}
UNFROZEN: Final = (1).to_bytes(4, "little")


def amxd_type_number(device_type: DeviceType) -> int:
    """The type as the patcher's ``project`` block says it: the tag, read as a number."""
    return int.from_bytes(TAGS[device_type], "big")


def encode_amxd(patcher: Mapping[str, Any], device_type: DeviceType) -> bytes:
    """The file of a patcher; the same bytes for the same patcher."""
    text = json.dumps({"patcher": patcher}, indent=1, ensure_ascii=False) + "\n\0"
    return (
        _chunk(b"ampf", TAGS[device_type])
        + _chunk(b"meta", UNFROZEN)
        + _chunk(b"ptch", text.encode())
    )


def _chunk(tag: bytes, data: bytes) -> bytes:
    return tag + len(data).to_bytes(4, "little") + data
