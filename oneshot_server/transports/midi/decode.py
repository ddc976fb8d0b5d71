"""Bytes to messages. What comes over a wire may be anything: nothing here raises, nothing grows.

mido's own parser forgets the running status after each message, and loses a note into which a clock
byte falls; both are common on a wire.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from oneshot_server.transports.midi.messages import (
    ChannelMessage,
    ControlChange,
    MidiMessage,
    NoteOff,
    NoteOn,
    ProgramChange,
    RealTime,
    SongPosition,
    Unused,
)

_SONG_POSITION: Final = 0xF2
_FIRST_SYSTEM: Final = 0xF0
_FIRST_REAL_TIME: Final = 0xF8
_REAL_TIME: Final = {message.value: message for message in RealTime}
# Data bytes after a status: by its upper half for channels, by the whole byte for the system's.
_CHANNEL_LENGTHS: Final = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
_SYSTEM_LENGTHS: Final = {0xF1: 1, _SONG_POSITION: 2, 0xF3: 1}
_LENGTHS: Final = tuple(
    _CHANNEL_LENGTHS.get(status >> 4, 0)
    if status < _FIRST_SYSTEM
    else _SYSTEM_LENGTHS.get(status, 0)
    for status in range(256)
)
_UNUSED: Final = {0xA: "key pressure", 0xD: "pressure", 0xE: "pitch bend"}


class Decoder:
    """Reads the bytes of one port; a message may come in pieces.

    Running status holds until another status comes. Real-time bytes may stand anywhere. System
    exclusive messages, tuning, active sensing and undefined bytes are passed over.
    """

    def __init__(self) -> None:
        self._status = 0  # 0: data bytes belong to nothing that is understood
        self._first = -1  # the first of two data bytes; -1 while it has not come

    def feed(self, data: Iterable[int]) -> Iterator[MidiMessage]:
        """The messages that these bytes complete.

        Args:
            data: bytes, 0 to 255.
        """
        for byte in data:
            if byte >= _FIRST_REAL_TIME:
                if byte in _REAL_TIME:
                    yield _REAL_TIME[byte]
            elif byte > 0x7F:
                self._status = byte if _LENGTHS[byte] else 0
                self._first = -1
            elif self._status:
                if _LENGTHS[self._status] == 1:
                    first, second = byte, 0
                elif self._first < 0:
                    self._first = byte
                    continue
                else:
                    first, second = self._first, byte
                    self._first = -1
                if self._status < _FIRST_SYSTEM:
                    yield _channel_message(self._status, first, second)
                else:
                    if self._status == _SONG_POSITION:
                        yield SongPosition(sixteenths=first | second << 7)
                    self._status = 0  # the system's messages have no running status


def _channel_message(status: int, first: int, second: int) -> ChannelMessage:
    channel = (status & 0x0F) + 1
    match status >> 4:
        case 0x9 if second:
            return NoteOn(channel=channel, note=first, velocity=second)
        case 0x8 | 0x9:
            return NoteOff(channel=channel, note=first)
        case 0xB:
            return ControlChange(channel=channel, control=first, value=second)
        case 0xC:
            return ProgramChange(channel=channel, program=first)
        case kind:
            return Unused(channel=channel, name=_UNUSED[kind])
