"""The ports of one system of MIDI that are open; all of it is for the thread of ``ports`` alone."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

import structlog

from oneshot_server.errors import NoMidiError
from oneshot_server.settings import MidiSettings
from oneshot_server.transports.midi.backend import Backend

log = structlog.get_logger(__name__)

CLIENT: Final = "oneshot-server"
"""How others see us; ports of this name are never listened to, or lights would hit pads."""
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


class OpenPorts:
    """Keeps the ports that the settings name.

    Args:
        rtmidi: the library.
        backend: of it.
        settings: which ports.
        on_data: called on a thread of rtmidi's with port, bytes and ``time.monotonic`` seconds.

    Raises:
        OSError: as rtmidi does.
    """

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
        inputs = dict(numbered(self._in_lister.get_ports()))
        outputs = dict(numbered(self._out_lister.get_ports() if self._out_lister else ()))
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
        """Send a message to all outputs."""
        for name, port in self._outputs.items():
            try:
                port.send_message(data)
            except OSError as error:
                log.warning("MIDI port takes no message", port=name, error=str(error))

    def close(self) -> None:
        """Close all of them."""
        everything = (*self._inputs.values(), *self._outputs.values())
        for port in (*everything, self._in_lister, self._out_lister):
            if port is not None:
                close_port(port)

    def _follow(
        self, opened: dict[str, Any], wanted: dict[str, int], open_port: Callable[[str, int], Any]
    ) -> None:
        for name in opened.keys() - wanted.keys():
            close_port(opened.pop(name))
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
            close_port(port)
            raise
        return port

    def _open_output(self, name: str, index: int) -> Any:  # noqa: ANN401, ARG002 - as rtmidi
        port = self._rtmidi.MidiOut(self.backend.api, name=CLIENT)
        try:
            port.open_port(index, name="out")
        except BaseException:
            close_port(port)
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


def numbered(names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Names of others' ports, each once, and their places in the list."""
    seen: Counter[str] = Counter()
    for index, name in enumerate(names):
        seen[name] += 1
        if not name.startswith(CLIENT):
            yield (name if seen[name] == 1 else f"{name} #{seen[name]}"), index


def close_port(port: Any) -> None:  # noqa: ANN401 - rtmidi has no types
    """Close a port for good, whatever state it is in."""
    with suppress(OSError, RuntimeError):
        if hasattr(port, "cancel_callback"):
            port.cancel_callback()
        port.close_port()
    with suppress(OSError, RuntimeError):
        port.delete()
