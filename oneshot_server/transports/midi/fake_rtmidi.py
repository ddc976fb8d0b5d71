"""python-rtmidi without devices: as much of its interface as is used, and a studio to plug in."""

import queue
from collections.abc import Callable, Sequence
from typing import Any

API_MACOSX_CORE = 1


class FakeRtMidi:
    """Stands for the module ``rtmidi`` on a machine with CoreMIDI, which needs no server.

    Attributes:
        sources: names of the devices that send.
        sinks: names of the devices that take.
        failing: names of ports that another program has.
        broken: whether nothing of MIDI works.
        sent: what went to each sink.
    """

    API_MACOSX_CORE = API_MACOSX_CORE

    def __init__(self) -> None:
        self.sources: list[str] = []
        self.sinks: list[str] = []
        self.failing: set[str] = set()
        self.broken = False
        self.sent: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._listening: dict[str, _In] = {}

    def get_compiled_api(self) -> list[int]:
        """Rtmidi's."""
        return [API_MACOSX_CORE]

    def MidiIn(self, api: int, name: str) -> "_In":  # noqa: ARG002, N802 - rtmidi's
        """Rtmidi's."""
        return _In(self)

    def MidiOut(self, api: int, name: str) -> "_Out":  # noqa: ARG002, N802 - rtmidi's
        """Rtmidi's."""
        return _Out(self)

    def play(self, port: str, *data: int) -> None:
        """Let a device, or a peer of our virtual port, send bytes."""
        self._listening[port].received(data)

    @property
    def listened_to(self) -> set[str]:
        """The names of the ports that somebody listens to."""
        return set(self._listening)


class _Port:
    def __init__(self, studio: FakeRtMidi) -> None:
        if studio.broken:
            raise OSError("MidiInCore::initialize: error creating client")
        self._studio = studio
        self._name = ""

    def get_ports(self) -> list[str]:
        return list(self._devices())

    def open_port(self, index: int, name: str) -> None:  # noqa: ARG002 - rtmidi's
        self._name = self._devices()[index]
        if self._name in self._studio.failing:
            raise OSError(f"{self._name} is taken")

    def open_virtual_port(self, name: str) -> None:
        self._name = name

    def close_port(self) -> None:
        self._name = ""

    def delete(self) -> None:
        pass

    def _devices(self) -> Sequence[str]:
        raise NotImplementedError


class _In(_Port):
    def __init__(self, studio: FakeRtMidi) -> None:
        super().__init__(studio)
        self._callback: Callable[[Any, Any], None] | None = None

    def _devices(self) -> Sequence[str]:
        return self._studio.sources

    def ignore_types(self, *, sysex: bool, timing: bool, active_sense: bool) -> None:
        pass

    def set_callback(self, callback: Callable[[Any, Any], None]) -> None:
        self._callback = callback
        self._studio._listening[self._name] = self  # noqa: SLF001 - its own studio

    def cancel_callback(self) -> None:
        self._callback = None
        self._studio._listening.pop(self._name, None)  # noqa: SLF001 - its own studio

    def received(self, data: Sequence[int]) -> None:
        assert self._callback is not None
        self._callback((list(data), 0.0), None)


class _Out(_Port):
    def _devices(self) -> Sequence[str]:
        return self._studio.sinks

    def send_message(self, data: bytes) -> None:
        self._studio.sent.put((self._name, bytes(data)))
