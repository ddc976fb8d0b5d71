"""Ports for a moment: to list them, or to send a message."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

from oneshot_server.errors import NoMidiError
from oneshot_server.settings import MidiSettings
from oneshot_server.transports.midi.backend import choose_backend, load_rtmidi
from oneshot_server.transports.midi.open_ports import (
    CLIENT,
    Port,
    close_port,
    matches,
    midi_errors,
    numbered,
)
from oneshot_server.transports.midi.ports import PortsState

SETTLE_SECONDS: Final = 0.1
"""A new connection carries nothing at first, and one that is closed at once loses what it has."""


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
        names = dict(numbered(lister.get_ports()))
        ports += [Port(name=name, output=output, open=False) for name in names]
        close_port(lister)
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
        close_port(port)
