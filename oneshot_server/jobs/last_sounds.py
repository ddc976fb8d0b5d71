"""The last sound of each pad, for hits that come faster than sounds can be rendered."""

from pathlib import Path

from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobEvent,
    JobId,
    SamplePublished,
)
from oneshot_server.domain.pads import Pad
from oneshot_server.jobs.pad_bank import PadBank


class LastSounds:
    """Listens to what is published for pads.

    Args:
        bank: knows what the pads play.
    """

    def __init__(self, bank: PadBank) -> None:
        self._bank = bank
        self._open: dict[JobId, tuple[int, Pad]] = {}
        self._last: dict[int, tuple[Pad, SamplePublished]] = {}

    def take(self, event: JobEvent) -> None:
        """Something has happened to a job."""
        match event:
            case Accepted(job=job, pad=int(number)):
                self._open[job] = number, self._bank.pad(number)
            case SamplePublished(job=job) if job in self._open:
                number, pad = self._open[job]
                self._last[number] = pad, event
            case Done(job=job) | Failed(job=job) | Cancelled(job=job):
                self._open.pop(job, None)

    def of(self, number: int) -> SamplePublished | None:
        """The pad's last sound, if it is still there and the pad has not changed."""
        pad, sound = self._last.get(number, (None, None))
        same = sound is not None and pad == self._bank.pad(number)
        return sound if sound is not None and same and Path(sound.path).exists() else None
