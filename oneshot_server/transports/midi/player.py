"""Messages to deeds: what a map says is done, by the core and on the beat."""

from collections.abc import Callable
from typing import Final

import structlog

from oneshot_server.domain.core import Core
from oneshot_server.domain.pads import PADS_IN_BANK
from oneshot_server.errors import OneshotError
from oneshot_server.transports.midi.amounts import Amounts, of_pad
from oneshot_server.transports.midi.bindings import MidiMap
from oneshot_server.transports.midi.clock import BeatClock
from oneshot_server.transports.midi.hits import Hit, Hits
from oneshot_server.transports.midi.messages import (
    MOST_DATA,
    ChannelMessage,
    ClockMessage,
    ControlChange,
    NoteOn,
    ProgramChange,
    RealTime,
    SongPosition,
)
from oneshot_server.transports.midi.schedule import Schedule
from oneshot_server.transports.midi.targets import (
    BankChoice,
    KitChoice,
    LoraAmount,
    PadHit,
    PadNumber,
    Target,
)

log = structlog.get_logger(__name__)

LET_GO: Final = "let go"
CLOCK_SILENT_SECONDS: Final = 2.0
"""A port whose clock is silent for so long makes room for another port's."""


class Player:
    """Does what messages ask for.

    Args:
        core: plays, sets and loads.
        schedule: the event loop.
        midi_map: which message moves what.
        grid_ticks: lines that hits are moved to, as in ``clock.GRIDS``.
        takeover: whether knobs wait until they meet the value.
        on_sound: told of a hit whose sound is there.
    """

    def __init__(
        self,
        core: Core,
        schedule: Schedule,
        *,
        midi_map: MidiMap,
        grid_ticks: int,
        takeover: bool,
        on_sound: Callable[[Hit], None],
    ) -> None:
        self._core = core
        self._grid_ticks = grid_ticks
        self._hits = Hits(core, schedule, on_sound)
        self._amounts = Amounts(core, schedule, takeover=takeover)
        self._clock = BeatClock()
        self._clock_port = ""
        self._clock_at = -CLOCK_SILENT_SECONDS
        self._bank = 0
        self._last_pad: int | None = None
        self.midi_map = midi_map

    def stop(self) -> None:
        """Play nothing more."""
        self._hits.stop()

    def tick(self, port: str, message: ClockMessage, at: float) -> str:
        """A clock's message; of several clocks the one that came first is followed.

        Args:
            port: that it came from.
            message: which.
            at: when, as the schedule's time.

        Returns:
            What was done, in words.
        """
        if port != self._clock_port:
            if at - self._clock_at < CLOCK_SILENT_SECONDS:
                return f"ignored: the clock of {self._clock_port} is followed"
            self._clock_port, self._clock = port, BeatClock()
        self._clock_at = at
        self._clock.take(message, at)
        if message is RealTime.STOP:
            self._hits.release_all()
        if isinstance(message, SongPosition):
            return f"at quarter {message.sixteenths / 4:g}"
        return f"{self._clock.beats_per_minute:.1f} beats a minute"

    def take(self, message: ChannelMessage, at: float) -> str:
        """A message of a controller.

        Args:
            message: which.
            at: when it came, as the schedule's time.

        Returns:
            What was done, in words; empty if the map has nothing for the message.
        """
        bound = self.midi_map.find(message)
        if bound is None:
            return ""
        target = self._meant(bound.target)
        match target:
            case PadHit(pad=pad):
                return self._hit(pad, message, at, chokes=bound.binding.chokes)
            case PadNumber() | LoraAmount() if isinstance(message, ControlChange):
                return self._amounts.turn(bound.binding, target, message, self._bank)
            case KitChoice(name=name) if _strength(message):
                return self._load(name, getattr(message, "program", 0))
            case BankChoice(bank=bank) if _strength(message):
                self._bank = bank
                return f"bank {bank}"
            case None:
                return f"{bound.target} waits: no pad was hit yet"
        return LET_GO

    def _hit(self, pad: int, message: ChannelMessage, at: float, *, chokes: bool) -> str:
        strength = _strength(message)
        note = getattr(message, "note", None)
        source = None if note is None else (message.channel, note)
        if strength:
            self._last_pad = pad
            line = self._clock.next_line(at, self._grid_ticks)
            return self._hits.strike(Hit(pad=pad, velocity=strength, source=source), line)
        return self._hits.choke(*source) if chokes and source else LET_GO

    def _meant(self, target: Target) -> Target | None:
        """A target with the pad that it means now; ``None`` if it means the last one of none."""
        match target:
            case PadHit(pad=pad) if pad < PADS_IN_BANK:
                return PadHit(pad=pad + self._bank * PADS_IN_BANK)
            case PadNumber(pad="last"):
                return None if self._last_pad is None else of_pad(target, self._last_pad)
            case PadNumber(pad=int(pad)) if pad < PADS_IN_BANK:
                return of_pad(target, pad + self._bank * PADS_IN_BANK)
        return target

    def _load(self, name: str | None, place: int) -> str:
        """Load a kit by its name, or by its place in the list."""
        try:
            if name is None:
                kits = [item.name for item in self._core.list_items("kits")]
                if place >= len(kits):
                    return f"ignored: program {place}, there are {len(kits)} kits"
                name = kits[place]
            # With banks, a kit fills the one that is chosen; else it is all that there is.
            self._core.load_kit(name, self._bank if self.midi_map.has_banks else None)
        except OneshotError as problem:
            log.warning("kit refused", name=name, problem=str(problem))
            return f"refused: {problem}"
        return f"kit {name}"


def _strength(message: ChannelMessage) -> int:
    """How hard a pad or button was pressed, 1 to 127; 0 when it is let go of."""
    match message:
        case NoteOn(velocity=strength) | ControlChange(value=strength):
            return strength
        case ProgramChange():
            return MOST_DATA
    return 0
