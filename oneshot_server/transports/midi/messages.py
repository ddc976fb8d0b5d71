"""What is understood of MIDI: the messages, and how people read them."""

from dataclasses import dataclass
from enum import Enum

CHANNELS = 16
MOST_DATA = 127
TICKS_PER_SIXTEENTH = 6
TICKS_PER_QUARTER = 24


@dataclass(frozen=True, kw_only=True)
class NoteOn:
    """A key was struck: channel 1 to 16, note 0 to 127, velocity 1 to 127."""

    channel: int
    note: int
    velocity: int

    def __str__(self) -> str:
        return f"note {self.note} on, velocity {self.velocity}, channel {self.channel}"


@dataclass(frozen=True, kw_only=True)
class NoteOff:
    """A key was let go; a note on with velocity 0 is one too."""

    channel: int
    note: int

    def __str__(self) -> str:
        return f"note {self.note} off, channel {self.channel}"


@dataclass(frozen=True, kw_only=True)
class ControlChange:
    """A knob or fader was moved: control and value 0 to 127."""

    channel: int
    control: int
    value: int

    def __str__(self) -> str:
        return f"cc {self.control} = {self.value}, channel {self.channel}"


@dataclass(frozen=True, kw_only=True)
class ProgramChange:
    """A program was chosen, 0 to 127; many devices show one more."""

    channel: int
    program: int

    def __str__(self) -> str:
        return f"program {self.program}, channel {self.channel}"


@dataclass(frozen=True, kw_only=True)
class Unused:
    """A channel message that means nothing here: pressure, pitch bend."""

    channel: int
    name: str

    def __str__(self) -> str:
        return f"{self.name}, channel {self.channel}"


@dataclass(frozen=True, kw_only=True)
class SongPosition:
    """Where the song goes on, in sixteenths from its start."""

    sixteenths: int

    def __str__(self) -> str:
        return f"song position {self.sixteenths} sixteenths"


class RealTime(Enum):
    """The messages of a clock: one byte each, between the bytes of any other message."""

    CLOCK = 0xF8
    START = 0xFA
    CONTINUE = 0xFB
    STOP = 0xFC

    def __str__(self) -> str:
        return self.name.lower()


ChannelMessage = NoteOn | NoteOff | ControlChange | ProgramChange | Unused
ClockMessage = SongPosition | RealTime
MidiMessage = ChannelMessage | ClockMessage
