"""OSC packets as no honest client sends them."""

import random
import struct
from collections.abc import Iterator

from oneshot_server.transports.osc.encode import message

HONEST = (
    message("/oneshot/ping", "a"),
    message("/oneshot/hello", "a", 9331),
    message("/oneshot/generate", "", "punchy kick", "count", 2, "guidance", 2.5, "seed", 1),
    message("/oneshot/generate", "x", "snare", "negative", "long", "seconds", 0.5),
    message("/oneshot/cancel", "a", "nothing"),
    message("/oneshot/list", "a", "recent"),
    message("/oneshot/status", "a"),
    message("/oneshot/pad/trigger", "a", 3, 0.5),
)


def bundle(*packets: bytes, timetag: bytes = b"\0" * 7 + b"\1") -> bytes:
    """Packets as an OSC bundle."""
    content = b"".join(struct.pack(">i", len(packet)) + packet for packet in packets)
    return b"#bundle\0" + timetag + content


def mutated_packets(count: int, seed: int) -> Iterator[bytes]:
    """Honest packets, each broken in a few of the ways in which packets break."""
    draw = random.Random(seed)
    for _ in range(count):
        packet = bytearray(draw.choice(HONEST))
        for _ in range(draw.randint(1, 4)):
            packet = _mutate(packet, draw)
        yield bytes(packet[:60_000])


def _mutate(packet: bytearray, draw: random.Random) -> bytearray:
    position = draw.randrange(len(packet)) if packet else 0
    match draw.randrange(9):
        case 0 if packet:
            packet[position] ^= 1 << draw.randrange(8)
        case 1:
            return packet[:position]
        case 2:
            packet[position:position] = draw.randbytes(draw.randint(1, 8))
        case 3:
            packet += draw.randbytes(draw.choice([1, 4, 400, 20_000]))
        case 4 if packet:
            packet[position : position + 4] = struct.pack(">i", draw.choice([-1, 0, 2**31 - 1]))
        case 5 if packet:
            packet[position : position + 4] = struct.pack(">f", draw.choice([float("nan"), 1e38]))
        case 6:
            nested = bytes(packet)
            for _ in range(draw.choice([1, 3, 50])):
                nested = bundle(nested, timetag=draw.randbytes(8))
            return bytearray(nested)
        case 7:
            tags = bytes(draw.choice(b"ifsbhtdSrmTFNI[]") for _ in range(draw.randint(1, 30)))
            return bytearray(b"/oneshot/generate\0\0\0," + tags + b"\0\0\0\0" + packet)
        case 8:
            return packet + packet
    return packet
