"""What MIDI offers to the other transports, by which it is watched and taught."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from oneshot_server.domain.core import Item
from oneshot_server.errors import OneshotError


@dataclass(frozen=True, kw_only=True)
class MidiEvent:
    """A message that has come, and what was done, both in words.

    Attributes:
        port: that it came from.
        message: ``note 36 on, velocity 100, channel 10``.
        deed: ``pad 0 at 0.79``; empty if nothing is mapped to it.
    """

    port: str
    message: str
    deed: str


@dataclass(frozen=True, kw_only=True)
class Learned:
    """The message that moves a target from now on: ``cc 20, channel 1``."""

    target: str
    message: str


class Midi(Protocol):
    """MIDI without its ports; every method is called on the event loop."""

    def ports(self) -> Sequence[Item]:
        """The ports of this machine, and whether they are open.

        Raises:
            NoMidiError: there is no MIDI; the text says why and what to do.
        """
        ...

    @property
    def map_name(self) -> str:
        """The map in use."""
        ...

    def map_items(self) -> Sequence[Item]:
        """What moves what: the message is the name, the target the detail."""
        ...

    def use_map(self, name: str) -> None:
        """Take another map, or read the same one again; until the daemon ends.

        Raises:
            NotFoundError: no such map.
            SettingsError: its file cannot be understood; the old map stays.
        """
        ...

    def learn(self, target: str, on_end: Callable[[Learned | OneshotError], None]) -> None:
        """Bind the next message that can move a target to it, and remember that.

        Another learning that still waits ends with ``BusyError``.

        Args:
            target: what is to be moved, as in a map file: ``pad.3.level``.
            on_end: called once, with what was learned or why nothing was.

        Raises:
            BadArgumentsError: no such target.
            NoMidiError: no message can come.
        """
        ...

    def watch(self, listener: Callable[[MidiEvent], None]) -> Callable[[], None]:
        """Call ``listener`` with every message from now on; the returned function ends it."""
        ...
