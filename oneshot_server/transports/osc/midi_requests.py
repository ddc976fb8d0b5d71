"""MIDI by OSC: ports, map, learning, and a client that watches what arrives."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, cast

from oneshot_server.domain.core import Item
from oneshot_server.domain.midi import Learned, Midi, MidiEvent
from oneshot_server.errors import OneshotError
from oneshot_server.transports.osc.clients import REMEMBERED_SECONDS, Address
from oneshot_server.transports.osc.encode import short
from oneshot_server.transports.osc.parse import Parsed

MIDI_PORTS: Final = "midi_ports"
MIDI_MAP: Final = "midi_map"
MOST_MONITORS: Final = 16
MOST_EVENTS: Final = 200
"""Events that one monitor is sent in a second: a flood of messages is no flood of datagrams."""


class Send(Protocol):
    """Sends an answer."""

    def __call__(self, source: Address, address: str, *arguments: float | str) -> None:
        """Answer a source by an address with arguments."""
        ...


class _Monitor:
    """A client that watches."""

    def __init__(self, request_id: str, until: float) -> None:
        self.request_id = request_id
        self.until = until
        self.second = 0.0
        self.sent = 0


class MidiRequests:
    """The handlers of ``/oneshot/midi/…``.

    Args:
        midi: is asked.
        send: sends an answer.
        clock: seconds that only rise.
    """

    def __init__(self, midi: Midi, send: Send, *, clock: Callable[[], float]) -> None:
        self._midi = midi
        self._send = send
        self._clock = clock
        self._monitors: dict[Address, _Monitor] = {}
        self._unwatch: Callable[[], None] | None = None
        self._learnings: dict[tuple[str, str], tuple[float, Learned | OneshotError | None]] = {}
        self.handlers: dict[str, Callable[[Parsed, Address], None]] = {
            "/oneshot/midi/learn": self._learn,
            "/oneshot/midi/map": self._map,
            "/oneshot/midi/ports": self.ports,
            "/oneshot/midi/monitor": self._monitor,
        }

    def stop(self) -> None:
        """Tell nobody any more."""
        self._monitors.clear()
        self._watch_while_wanted()

    def ports(self, parsed: Parsed, source: Address) -> None:
        """Name the ports."""
        self._items(source, _id(parsed), MIDI_PORTS, self._midi.ports())

    def _map(self, parsed: Parsed, source: Address) -> None:
        if name := str(parsed.arguments["map"]):
            self._midi.use_map(name)
        self._items(source, _id(parsed), MIDI_MAP, self._midi.map_items())

    def _items(self, source: Address, request_id: str, what: str, items: Sequence[Item]) -> None:
        for item in items:
            arguments = (request_id, what, short(item.name), short(item.detail))
            self._send(source, "/oneshot/item", *arguments)
        self._send(source, "/oneshot/ok", request_id, len(items))

    def _learn(self, parsed: Parsed, source: Address) -> None:
        key = (source[0], _id(parsed))
        now = self._clock()
        self._learnings = {
            k: (at, how)
            for k, (at, how) in self._learnings.items()
            if now - at < REMEMBERED_SECONDS
        }
        if _id(parsed) and key in self._learnings:  # asked before: UDP loses packets
            self._answer_learning(source, _id(parsed), self._learnings[key][1])
            return

        def ended(how: Learned | OneshotError) -> None:
            self._learnings[key] = (self._clock(), how)
            self._answer_learning(source, _id(parsed), how)

        self._midi.learn(str(parsed.arguments["target"]), ended)
        self._learnings.setdefault(key, (now, None))

    def _answer_learning(
        self, source: Address, request_id: str, how: Learned | OneshotError | None
    ) -> None:
        if isinstance(how, Learned):
            self._send(
                source, "/oneshot/midi/learned", request_id, short(how.target), short(how.message)
            )
        elif how is not None:
            self._send(source, "/oneshot/error", request_id, str(how.code), short(str(how)))

    def _monitor(self, parsed: Parsed, source: Address) -> None:
        seconds = cast("int", parsed.arguments["seconds"])
        self._monitors.pop(source, None)
        if seconds:
            while len(self._monitors) >= MOST_MONITORS:
                self._monitors.pop(next(iter(self._monitors)))
            self._monitors[source] = _Monitor(_id(parsed), self._clock() + seconds)
        self._watch_while_wanted()
        self._send(source, "/oneshot/ok", _id(parsed))

    def _watch_while_wanted(self) -> None:
        if self._monitors and self._unwatch is None:
            self._unwatch = self._midi.watch(self._tell)
        elif not self._monitors and self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    def _tell(self, event: MidiEvent) -> None:
        now = self._clock()
        for source, monitor in tuple(self._monitors.items()):
            if monitor.until < now:
                del self._monitors[source]
                continue
            if now - monitor.second >= 1.0:
                monitor.second, monitor.sent = now, 0
            monitor.sent += 1
            if monitor.sent <= MOST_EVENTS:
                arguments = (short(event.port), short(event.message), short(event.deed))
                self._send(source, "/oneshot/midi/event", monitor.request_id, *arguments)
        self._watch_while_wanted()


def _id(parsed: Parsed) -> str:
    return str(parsed.arguments["id"])
