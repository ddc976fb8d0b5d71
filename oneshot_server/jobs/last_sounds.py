"""The last sound of each pad, for hits that come faster than sounds can be rendered."""

import os
from collections.abc import Callable
from dataclasses import replace

from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobEvent,
    JobId,
    SampleImproved,
    SamplePublished,
)


class LastSounds:
    """Listens to what is published for pads.

    Args:
        key: of what a pad plays now, as that depends on LoRAs and model, too; empty for nothing.
    """

    def __init__(self, key: Callable[[int], str]) -> None:
        self._key = key
        self._open: dict[JobId, tuple[int, str]] = {}
        self._last: dict[int, tuple[str, SamplePublished]] = {}

    def take(self, event: JobEvent) -> None:
        """Something has happened to a job."""
        match event:
            case Accepted(job=job, pad=int(number)):
                self._open[job] = number, self._key(number)
            case SamplePublished(job=job) if job in self._open:
                number, key = self._open[job]
                self._last[number] = key, replace(event, draft=False)
            case SampleImproved(job=job, seconds=seconds) if job in self._open:
                number, key = self._open[job]
                if number in self._last and self._last[number][1].path == event.path:
                    self._last[number] = key, replace(self._last[number][1], seconds=seconds)
            case Done(job=job) | Failed(job=job) | Cancelled(job=job):
                self._open.pop(job, None)

    def of(self, number: int) -> SamplePublished | None:
        """The pad's last sound, if it is still there and what the pad plays has not changed."""
        key, sound = self._last.get(number, ("", None))
        if sound is None or not key or key != self._key(number):
            return None
        # Path.exists raises where a folder may not be looked into.
        return sound if os.path.exists(sound.path) else None  # noqa: PTH110
