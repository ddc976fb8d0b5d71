"""From rtmidi's thread to the event loop: bounded, and one wake-up for whatever has come."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

LIMIT: Final = 4096
CLOCK_LIMIT: Final = LIMIT // 4
"""Clock bytes get less of the room: a flood of them must not cost a note."""
AT_ONCE: Final = 256
_SYSEX: Final = 0xF0
_REAL_TIME: Final = 0xF8
_SENSING: Final = 0xFE


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """Bytes that came from a port, and when, as ``time.monotonic`` seconds."""

    port: str
    data: Sequence[int]
    at: float


class Loop(Protocol):
    """What is used of ``asyncio.AbstractEventLoop``."""

    def call_soon_threadsafe(self, callback: Callable[[], object], /) -> object:
        """Call back on the loop, from any thread."""
        ...


class Inbox:
    """Takes bytes on any thread, hands them over on the loop's.

    Args:
        loop: is woken.
        handle: called on the loop with each arrival, in order.

    Attributes:
        dropped: arrivals that found no room.
    """

    def __init__(self, loop: Loop, handle: Callable[[Arrival], None]) -> None:
        self._loop = loop
        self._handle = handle
        self._arrivals: deque[Arrival] = deque()
        self._woken = False
        self._closed = False
        self.dropped = 0

    def put(self, port: str, data: Sequence[int], at: float) -> None:
        """Bytes have come."""
        if self._closed or not data or data[0] in {_SYSEX, _SENSING}:
            return
        limit = CLOCK_LIMIT if data[0] >= _REAL_TIME else LIMIT
        if len(self._arrivals) >= limit:
            self.dropped += 1
            return
        self._arrivals.append(Arrival(port=port, data=data, at=at))
        self._wake()

    def close(self) -> None:
        """Take and hand over nothing more."""
        self._closed = True
        self._arrivals.clear()

    def _wake(self) -> None:
        if self._woken:
            return
        self._woken = True
        try:
            self._loop.call_soon_threadsafe(self._empty)
        except RuntimeError:  # the loop was closed a moment ago
            self._closed = True

    def _empty(self) -> None:
        # Before the look: what comes during it wakes again, and nothing is forgotten.
        self._woken = False
        for _ in range(AT_ONCE):
            if not self._arrivals:
                return
            self._handle(self._arrivals.popleft())
        self._wake()  # let others on the loop have their turn
