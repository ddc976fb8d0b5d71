"""MIDI ports that come and go: opened by name and pattern, looked for again and again.

Everything that calls rtmidi happens on one thread of its own, for the library may block. Bytes come
on threads of rtmidi's.
"""

import queue
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any, Final

import structlog

from oneshot_server.errors import NoMidiError
from oneshot_server.settings import MidiSettings
from oneshot_server.transports.midi.backend import Backend, choose_backend, load_rtmidi

log = structlog.get_logger(__name__)

CLIENT: Final = "oneshot-server"
"""How others see us; ports of this name are never listened to, or lights would hit pads."""
MOST_OUTGOING: Final = 256
LIVENESS_SECONDS: Final = 0.25
SETTLE_SECONDS: Final = 0.1
"""A new connection carries nothing at first, and one that is closed at once loses what it has."""
STOP_SECONDS: Final = 3.0
_ALSA_NUMBERS: Final = re.compile(r" \d+:\d+$")

OnData = Callable[[str, Sequence[int], float], None]


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port of this machine.

    Attributes:
        name: as the system says it; a second one of the same name ends in ``#2``.
        output: whether it takes messages from us; else it gives them.
        open: whether we are connected to it.
    """

    name: str
    output: bool
    open: bool


@dataclass(frozen=True, kw_only=True)
class PortsState:
    """What there is now.

    Attributes:
        backend: name of the system of MIDI; empty if there is none.
        ports: all of them.
        problem: why there is no MIDI; ``None`` if there is.
    """

    backend: str = ""
    ports: tuple[Port, ...] = ()
    problem: NoMidiError | None = None


def list_ports(
    settings: MidiSettings, *, load: Callable[[], ModuleType] = load_rtmidi
) -> PortsState:
    """The ports of this machine, none of them opened.

    Raises:
        NoMidiError: there is no MIDI.
    """
    rtmidi = load()
    backend = choose_backend(settings.backend, rtmidi)
    ports: list[Port] = []
    for output, kind in ((False, rtmidi.MidiIn), (True, rtmidi.MidiOut)):
        with midi_errors():
            lister = kind(backend.api, name=CLIENT)
        names = dict(_numbered(lister.get_ports()))
        ports += [Port(name=name, output=output, open=False) for name in names]
        _close(lister)
    return PortsState(backend=backend.name, ports=tuple(ports))


@contextmanager
def open_output(settings: MidiSettings, pattern: str) -> Iterator[Callable[[bytes], None]]:
    """A way to send to the first output that a pattern means, our daemon's own port too.

    Raises:
        NoMidiError: there is no MIDI, or no such port; says which there are.
    """
    rtmidi = load_rtmidi()
    backend = choose_backend(settings.backend, rtmidi)
    with midi_errors():
        port = rtmidi.MidiOut(backend.api, name=f"{CLIENT} send")
    try:
        names = port.get_ports()
        index = next((i for i, name in enumerate(names) if matches(name, (pattern,))), None)
        if index is None:
            known = ", ".join(names) or "there is none at all"
            raise NoMidiError(f'no MIDI output is named "{pattern}"', f"expected one of: {known}")
        with midi_errors():
            port.open_port(index, name="out")
        time.sleep(SETTLE_SECONDS)
        yield port.send_message
        time.sleep(SETTLE_SECONDS)
    finally:
        _close(port)


@contextmanager
def midi_errors() -> Iterator[None]:
    """What rtmidi raises as an error of ours; its SystemError is an OSError.

    Raises:
        NoMidiError: MIDI cannot be used, or a port not be opened.
    """
    try:
        yield
    except OSError as error:
        advice = "see whether another program has the port; try again"
        raise NoMidiError(f"MIDI cannot be used ({error})", advice) from None


class Ports:
    """Keeps the ports that the settings name open.

    Args:
        settings: which ports.
        on_data: called on a thread of rtmidi's with port, bytes and ``time.monotonic`` seconds.
        on_state: called on a thread of ours when something has changed.
        load: gives the library.
    """

    def __init__(
        self,
        settings: MidiSettings,
        *,
        on_data: OnData,
        on_state: Callable[[PortsState], None],
        load: Callable[[], ModuleType] = load_rtmidi,
    ) -> None:
        self._settings = settings
        self._on_data = on_data
        self._on_state = on_state
        self._load = load
        self._outgoing: queue.Queue[bytes | None] = queue.Queue(MOST_OUTGOING)
        self._stopping = False
        self._state: PortsState | None = None
        self._open: _OpenPorts | None = None
        # A library that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="midi-ports", daemon=True)

    def start(self) -> None:
        """Look for ports from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Close all ports; gives up on a library that hangs."""
        self._stopping = True
        with suppress(queue.Full):
            self._outgoing.put_nowait(None)
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            log.warning("the MIDI library does not come back")

    def send(self, data: bytes) -> None:
        """Send a message to all outputs; dropped if too many wait."""
        with suppress(queue.Full):
            self._outgoing.put_nowait(data)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._look()
                self._send_until(time.monotonic() + self._settings.poll_seconds)
            except Exception:
                log.exception("looking for MIDI ports failed")
                self._close()
                time.sleep(self._settings.poll_seconds)
        self._close()

    def _look(self) -> None:
        try:
            rtmidi = self._load()
            backend = choose_backend(self._settings.backend, rtmidi)
            with midi_errors():
                if self._open is None or self._open.backend != backend:
                    self._close()
                    self._open = _OpenPorts(rtmidi, backend, self._settings, self._on_data)
                ports = self._open.update()
        except NoMidiError as problem:
            self._close()
            self._tell(PortsState(problem=problem))
        else:
            self._tell(PortsState(backend=backend.name, ports=ports))

    def _tell(self, state: PortsState) -> None:
        if str(state) != str(self._state):  # errors are never equal, their texts are
            self._state = state
            self._on_state(state)

    def _send_until(self, end: float) -> None:
        looked = time.monotonic()
        while not self._stopping and (left := end - time.monotonic()) > 0:
            try:
                data = self._outgoing.get(timeout=left)
            except queue.Empty:
                return
            if data is None or self._open is None:
                continue
            if time.monotonic() - looked > LIVENESS_SECONDS:
                # A JACK server that has died takes a few thousand bytes, and then never returns.
                if choose_backend(self._settings.backend, self._load()) != self._open.backend:
                    return
                looked = time.monotonic()
            self._open.send(data)

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


class _OpenPorts:
    """The ports that are open on one backend."""

    def __init__(
        self,
        rtmidi: Any,  # noqa: ANN401 - rtmidi has no types
        backend: Backend,
        settings: MidiSettings,
        on_data: OnData,
    ) -> None:
        self._rtmidi = rtmidi
        self._settings = settings
        self._on_data = on_data
        self.backend = backend
        self._inputs: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        self._refused: set[str] = set()
        self._own: tuple[Port, ...] = ()
        self._in_lister = self._make_input()
        # A JACK client whose server died unnoticed hangs in its next message, and all else with it.
        safe = backend.name != "jack" or backend.server
        self._out_lister = (
            rtmidi.MidiOut(backend.api, name=CLIENT) if settings.outputs and safe else None
        )
        if settings.virtual and backend.name != "winmm":
            # CoreMIDI shows the port's name alone, the others that of the client before it.
            self._in_lister.open_virtual_port(
                f"{CLIENT} in" if backend.name == "coremidi" else "in"
            )
            self._listen(self._in_lister, CLIENT)
            self._own = (Port(name=CLIENT, output=False, open=True),)

    def update(self) -> tuple[Port, ...]:
        """Open what has come, close what has gone; returns all ports."""
        settings = self._settings
        inputs = dict(_numbered(self._in_lister.get_ports()))
        outputs = dict(_numbered(self._out_lister.get_ports() if self._out_lister else ()))
        wanted = [
            name
            for name in inputs
            if matches(name, settings.inputs) and not matches(name, settings.ignored)
        ]
        self._follow(self._inputs, {name: inputs[name] for name in wanted}, self._open_input)
        lights = {name: at for name, at in outputs.items() if matches(name, settings.outputs)}
        self._follow(self._outputs, lights, self._open_output)
        return (
            *self._own,
            *(Port(name=name, output=False, open=name in self._inputs) for name in inputs),
            *(Port(name=name, output=True, open=name in self._outputs) for name in outputs),
        )

    def send(self, data: bytes) -> None:
        for name, port in self._outputs.items():
            try:
                port.send_message(data)
            except OSError as error:
                log.warning("MIDI port takes no message", port=name, error=str(error))

    def close(self) -> None:
        everything = (*self._inputs.values(), *self._outputs.values())
        for port in (*everything, self._in_lister, self._out_lister):
            if port is not None:
                _close(port)

    def _follow(
        self, opened: dict[str, Any], wanted: dict[str, int], open_port: Callable[[str, int], Any]
    ) -> None:
        for name in opened.keys() - wanted.keys():
            _close(opened.pop(name))
            log.info("MIDI port gone", port=name)
        for name in wanted.keys() - opened.keys():
            try:
                opened[name] = open_port(name, wanted[name])
            except OSError as error:  # another program has it, or it went a moment ago
                if name not in self._refused:
                    self._refused.add(name)
                    log.warning("MIDI port cannot be opened", port=name, error=str(error))
            else:
                self._refused.discard(name)
                log.info("MIDI port opened", port=name)

    def _open_input(self, name: str, index: int) -> Any:  # noqa: ANN401 - rtmidi has no types
        port = self._make_input()
        try:
            port.open_port(index, name="in")
            self._listen(port, name)
        except BaseException:
            _close(port)
            raise
        return port

    def _open_output(self, name: str, index: int) -> Any:  # noqa: ANN401, ARG002 - as rtmidi
        port = self._rtmidi.MidiOut(self.backend.api, name=CLIENT)
        try:
            port.open_port(index, name="out")
        except BaseException:
            _close(port)
            raise
        return port

    def _make_input(self) -> Any:  # noqa: ANN401 - rtmidi has no types
        port = self._rtmidi.MidiIn(self.backend.api, name=CLIENT)
        # What nobody needs does not even come as far as Python: a clock is 50 messages a second.
        port.ignore_types(sysex=True, timing=self._settings.quantise == "off", active_sense=True)
        return port

    def _listen(self, port: Any, name: str) -> None:  # noqa: ANN401 - rtmidi has no types
        on_data = self._on_data

        def received(event: tuple[Sequence[int], float], _data: object) -> None:
            on_data(name, event[0], time.monotonic())

        port.set_callback(received)


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern means a port. Case does not matter, nor what ALSA numbers at the end."""
    full = name.casefold()
    names = (full, _ALSA_NUMBERS.sub("", full))
    return any(
        one == pattern.casefold() or fnmatchcase(one, pattern.casefold())
        for one in names
        for pattern in patterns
    )


def _numbered(names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Names of others' ports, each once, and their places in the list."""
    seen: Counter[str] = Counter()
    for index, name in enumerate(names):
        seen[name] += 1
        if not name.startswith(CLIENT):
            yield (name if seen[name] == 1 else f"{name} #{seen[name]}"), index


def _close(port: Any) -> None:  # noqa: ANN401 - rtmidi has no types
    with suppress(OSError, RuntimeError):
        if hasattr(port, "cancel_callback"):
            port.cancel_callback()
        port.close_port()
    with suppress(OSError, RuntimeError):
        port.delete()
