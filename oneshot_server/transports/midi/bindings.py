"""Which message moves what: a map is a list of bindings, of which the last one wins."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from oneshot_server.errors import BadArgumentsError
from oneshot_server.transports.midi.messages import (
    CHANNELS,
    ChannelMessage,
    ControlChange,
    NoteOff,
    NoteOn,
    ProgramChange,
)
from oneshot_server.transports.midi.targets import (
    Amount,
    BankChoice,
    KitChoice,
    PadHit,
    Target,
    check_ends,
    shifted,
)

Kind = Literal["note", "cc", "program"]
TAKES: Final[dict[type, tuple[Kind, ...]]] = {
    PadHit: ("note", "cc"),
    KitChoice: ("program", "note", "cc"),
    BankChoice: ("program", "note", "cc"),
}
"""The messages that can move a target; an amount takes a cc alone."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Messages of one kind: notes, controls or programs from ``first`` to ``last``, 0 to 127.

    Attributes:
        kind: of the messages.
        first: the lowest number.
        last: the highest; its target is as much further as it is from the first.
        channel: 1 to 16; ``None`` for any.
    """

    kind: Kind
    first: int
    last: int
    channel: int | None = None

    def __str__(self) -> str:
        numbers = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        where = "" if self.channel is None else f", channel {self.channel}"
        return f"{self.kind} {numbers}{where}"


@dataclass(frozen=True, kw_only=True)
class Binding:
    """What some messages move.

    Attributes:
        source: the messages.
        target: of the first of them.
        ends: what an amount is at 0 and at 127 of a cc; ``None`` for the target's own.
        takeover: whether a cc waits until it meets the value; ``None`` as the settings say.
        chokes: whether letting go of a pad cancels a hit that has not sounded yet.

    Raises:
        BadArgumentsError: messages and target do not fit; the text says what was expected.
    """

    source: Source
    target: Target
    ends: tuple[float, float] | None = None
    takeover: bool | None = None
    chokes: bool = False

    def __post_init__(self) -> None:
        takes = TAKES.get(type(self.target), ("cc",))
        if self.source.kind not in takes:
            raise BadArgumentsError(
                f"{self.source} to {self.target}, expected {' or '.join(takes)}"
            )
        if self.target == KitChoice(name=None) and self.source.kind != "program":
            raise BadArgumentsError(f"{self.source} to {self.target}, expected program")
        if self.source.last != self.source.first:
            shifted(self.target, self.source.last - self.source.first)
        if isinstance(self.target, Amount):
            check_ends(self.target, *(self.ends or self.target.ends))
        elif self.ends is not None or self.takeover is not None:
            raise BadArgumentsError(f"low, high or takeover for {self.target}, which is no amount")
        if self.chokes and not isinstance(self.target, PadHit):
            raise BadArgumentsError(f'note_off = "choke" for {self.target}, which is no pad')

    def __str__(self) -> str:
        return f"{self.source} to {self.target}"


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A binding as one message meets it: the target is that message's own."""

    binding: Binding
    target: Target


@dataclass(frozen=True, kw_only=True)
class MidiMap:
    """All bindings that are in force.

    Attributes:
        name: of the map.
        bindings: in order; where two take the same message, the later one does.
    """

    name: str
    bindings: tuple[Binding, ...]
    _table: dict[tuple[Kind, int, int], Bound] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # One look-up a message, whatever the map: at most 3 x 16 x 128 entries.
        table = {key: bound for binding in self.bindings for key, bound in _entries(binding)}
        object.__setattr__(self, "_table", table)

    @property
    def has_banks(self) -> bool:
        """Whether a message of the map chooses a bank."""
        return any(isinstance(binding.target, BankChoice) for binding in self.bindings)

    def find(self, message: ChannelMessage) -> Bound | None:
        """What a message moves; ``None`` if nothing."""
        match message:
            case NoteOn(channel=channel, note=number) | NoteOff(channel=channel, note=number):
                return self._table.get(("note", channel, number))
            case ControlChange(channel=channel, control=number):
                return self._table.get(("cc", channel, number))
            case ProgramChange(channel=channel, program=number):
                return self._table.get(("program", channel, number))
        return None


def _entries(binding: Binding) -> Iterable[tuple[tuple[Kind, int, int], Bound]]:
    source = binding.source
    channels = range(1, CHANNELS + 1) if source.channel is None else (source.channel,)
    for number in range(source.first, source.last + 1):
        by = number - source.first
        bound = Bound(binding=binding, target=shifted(binding.target, by) if by else binding.target)
        for channel in channels:
            yield (source.kind, channel, number), bound
