"""The queue: every accepted job ends with exactly one terminal event."""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Iterable
from typing import Final

import structlog

from oneshot_server.domain.events import (
    SPARE,
    Accepted,
    Cancelled,
    EngineState,
    Failed,
    JobId,
    Notice,
    NoticeCode,
    Progress,
    TerminalEvent,
)
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import (
    BusyError,
    EngineFailedError,
    ErrorCode,
    NotFoundError,
    OneshotError,
    ShutdownError,
)
from oneshot_server.jobs.delivery import Delivery
from oneshot_server.jobs.event_bus import EventBus
from oneshot_server.jobs.job import Job, restored_job
from oneshot_server.jobs.journal import Journal, JournalledJob
from oneshot_server.jobs.publisher import Publisher
from oneshot_server.jobs.renderer import Renderer, SpareReports

log = structlog.get_logger(__name__)

MOST_DEATHS: Final = 2
PROGRESS_SECONDS: Final = 0.1


class JobQueue:
    """Takes jobs, hands them to the renderer in order, publishes what comes back.

    Everything runs on the event loop; the renderer awaits one report before it makes the next.

    Args:
        renderer: renders.
        journal: remembers.
        publisher: writes the files.
        bus: is told.
        limit: jobs that may wait or run; more are refused.
        ahead: hits that the renderer may have at once; it has one of any other jobs.
        spare: is told of what is rendered while nobody waits, and of the engine's comings and
            goings.
    """

    def __init__(
        self,
        *,
        renderer: Renderer,
        journal: Journal,
        publisher: Publisher,
        bus: EventBus,
        limit: int,
        ahead: int = 1,
        spare: SpareReports | None = None,
    ) -> None:
        self._renderer = renderer
        self._journal = journal
        self._delivery = Delivery(journal=journal, publisher=publisher, bus=bus)
        self._bus = bus
        self._limit = limit
        self._ahead = ahead
        self._spare = spare
        self._waiting: deque[Job] = deque()
        self._drafted: deque[Job] = deque()
        self._held: deque[Job] = deque()
        self._drained: asyncio.Event | None = None
        self._running: dict[JobId, Job] = {}
        self._closed = False

    def __len__(self) -> int:
        """Jobs that wait or run."""
        return len(self._waiting) + len(self._drafted) + len(self._held) + len(self._running)

    @property
    def urgent(self) -> int:
        """Jobs of which somebody waits for a first sound."""
        running = sum(not job.improving for job in self._running.values())
        return len(self._waiting) + len(self._held) + running

    @property
    def waited_for(self) -> bool:
        """Whether somebody waits for a job's end."""
        running = any(not job.ended for job in self._running.values())
        return bool(self._waiting or self._drafted or self._held) or running

    def restore(self, jobs: Iterable[JournalledJob]) -> None:
        """Take up what an earlier daemon had accepted and could not end."""
        for old in jobs:
            job = restored_job(old)
            log.info("job restored", job=job.id, published=len(job.published))
            (self._drafted if job.improving else self._waiting).append(job)
        self._start_next()

    def check_open(self) -> None:
        """Refuse what comes too late.

        Raises:
            ShutdownError: the daemon is going down.
        """
        if self._closed:
            raise ShutdownError("the daemon is shutting down")

    def submit(self, request: GenerateRequest, *, pad: int | None = None) -> JobId:
        """Take a job, perhaps that of a pad; see ``domain.core.Core``."""
        self.check_open()
        if self._renderer.state is EngineState.FAILED:
            raise EngineFailedError(self._renderer.failure)
        if len(self) >= self._limit:
            raise BusyError(f"{len(self)} jobs are waiting, jobs.queue_limit = {self._limit}")
        job = Job(
            id=JobId(secrets.token_hex(4)), request=request, started=time.monotonic(), pad=pad
        )
        self._journal.accept(job.id, request)
        (self._waiting if self._drained is None else self._held).append(job)
        self._bus.emit(Accepted(job=job.id, pad=pad))
        self._start_next()
        return job.id

    def cancel(self, job_id: JobId) -> None:
        """Cancel a job; see ``domain.core.Core``."""
        for line in (self._waiting, self._drafted, self._held):
            for job in line:
                if job.id == job_id:
                    line.remove(job)
                    self._end(job, Cancelled(job=job.id))
                    self._start_next()
                    return
        running = self._current(job_id)
        if running is None:
            raise NotFoundError(f'job "{job_id[:40]}" is not waiting or running')
        if not running.cancelled:
            running.cancelled = True
            self._renderer.cancel(job_id)

    def shut_down(self) -> None:
        """End every job; nothing is taken or published from now on."""
        self._closed = True
        text = "the daemon was shut down"
        for job in [*self._running.values(), *self._waiting, *self._drafted, *self._held]:
            self._end(job, job.failed(ErrorCode.CANCELLED_BY_SHUTDOWN, text))
        self._running.clear()
        self._waiting.clear()
        self._drafted.clear()
        self._held.clear()

    async def drain(self) -> None:
        """Wait until every job that was accepted before has ended; later ones are held.

        So that engines can change between two jobs, and each job gets the model that it was
        accepted for. ``resume`` must follow, whatever happens.
        """
        self._drained = asyncio.Event()
        self._start_next()
        await self._drained.wait()

    def resume(self) -> None:
        """Go on with the jobs that were held."""
        self._drained = None
        self._waiting.extend(self._held)
        self._held.clear()
        self._start_next()

    def engine_ready(self) -> None:
        """The engine takes a job."""
        self._start_next()
        if self._spare is not None:
            self._spare.engine_ready()

    def engine_progress(self, job_id: JobId, fraction: float, stage: str) -> None:
        """The engine is so far with the job."""
        job = self._current(job_id)
        now = time.monotonic()
        if job is not None and now - job.last_progress >= PROGRESS_SECONDS:
            job.last_progress = now
            self._bus.emit(Progress(job=job.id, fraction=fraction, stage=stage))

    def engine_notice(self, job_id: JobId, code: NoticeCode, text: str) -> None:
        """The engine remarks on the job."""
        job = self._current(job_id)
        if job is not None:
            self._bus.emit(Notice(job=job.id, code=code, text=text))

    async def engine_rendered(
        self,
        job_id: JobId,
        index: int,
        seed: int,
        seconds: float,
        wav: bytes,
        *,
        draft: bool = False,
    ) -> None:
        """The engine has made a sound: publish it, or put it in its draft's place."""
        if self._spare is not None and job_id.startswith(SPARE):
            await self._spare.rendered(job_id, index, seed, seconds, wav)
            return
        job = self._current(job_id)
        if job is None or job.cancelled:
            return
        try:
            if not job.improving and index not in job.published:
                await self._delivery.publish(job, index, seed, seconds, wav, draft=draft)
            elif job.improving and index in job.drafts:
                await self._delivery.improve(job, index, seconds, wav)
        except OneshotError as error:
            self._fail(job, error.code, str(error))

    def engine_done(self, job_id: JobId) -> None:
        """The engine has made every sound of the job."""
        if self._is_spare(job_id, ""):
            return
        job = self._take(job_id)
        if job is not None and job.waits_for_better:
            job.improving = True
            self._drafted.append(job)
        elif job is not None:
            self._end(job, job.done())
        self._start_next()

    def engine_failed(self, job_id: JobId, code: ErrorCode, text: str) -> None:
        """The engine cannot render the job, and lives on."""
        if self._is_spare(job_id, text):
            return
        job = self._take(job_id)
        if job is not None:
            self._end(job, job.failed(code, text))
        self._start_next()

    def engine_cancelled(self, job_id: JobId) -> None:
        """The engine has stopped the job as asked."""
        if self._is_spare(job_id, ""):
            return
        job = self._take(job_id)
        if job is not None:
            self._end(job, Cancelled(job=job.id))
        self._start_next()

    def engine_died(self, text: str) -> None:
        """The engine is dead; its jobs are tried once more, each alone, or it was a job's fault."""
        if self._spare is not None:
            self._spare.engine_died(text, blameless=bool(self._running))
        jobs = list(self._running.values())
        self._running.clear()
        for job in reversed(jobs):
            if not job.ended:
                self._try_again(job, text)

    def _try_again(self, job: Job, text: str) -> None:
        job.engine_deaths += 1
        self._journal.engine_died(job.id)
        if job.cancelled:
            self._end(job, Cancelled(job=job.id))
        elif job.engine_deaths >= MOST_DEATHS:
            text = f"the engine died {job.engine_deaths} times on this job, the last time: {text}"
            self._end(job, Failed(job=job.id, code=ErrorCode.ENGINE_FAILED, text=text))
        else:
            (self._drafted if job.improving else self._waiting).appendleft(job)

    def engine_gave_up(self, text: str) -> None:
        """There will be no engine: end what waits for it."""
        while line := self._waiting or self._drafted:
            job = line.popleft()
            self._end(job, Failed(job=job.id, code=ErrorCode.ENGINE_FAILED, text=text))
        self._start_next()

    def _start_next(self) -> None:
        while (line := self._waiting or self._drafted) and self._is_taken_now(line[0]):
            job = line.popleft()
            self._running[job.id] = job
            if job.published_all and not job.improving:
                self.engine_done(job.id)  # the daemon was killed a moment before saying so
                return
            self._renderer.render(job.id, job.request, job.skip, job.seeds)
        if self._drained is not None and not (self._running or self._waiting or self._drafted):
            self._drained.set()

    def _is_taken_now(self, job: Job) -> bool:
        """Whether the renderer is free for the job, or can render it with those that it has.

        Drafts are made better when nothing else is to be done, and give way.
        """
        if self._closed:
            return False
        if not self._running:
            return self._renderer.state is EngineState.READY
        if any(one.engine_deaths for one in (job, *self._running.values())):
            return False  # alone, so that it shows whose fault it was
        urgent = [other for other in self._running.values() if not other.improving]
        able = self._renderer.state is EngineState.BUSY and not job.improving
        if not urgent:
            return able
        joins = job.joins and all(other.joins for other in urgent)
        return able and joins and len(urgent) < self._ahead

    def _is_spare(self, job_id: JobId, failure: str) -> bool:
        """Pass on the end of what nobody waits for."""
        if self._spare is None or not job_id.startswith(SPARE):
            return False
        self._spare.ended(job_id, failure)
        return True

    def _fail(self, job: Job, code: ErrorCode, text: str) -> None:
        """End a running job that cannot be published; the engine learns that it may stop."""
        if self._current(job.id) is job:
            self._end(job, Failed(job=job.id, code=code, text=text))
            self._renderer.cancel(job.id)

    def _current(self, job_id: JobId) -> Job | None:
        """A running job, unless it has ended and the engine does not know yet."""
        job = self._running.get(job_id)
        return job if job is not None and not job.ended else None

    def _take(self, job_id: JobId) -> Job | None:
        """A running job, which runs no more."""
        return self._running.pop(job_id, None)

    def _end(self, job: Job, event: TerminalEvent) -> None:
        if job.ended:
            return
        job.ended = True
        how = str(event.code) if isinstance(event, Failed) else type(event).__name__.lower()
        self._journal.end(job.id, how)
        log.info("job ended", job=job.id, how=how, sounds=len(job.published))
        self._bus.emit(event)
