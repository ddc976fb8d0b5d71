"""A job on its way from accepted to ended."""

import time
from dataclasses import dataclass, field

from oneshot_server.domain.events import (
    Cancelled,
    Done,
    Failed,
    JobId,
    SamplePublished,
    TerminalEvent,
)
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import ErrorCode
from oneshot_server.jobs.journal import JournalledJob


@dataclass(kw_only=True)
class Job:
    """What the queue knows of a job.

    Attributes:
        id: told to clients.
        request: what to make.
        started: when it was taken, by the monotonic clock, seconds.
        pad: that was hit for it; ``None`` if none was.
        engine_deaths: engines that died while they had it.
        cancelled: somebody wants it stopped.
        ended: its terminal event is out; a running one waits for the engine to let go of it.
        published: its sounds in the folder, by index.
        drafts: of those that are to be made better, SHA-256 of their audio, by index.
        improving: all its sounds have been published, and the drafts are made better now.
        last_progress: when progress was last told, by the monotonic clock, seconds.
    """

    id: JobId
    request: GenerateRequest
    started: float
    pad: int | None = None
    engine_deaths: int = 0
    cancelled: bool = False
    ended: bool = False
    published: dict[int, SamplePublished] = field(default_factory=dict)
    drafts: dict[int, str] = field(default_factory=dict)
    improving: bool = False
    last_progress: float = 0.0

    @property
    def published_all(self) -> bool:
        """Whether every sound is in the folder."""
        wanted = 1 if self.request.replay is not None else self.request.count
        return len(self.published) == wanted

    @property
    def waits_for_better(self) -> bool:
        """Whether its drafts are all there and are to be made better."""
        able = not (self.improving or self.cancelled or self.ended)
        return able and self.published_all and bool(self.drafts)

    @property
    def skip(self) -> frozenset[int]:
        """Sounds that are as they should be."""
        return frozenset(self.published.keys() - (self.drafts.keys() if self.improving else ()))

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the sounds whose drafts are made better, if they are."""
        ordered = sorted(self.published.items()) if self.improving else ()
        return tuple(sound.seed for _, sound in ordered)

    @property
    def joins(self) -> bool:
        """Whether it may be rendered together with others.

        Only a hit: whoever asks for a seed gets the same sound again, to the bit, and not the one
        that it is in whatever company.
        """
        single = self.request.count == 1 and self.request.replay is None
        hit = self.pad is not None and single
        return hit and not self.published

    def done(self) -> TerminalEvent:
        """Its end when the engine has made everything."""
        if self.cancelled:
            return Cancelled(job=self.id)
        spent = round((time.monotonic() - self.started) * 1000)
        return Done(job=self.id, count=len(self.published), milliseconds=spent)

    def failed(self, code: ErrorCode, text: str) -> TerminalEvent:
        """Its end when something went wrong; who has cancelled it does not care what."""
        if self.cancelled:
            return Cancelled(job=self.id)
        return Failed(job=self.id, code=code, text=text)


def restored_job(old: JournalledJob) -> Job:
    """A job that an earlier daemon had accepted."""
    job = Job(
        id=old.id,
        request=old.request,
        # What the clock says now may be earlier: somebody may have set it.
        started=time.monotonic() - max(0.0, time.time() - old.accepted),
        engine_deaths=old.engine_deaths,
        published={sound.index: sound.event(old.id) for sound in old.sounds},
        drafts={s.index: s.draft for s in old.sounds if s.draft and not s.improved},
    )
    job.improving = job.waits_for_better
    return job
