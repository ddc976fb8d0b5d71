"""Choke groups: of pads that cut each other off, only the last one that was hit is still to come.

A sound that is in the samples folder is there to stay; whoever plays it stops it himself. What can
be cut off is a hit whose sound is not there yet, as its reserve was empty: it would come too late.
"""

from collections.abc import Callable

from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobEvent,
    JobId,
    SamplePublished,
)
from oneshot_server.errors import NotFoundError


class Choke:
    """Knows which hits have not sounded yet.

    Args:
        group_of: the choke group of a pad; 0 for none.
        cancel: cancels a job; raises NotFoundError if it cannot be any more.
    """

    def __init__(self, group_of: Callable[[int], int], cancel: Callable[[JobId], None]) -> None:
        self._group_of = group_of
        self._cancel = cancel
        self._waiting: dict[JobId, int] = {}

    def take(self, event: JobEvent) -> None:
        """Something has happened to a job."""
        match event:
            case Accepted(job=job, pad=int(pad)):
                self._waiting[job] = pad
            case SamplePublished(job=job) | Done(job=job) | Failed(job=job) | Cancelled(job=job):
                self._waiting.pop(job, None)

    def struck(self, pad: int) -> None:
        """A pad was hit: cancel what waits for the other pads of its group."""
        group = self._group_of(pad)
        if not group:
            return
        for job, other in tuple(self._waiting.items()):
            if other != pad and self._group_of(other) == group:
                try:
                    self._cancel(job)
                except NotFoundError:  # it is being published
                    continue
