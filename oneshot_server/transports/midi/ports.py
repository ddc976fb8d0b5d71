"""MIDI ports that come and go: opened by name and pattern, looked for again and again.

Everything that calls rtmidi happens on one thread of its own, for the library may block. Bytes come
on threads of rtmidi's.
"""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Final

import structlog

from oneshot_server.errors import NoMidiError
from oneshot_server.settings import MidiSettings
from oneshot_server.transports.midi.backend import choose_backend, load_rtmidi
from oneshot_server.transports.midi.open_ports import OnData, OpenPorts, Port, midi_errors

log = structlog.get_logger(__name__)

MOST_OUTGOING: Final = 256
LIVENESS_SECONDS: Final = 0.25
STOP_SECONDS: Final = 3.0


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
        self._open: OpenPorts | None = None
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
                    self._open = OpenPorts(rtmidi, backend, self._settings, self._on_data)
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
