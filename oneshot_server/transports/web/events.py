"""Server-sent events: whatever happens to jobs and to the library, to every page that is open."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Final

import msgspec

from oneshot_server.domain.core import Core
from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobEvent,
    LoraReady,
    Notice,
    Progress,
    SampleImproved,
    SamplePublished,
    TrainingProgress,
)
from oneshot_server.domain.pads import PADS

NAMES: Final[dict[type, str]] = {
    Accepted: "accepted",
    Progress: "progress",
    Notice: "notice",
    SamplePublished: "sample",
    SampleImproved: "better",
    TrainingProgress: "training",
    LoraReady: "lora",
    Done: "done",
    Failed: "failed",
    Cancelled: "cancelled",
}
"""Type to the event's name; its data are the type's fields as JSON."""

MOST_WAITING: Final = 2000
"""Events that wait for a slow page; then it is told that some were lost, and asks anew."""
BEAT_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 0.5
MOST_CLIENTS: Final = 32


def encode(name: str, data: object) -> bytes:
    """One event as it is sent."""
    return f"event: {name}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"


class Events:
    """Listens to the daemon for all pages.

    Args:
        core: tells of jobs, and is asked for its state while somebody listens.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._queues: set[asyncio.Queue[bytes]] = set()
        self._unsubscribe = core.subscribe(self._on_event)
        self._watch: asyncio.Task[None] | None = None
        self._last: dict[str, bytes] = {}
        self._closed = False

    @property
    def full(self) -> bool:
        """Whether no more pages are told."""
        return len(self._queues) >= MOST_CLIENTS

    async def stop(self) -> None:
        """End every stream."""
        self._closed = True
        self._unsubscribe()
        for queue in self._queues:
            _put(queue, b"")
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch

    async def stream(self) -> AsyncIterator[bytes]:
        """What a page is sent, from now until it goes or the daemon does."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self._queues.add(queue)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._look(), name="watch for pages")
        try:
            yield b"retry: 1000\n\n" + b"".join(self._states().values())
            while not self._closed:
                try:
                    event = await asyncio.wait_for(queue.get(), BEAT_SECONDS)
                except TimeoutError:
                    event = b": still here\n\n"
                yield event
        finally:
            self._queues.discard(queue)

    def tell(self, name: str, data: object) -> None:
        """Send an event to every page."""
        if self._queues:
            event = encode(name, data)
            for queue in self._queues:
                _put(queue, event)

    def _on_event(self, event: JobEvent) -> None:
        self.tell(NAMES[type(event)], event)

    def _states(self) -> dict[str, bytes]:
        """What is not told by events, as events."""
        return {name: encode(name, read()) for name, read in self._readers().items()}

    def _readers(self) -> dict[str, Callable[[], Any]]:
        return {
            "status": self._core.status,
            "pads": lambda: [self._core.pad_level(number) for number in range(PADS)],
        }

    async def _look(self) -> None:
        """Tell of what has changed without an event, for as long as somebody listens."""
        while self._queues and not self._closed:
            states = self._states()
            for name, event in states.items():
                if self._last.get(name) != event:
                    for queue in self._queues:
                        _put(queue, event)
            self._last = states
            await asyncio.sleep(LOOK_SECONDS)


def _put(queue: asyncio.Queue[bytes], event: bytes) -> None:
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(encode("lost", {}))
    queue.put_nowait(event)
