"""Keeps one engine process alive, speaks with it, and knows when to give up."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Final, Protocol

import msgspec
import structlog

from oneshot_server.domain.events import SPARE, EngineState, JobId, NoticeCode
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine.engine_process import EngineProcess
from oneshot_server.engine.messages import (
    Cancel,
    LoadFailed,
    Message,
    Part,
    Ready,
    Render,
    RenderCancelled,
    RenderDone,
    Rendered,
    RenderFailed,
    RenderNotice,
    RenderProgress,
    RenderSpare,
)
from oneshot_server.errors import ErrorCode

log = structlog.get_logger(__name__)

MOST_DEATHS: Final = 5
WITHIN_SECONDS: Final = 60.0
FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 8.0
# A step of a large batch of a large model on a slow machine takes minutes.
CANCEL_PATIENCE_SECONDS: Final = 300.0

Report = (
    Ready | RenderProgress | RenderNotice | Rendered | RenderDone | RenderFailed | RenderCancelled
)
"""What the engine says after it has loaded, or on the way there."""


class Reports(Protocol):
    """Who is told what the engine does."""

    def engine_ready(self) -> None:
        """The engine takes a job."""
        ...

    def engine_progress(self, job_id: JobId, fraction: float, stage: str) -> None:
        """The engine is so far with the job."""
        ...

    def engine_notice(self, job_id: JobId, code: NoticeCode, text: str) -> None:
        """The engine remarks on the job."""
        ...

    async def engine_rendered(
        self, job_id: JobId, index: int, seed: int, seconds: float, wav: bytes, *, draft: bool
    ) -> None:
        """The engine has made a sound, perhaps one that it can make better."""
        ...

    def engine_done(self, job_id: JobId) -> None:
        """The engine has made every sound of the job."""
        ...

    def engine_failed(self, job_id: JobId, code: ErrorCode, text: str) -> None:
        """The engine cannot render the job, and lives on."""
        ...

    def engine_cancelled(self, job_id: JobId) -> None:
        """The engine has stopped the job as asked."""
        ...

    def engine_died(self, text: str) -> None:
        """The engine is dead, and is started again."""
        ...

    def engine_gave_up(self, text: str) -> None:
        """There will be no engine."""
        ...


class Supervisor:
    """Starts the engine, starts it again when it dies, gives up when that does not help.

    Args:
        command: the engine's command line.
        finish: level, tail and length for a request.
        subtype: sample format of the files.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        finish: Callable[[GenerateRequest], FinishOptions],
        subtype: str,
    ) -> None:
        self.command = command
        self._finish = finish
        self._subtype = subtype
        self._process: EngineProcess | None = None
        self._task: asyncio.Task[None] | None = None
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        self._never_ready = 0
        self._open: set[JobId] = set()
        self._impatience: dict[JobId, asyncio.TimerHandle] = {}
        self.state = EngineState.STARTING
        self._reports: Reports | None = None
        self.failure = ""
        self.out_of_memory = False
        self.device = ""
        self.model = ""
        self.model_hash = ""

    def start(self, reports: Reports) -> None:
        """Begin; ``reports`` is told everything from now on."""
        self.report_to(reports)
        self._task = asyncio.create_task(self._keep_alive(), name="engine supervisor")

    def report_to(self, reports: Reports) -> None:
        """Tell somebody else from now on."""
        self._reports = reports

    @property
    def _told(self) -> Reports:
        assert self._reports is not None, "not started"
        return self._reports

    async def stop(self) -> None:
        """End the engine: ask, then insist."""
        self._let_go()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._process is not None:
            await self._process.stop()

    def render(
        self,
        job: JobId,
        request: GenerateRequest,
        skip: Collection[int],
        seeds: Sequence[int] = (),
    ) -> None:
        """Begin a job; see ``jobs.renderer.Renderer``."""
        self.state = EngineState.BUSY
        self._open.add(job)
        self._send(
            Render(
                job=job,
                request=request,
                finish=self._finish(request),
                subtype=self._subtype,
                skip=tuple(sorted(skip)),
                seeds=tuple(seeds),
            )
        )

    def render_spare(self, job: JobId, requests: Sequence[GenerateRequest]) -> None:
        """Begin what nobody waits for; see ``jobs.renderer.Renderer``."""
        parts = [Part(request=request, finish=self._finish(request)) for request in requests]
        self._send(RenderSpare(job=job, parts=tuple(parts), subtype=self._subtype))

    def cancel_spare(self, job: JobId) -> None:
        """Stop what nobody waits for; see ``jobs.renderer.Renderer``."""
        self._send(Cancel(job=job))

    def cancel(self, job: JobId) -> None:
        """Stop a job; see ``jobs.renderer.Renderer``. An engine that will not is killed."""
        self._send(Cancel(job=job))
        self._be_patient(job)
        if self._process is not None:
            self._impatience[job] = asyncio.get_running_loop().call_later(
                CANCEL_PATIENCE_SECONDS, self._process.kill
            )

    def _be_patient(self, job: JobId) -> None:
        timer = self._impatience.pop(job, None)
        if timer is not None:
            timer.cancel()

    def _let_go(self) -> None:
        """No job is the engine's any more."""
        self._open.clear()
        for job in tuple(self._impatience):
            self._be_patient(job)

    def _send(self, message: Message) -> None:
        if self._process is not None:
            self._process.send(message)

    async def _keep_alive(self) -> None:
        while True:
            ending = await self._live()
            self._let_go()
            self._deaths.append(time.monotonic())
            self._never_ready += 1
            log.error("engine died", ending=ending, deaths=len(self._deaths))
            self.failure = self.failure or self._crash_loop(ending)
            if self.failure:
                self.state = EngineState.FAILED
            self._told.engine_died(ending)
            if self.failure:
                log.error("engine given up", why=self.failure)
                self._told.engine_gave_up(self.failure)
                return
            pause = FIRST_PAUSE_SECONDS * 2 ** (len(self._deaths) - 1)
            await asyncio.sleep(min(pause, LONGEST_PAUSE_SECONDS))

    def _crash_loop(self, ending: str) -> str:
        full = len(self._deaths) == MOST_DEATHS
        if full and self._deaths[-1] - self._deaths[0] <= WITHIN_SECONDS:
            return (
                f"the engine died {MOST_DEATHS} times within a minute, the last time: {ending}. "
                "See the log, then start the daemon again"
            )
        if self._never_ready == MOST_DEATHS:  # it may take its time to die
            return (
                f"the engine died {MOST_DEATHS} times before it was ready, the last time: "
                f"{ending}. See the log, then start the daemon again"
            )
        return ""

    async def _live(self) -> str:
        """One life of the engine, from start to end; returns how it ended."""
        self.state = EngineState.LOADING
        try:
            process = await EngineProcess.start(self.command)
        except OSError as error:
            return f"it cannot be started: {error}"
        self._process = process
        trouble = await self._listen(process)
        self.state = EngineState.LOADING  # what is dying takes no job
        ending = await process.end(trouble)
        self._process = None
        return ending

    async def _listen(self, process: EngineProcess) -> str:
        """Report every message until no more will come; returns what was wrong with the last."""
        while True:
            try:
                message = await process.receive()
            except msgspec.DecodeError as error:
                return f"it sent what is no message: {error}"
            if message is None:
                return ""
            if isinstance(message, LoadFailed):
                self.failure = message.text
                self.out_of_memory = message.out_of_memory
                return ""
            try:
                await self._report(message)
            except Exception as error:  # the outer loop: with it would end every job to come
                log.exception("a report failed", report=type(message).__name__)
                return f"its {type(message).__name__} failed: {type(error).__name__}: {error}"

    async def _report(self, message: Report) -> None:
        reports = self._told
        if isinstance(message, RenderDone | RenderFailed | RenderCancelled):
            if message.job.startswith(SPARE):
                self._report_end(message, reports)
                return
            self._be_patient(JobId(message.job))
            self._open.discard(JobId(message.job))
            if not self._open:
                self.state = EngineState.READY
        match message:
            case Ready():
                self.device, self.model = message.device, message.model
                self.model_hash = message.model_hash
                self.state = EngineState.READY
                self._never_ready = 0
                log.info("engine ready", model=message.model, device=message.device)
                reports.engine_ready()
            case RenderProgress():
                reports.engine_progress(JobId(message.job), message.fraction, message.stage)
            case RenderNotice():
                reports.engine_notice(JobId(message.job), message.code, message.text)
            case Rendered():
                await reports.engine_rendered(
                    JobId(message.job),
                    message.index,
                    message.seed,
                    message.seconds,
                    message.wav,
                    draft=message.draft,
                )
            case RenderDone() | RenderFailed() | RenderCancelled():
                self._report_end(message, reports)

    def _report_end(
        self, message: RenderDone | RenderFailed | RenderCancelled, reports: Reports
    ) -> None:
        match message:
            case RenderDone():
                # An engine that renders is no crash loop, however often it is killed.
                self._deaths.clear()
                reports.engine_done(JobId(message.job))
            case RenderFailed():
                reports.engine_failed(JobId(message.job), message.code, message.text)
            case RenderCancelled():
                reports.engine_cancelled(JobId(message.job))
