"""One note that comes by two ways: by a port of its own, and by ours to which that is routed."""

from typing import Final

from oneshot_server.transports.midi.messages import NoteOn
from oneshot_server.transports.midi.open_ports import CLIENT

DOUBLE_SECONDS: Final = 0.01


class Doubles:
    """Remembers the notes of the last moment."""

    def __init__(self) -> None:
        self._notes: dict[NoteOn, tuple[str, float]] = {}

    def first_came_from(self, port: str, message: object, at: float) -> str | None:
        """The other port by which this very note came a moment ago; ``None`` for a new note.

        Args:
            port: that it comes from now.
            message: any.
            at: when, seconds that only rise.
        """
        if not isinstance(message, NoteOn):
            return None
        before, when = self._notes.pop(message, (port, at))
        by_two_ways = before != port and CLIENT in {before, port}
        if by_two_ways and at - when < DOUBLE_SECONDS:
            return before
        self._notes = {n: seen for n, seen in self._notes.items() if at - seen[1] < DOUBLE_SECONDS}
        self._notes[message] = (port, at)
        return None
