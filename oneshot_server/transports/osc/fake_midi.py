"""MIDI without ports, for the tests of other transports: tests let messages come."""

from collections.abc import Callable, Sequence

from oneshot_server.domain.core import Item
from oneshot_server.domain.midi import Learned, MidiEvent
from oneshot_server.errors import BadArgumentsError, NoMidiError, NotFoundError, OneshotError


class FakeMidi:
    """Notes what it is asked for.

    Attributes:
        problem: why there is no MIDI; ``None`` if there is.
        map_name: the map in use.
        learning: targets that wait for a message, and who is told.
        watchers: who is told of messages.
    """

    def __init__(self) -> None:
        self.problem: NoMidiError | None = None
        self.map_name = "default"
        self.learning: list[tuple[str, Callable[[Learned | OneshotError], None]]] = []
        self.watchers: list[Callable[[MidiEvent], None]] = []

    def ports(self) -> Sequence[Item]:
        """See ``domain.midi.Midi``."""
        if self.problem is not None:
            raise self.problem
        return [Item(name="pads one", detail="input, open, fake")]

    def map_items(self) -> Sequence[Item]:
        """See ``domain.midi.Midi``."""
        return [Item(name="note 36-51", detail=f"pad.0 of {self.map_name}")]

    def use_map(self, name: str) -> None:
        """See ``domain.midi.Midi``."""
        if name == "none":
            raise NotFoundError(f'no MIDI map is named "{name}"')
        self.map_name = name

    def learn(self, target: str, on_end: Callable[[Learned | OneshotError], None]) -> None:
        """See ``domain.midi.Midi``."""
        if target == "none":
            raise BadArgumentsError(f'target "{target}", expected pad.3')
        self.learning.append((target, on_end))

    def watch(self, listener: Callable[[MidiEvent], None]) -> Callable[[], None]:
        """See ``domain.midi.Midi``."""
        self.watchers.append(listener)
        return lambda: self.watchers.remove(listener)
