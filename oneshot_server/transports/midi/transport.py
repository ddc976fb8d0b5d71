"""MIDI as a transport: ports, decoders, map, player, learning and watching, put together."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

import structlog

from oneshot_server.domain.core import Core, Item
from oneshot_server.domain.midi import Learned, MidiEvent
from oneshot_server.errors import (
    BadArgumentsError,
    BusyError,
    NoMidiError,
    NotFoundError,
    OneshotError,
)
from oneshot_server.settings import MidiSettings
from oneshot_server.transports.midi.backend import load_rtmidi
from oneshot_server.transports.midi.bindings import Binding
from oneshot_server.transports.midi.clock import GRIDS
from oneshot_server.transports.midi.decode import Decoder
from oneshot_server.transports.midi.doubles import Doubles
from oneshot_server.transports.midi.inbox import Arrival, Inbox
from oneshot_server.transports.midi.learn import LEARN_SECONDS, message_to_source, remember
from oneshot_server.transports.midi.lights import Lights
from oneshot_server.transports.midi.map_file import load_map
from oneshot_server.transports.midi.messages import (
    ChannelMessage,
    ClockMessage,
    MidiMessage,
    RealTime,
)
from oneshot_server.transports.midi.player import Player
from oneshot_server.transports.midi.ports import Ports, PortsState
from oneshot_server.transports.midi.targets import KitChoice, Target, parse_target

log = structlog.get_logger(__name__)

DROPS_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class _Learning:
    """Somebody waits for a message."""

    target: Target
    on_end: Callable[[Learned | OneshotError], None]
    timeout: asyncio.TimerHandle


class MidiTransport:
    """MIDI of one daemon; ``domain.midi.Midi``. It is made on the event loop that it plays on.

    Args:
        core: plays.
        settings: which ports, which map, which grid.
        maps: the home's folder of maps.
        load: gives rtmidi.

    Raises:
        NotFoundError: no map has the name that the settings say.
        SettingsError: the map cannot be understood.
    """

    def __init__(
        self,
        core: Core,
        settings: MidiSettings,
        maps: Path,
        *,
        load: Callable[[], ModuleType] = load_rtmidi,
    ) -> None:
        self._settings = settings
        self._maps = maps
        self._map = load_map(settings.map, maps)
        self._state: PortsState | None = None
        self._state_listener: Callable[[str], None] = lambda _line: None
        self._watchers: list[Callable[[MidiEvent], None]] = []
        self._learning: _Learning | None = None
        self._decoders: dict[str, Decoder] = {}
        self._doubles = Doubles()
        self._drops_told = 0
        self._drops_told_at = -DROPS_SECONDS
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox(self._loop, self._take)
        self._ports = Ports(
            settings, on_data=self._inbox.put, on_state=self._tell_state_on_loop, load=load
        )
        self._lights = Lights(self._ports.send, self._loop)
        self._player = Player(
            core,
            self._loop,
            midi_map=self._map,
            grid_ticks=GRIDS[settings.quantise],
            takeover=settings.takeover,
            on_sound=self._lights.flash,
        )

    def start(self) -> None:
        """Listen from now on; the ports are looked for on a thread of their own."""
        if self._settings.enabled:
            self._ports.start()
        else:
            self._on_state(PortsState(problem=NoMidiError("MIDI is off", "set midi.enabled")))

    async def stop(self) -> None:
        """Close the ports; who waits for a message to learn is told that none comes."""
        self._end_learning(NotFoundError("the daemon was shut down"))
        self._player.stop()
        self._inbox.close()
        if self._settings.enabled:
            await asyncio.to_thread(self._ports.stop)

    def on_ports(self, listener: Callable[[str], None]) -> None:
        """Tell ``listener`` in words when ports come and go; one listener at a time."""
        self._state_listener = listener

    def ports(self) -> Sequence[Item]:
        """See ``domain.midi.Midi``."""
        if self._state is None:
            return ()
        if self._state.problem is not None:
            raise self._state.problem
        return [
            Item(
                name=port.name,
                detail=f"{'output' if port.output else 'input'}, "
                f"{'open' if port.open else 'not used'}, {self._state.backend}",
            )
            for port in self._state.ports
        ]

    @property
    def map_name(self) -> str:
        """See ``domain.midi.Midi``."""
        return self._map.name

    def map_items(self) -> Sequence[Item]:
        """See ``domain.midi.Midi``."""
        return [
            Item(name=str(binding.source), detail=str(binding.target))
            for binding in self._map.bindings
        ]

    def use_map(self, name: str) -> None:
        """See ``domain.midi.Midi``."""
        self._map = self._player.midi_map = load_map(name, self._maps)

    def learn(self, target: str, on_end: Callable[[Learned | OneshotError], None]) -> None:
        """See ``domain.midi.Midi``."""
        wanted = parse_target(target)
        if wanted == KitChoice(name=None):
            raise BadArgumentsError("kits goes by the program's number, expected kit.NAME")
        if self._state is not None and self._state.problem is not None:
            raise self._state.problem
        self._end_learning(BusyError("another MIDI learn began"))
        timeout = self._loop.call_later(
            LEARN_SECONDS,
            lambda: self._end_learning(
                NotFoundError(f"no MIDI message for {wanted} came within {LEARN_SECONDS:g} s")
            ),
        )
        self._learning = _Learning(target=wanted, on_end=on_end, timeout=timeout)

    def watch(self, listener: Callable[[MidiEvent], None]) -> Callable[[], None]:
        """See ``domain.midi.Midi``."""
        self._watchers.append(listener)
        return lambda: self._watchers.remove(listener)

    def _take(self, arrival: Arrival) -> None:
        """Bytes have come. Whatever is wrong with them, the next ones are taken."""
        try:
            for message in self._decoders.setdefault(arrival.port, Decoder()).feed(arrival.data):
                deed = self._do(arrival.port, message, arrival.at)
                if self._watchers and message is not RealTime.CLOCK:
                    event = MidiEvent(port=arrival.port, message=str(message), deed=deed)
                    for listener in tuple(self._watchers):
                        listener(event)
        except Exception:
            log.exception("a MIDI message failed", port=arrival.port, data=list(arrival.data)[:16])
        self._tell_drops(arrival.at)

    def _do(self, port: str, message: MidiMessage, at: float) -> str:
        if isinstance(message, ClockMessage):
            return self._player.tick(port, message, at)
        if self._settings.channel not in {"omni", message.channel}:
            return f"ignored: midi.channel is {self._settings.channel}"
        if self._lights.is_echo(message, at):
            return "ignored: a light that came back"
        if (other := self._doubles.first_came_from(port, message, at)) is not None:
            return f"ignored: the same note has come from {other}"
        if self._learning is not None and self._learn_from(message, self._learning):
            return "learned"
        return self._player.take(message, at)

    def _learn_from(self, message: ChannelMessage, learning: _Learning) -> bool:
        source = message_to_source(message, learning.target)
        if source is None:
            return False
        try:
            remember(Binding(source=source, target=learning.target), self._maps)
            self.use_map(self._map.name)
        except OneshotError as problem:
            self._end_learning(problem)
        else:
            log.info("MIDI learned", source=str(source), target=str(learning.target))
            self._end_learning(Learned(target=str(learning.target), message=str(source)))
        return True

    def _end_learning(self, how: Learned | OneshotError) -> None:
        learning, self._learning = self._learning, None
        if learning is not None:
            learning.timeout.cancel()
            learning.on_end(how)

    def _tell_state_on_loop(self, state: PortsState) -> None:
        with suppress(RuntimeError):  # the loop was closed a moment ago
            self._loop.call_soon_threadsafe(self._on_state, state)

    def _on_state(self, state: PortsState) -> None:
        self._state = state
        if state.problem is not None:
            log.warning("no MIDI", problem=state.problem.text, advice=state.problem.advice)
            self._state_listener(f"No MIDI yet, OSC goes on. {state.problem}")
            return
        opened = [port.name for port in state.ports if port.open]
        for gone in self._decoders.keys() - set(opened):
            del self._decoders[gone]  # a message that it broke off in is nobody's
        log.info("MIDI ports", backend=state.backend, open=opened)
        self._state_listener(f"MIDI ({state.backend}): {', '.join(opened) or 'no ports yet'}")

    def _tell_drops(self, at: float) -> None:
        if self._inbox.dropped > self._drops_told and at - self._drops_told_at >= DROPS_SECONDS:
            log.warning("MIDI messages dropped", count=self._inbox.dropped - self._drops_told)
            self._drops_told, self._drops_told_at = self._inbox.dropped, at
