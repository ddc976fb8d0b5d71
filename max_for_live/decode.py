"""Bytes to patchers: reads an ``.amxd`` file knowing nothing of how this project writes one."""

import json
import struct
from dataclasses import dataclass
from typing import Any, Final

NAMES: Final = {b"aaaa": "audio effect", b"mmmm": "midi effect", b"iiii": "instrument"}


class BadDeviceError(ValueError):
    """What was expected of the file and what came."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """What a file holds.

    Attributes:
        device_type: ``audio effect``, ``midi effect`` or ``instrument``.
        frozen: whether other files are packed into it.
        patcher: the patcher, as Max reads it.
    """

    device_type: str
    frozen: bool
    patcher: dict[str, Any]

    @property
    def boxes(self) -> list[dict[str, Any]]:
        """The boxes, the topmost first."""
        return [item["box"] for item in self.patcher["boxes"]]

    @property
    def cords(self) -> list[tuple[str, int, str, int]]:
        """Each cord as box and outlet, box and inlet."""
        lines = [item["patchline"] for item in self.patcher["lines"]]
        return [(*line["source"], *line["destination"]) for line in lines]


def decode_amxd(data: bytes) -> Device:
    """Read a device.

    Raises:
        BadDeviceError: a chunk is missing, cut short or not what it should be.
    """
    chunks: dict[bytes, bytes] = {}
    position = 0
    while position < len(data):
        if len(data) - position < 8:
            raise BadDeviceError(f"{len(data) - position} bytes at {position}, expected a chunk")
        tag, length = struct.unpack_from("<4sI", data, position)
        body = data[position + 8 : position + 8 + length]
        if len(body) != length:
            raise BadDeviceError(f"chunk {tag!r} has {len(body)} bytes, expected {length}")
        if tag in chunks:
            raise BadDeviceError(f"chunk {tag!r} stands twice")
        chunks[tag] = body
        position += 8 + length
    if list(chunks) != [b"ampf", b"meta", b"ptch"]:
        raise BadDeviceError(f"chunks {list(chunks)}, expected ampf, meta and ptch")
    if chunks[b"ampf"] not in NAMES:
        raise BadDeviceError(f"device type {chunks[b'ampf']!r}, expected one of {list(NAMES)}")
    if chunks[b"ptch"].startswith(b"mx@c"):
        raise BadDeviceError("a frozen device, expected an unfrozen one")
    if not chunks[b"ptch"].endswith(b"\n\0"):
        raise BadDeviceError("the patcher does not end with a line feed and a zero")
    try:
        content = json.loads(chunks[b"ptch"][:-2].decode())
    except ValueError as error:
        raise BadDeviceError(f"the patcher is no JSON: {error}") from None
    return Device(
        device_type=NAMES[chunks[b"ampf"]],
        frozen=chunks[b"meta"] != b"\1\0\0\0",
        patcher=content["patcher"],
    )
