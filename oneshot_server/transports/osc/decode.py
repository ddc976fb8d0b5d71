"""Datagrams to messages. What comes from the network is hostile: sizes and types come first."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pythonosc.osc_message import OscMessage
from pythonosc.parsing import osc_types

from oneshot_server.errors import BadArgumentsError

LARGEST_DATAGRAM: Final = 8192  # twice the longest prompts in the widest script
DEEPEST_BUNDLE: Final = 4
MOST_MESSAGES: Final = 64
MOST_ARGUMENTS: Final = 64
BUNDLE: Final = b"#bundle\x00"
BUNDLE_HEADER: Final = len(BUNDLE) + 8  # a timetag, ignored: whoever sends a trigger means now
TYPES: Final = frozenset("ifshdTFN")  # the rest is refused by name, not by a parser's guess


@dataclass(frozen=True, kw_only=True)
class Message:
    """One OSC message as it came."""

    address: str
    arguments: tuple[object, ...]


def datagram_to_messages(datagram: bytes) -> list[Message]:
    """Unpack a datagram, bundles within bundles too.

    Raises:
        BadArgumentsError: it is too large, too deep or no OSC; the text says which.
    """
    if len(datagram) > LARGEST_DATAGRAM:
        raise BadArgumentsError(
            f"a datagram of {len(datagram)} bytes, expected at most {LARGEST_DATAGRAM}"
        )
    packets = list(_packets(datagram, 0))
    if len(packets) > MOST_MESSAGES:
        raise BadArgumentsError(
            f"a bundle of {len(packets)} messages, expected at most {MOST_MESSAGES}"
        )
    return [_message(packet) for packet in packets]


def _packets(datagram: bytes, depth: int) -> Iterator[bytes]:
    """The single messages of a datagram, not parsed yet."""
    if not datagram.startswith(BUNDLE):
        yield datagram
        return
    if depth == DEEPEST_BUNDLE:
        raise BadArgumentsError(f"bundles within bundles, expected at most {DEEPEST_BUNDLE} deep")
    position = BUNDLE_HEADER
    while position < len(datagram):
        start = position + 4
        size = struct.unpack_from(">i", datagram, position)[0] if start <= len(datagram) else -1
        if not 0 < size <= len(datagram) - start:
            raise BadArgumentsError(
                f"a bundle element of {size} bytes at byte {position} of {len(datagram)}, "
                "expected one that fits"
            )
        yield from _packets(datagram[start : start + size], depth + 1)
        position = start + size


def _message(packet: bytes) -> Message:
    if not packet.startswith(b"/"):
        raise BadArgumentsError(
            f"a packet that begins with {packet[:8]!r}, expected an OSC message or bundle"
        )
    try:
        address, position = osc_types.get_string(packet, 0)
        tags = osc_types.get_string(packet, position)[0] if packet[position:] else ","
        _check_types(address, tags)
        return Message(address=address, arguments=tuple(OscMessage(packet)))
    except BadArgumentsError:
        raise
    except UnicodeDecodeError:
        raise BadArgumentsError("a message with text that is not UTF-8, expected UTF-8") from None
    except Exception as error:
        # The parser raises what it happens to stumble over: struct.error, IndexError, ParseError.
        raise BadArgumentsError(
            f"a broken OSC message of {len(packet)} bytes: {type(error).__name__}"
        ) from error


def _check_types(address: str, tags: str) -> None:
    if strange := sorted(set(tags[1:]) - TYPES):
        raise BadArgumentsError(
            f"{address[:80]}: arguments of type {' '.join(strange)[:40]}, "
            "expected i (int), f (float) or s (string)"
        )
    if len(tags) > MOST_ARGUMENTS + 1:
        raise BadArgumentsError(
            f"{address[:80]}: {len(tags) - 1} arguments, expected at most {MOST_ARGUMENTS}"
        )
