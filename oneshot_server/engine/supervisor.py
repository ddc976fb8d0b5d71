"""Keeps one engine process alive, speaks with it, and knows when to give up."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Final, Protocol

import msgspec
import structlog

from oneshot_server.domain.events import EngineState, JobId, NoticeCode
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine.messages import (
    HEADER,
    LONGEST_FRAME,
    Cancel,
    FromEngine,
    LoadFailed,
    Message,
    Ready,
    Render,
    RenderCancelled,
    RenderDone,
    Rendered,
    RenderFailed,
    RenderNotice,
    RenderProgress,
    decode_from_engine,
    encode,
)
from oneshot_server.errors import ErrorCode

log = structlog.get_logger(__name__)

MOST_DEATHS: Final = 5
WITHIN_SECONDS: Final = 60.0
FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 8.0
PATIENCE_SECONDS: Final = 3.0
KEPT_LINES: Final = 5


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
        self, job_id: JobId, index: int, seed: int, seconds: float, wav: bytes
    ) -> None:
        """The engine has made a sound."""
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
        self._command = command
        self._finish = finish
        self._subtype = subtype
        self._reports: Reports | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.state = EngineState.STARTING
        self.failure = ""
        self.device = ""
        self.model = ""

    def start(self, reports: Reports) -> None:
        """Begin; ``reports`` is told everything from now on."""
        self._reports = reports
        self._task = asyncio.create_task(self._keep_alive(reports), name="engine supervisor")

    async def stop(self) -> None:
        """End the engine: ask, then insist."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        for insist in (process.terminate, process.kill, None):
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)
                return
            if insist is not None:
                with suppress(ProcessLookupError):
                    insist()

    def render(self, job: JobId, request: GenerateRequest, skip: Collection[int]) -> None:
        """Begin a job; see ``jobs.renderer.Renderer``."""
        self.state = EngineState.BUSY
        self._send(
            Render(
                job=job,
                request=request,
                finish=self._finish(request),
                subtype=self._subtype,
                skip=tuple(sorted(skip)),
            )
        )

    def cancel(self, job: JobId) -> None:
        """Stop a job; see ``jobs.renderer.Renderer``."""
        self._send(Cancel(job=job))

    def _send(self, message: Message) -> None:
        if self._process is not None and self._process.stdin is not None:
            # A broken pipe is a death, and the reader of the other pipe reports it.
            with suppress(ConnectionError, RuntimeError):
                self._process.stdin.write(encode(message))

    async def _keep_alive(self, reports: Reports) -> None:
        while True:
            ending = await self._live(reports)
            self._deaths.append(time.monotonic())
            log.error("engine died", ending=ending, deaths=len(self._deaths))
            given_up = self.failure or self._crash_loop(ending)
            self.state = EngineState.FAILED if given_up else EngineState.LOADING
            reports.engine_died(ending)
            if given_up:
                self.failure = given_up
                log.error("engine given up", why=given_up)
                reports.engine_gave_up(given_up)
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
        return ""

    async def _live(self, reports: Reports) -> str:
        """One life of the engine, from start to end; returns how it ended."""
        self._last_lines.clear()
        self.state = EngineState.LOADING
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            return f"it cannot be started: {error}"
        self._process = process
        assert process.stdout is not None
        assert process.stderr is not None
        logger = asyncio.create_task(self._copy_log(process.stderr), name="engine log")
        trouble = ""
        try:
            trouble = await self._listen(process.stdout, reports)
        finally:
            # Also when the supervisor is cancelled, ``stop`` then ends the process more gently.
            if trouble:
                with suppress(ProcessLookupError):
                    process.kill()
        code = await process.wait()
        await logger
        self._process = None
        lines = " | ".join(self._last_lines)
        return f"{trouble or _describe(code)}{': ' if lines else ''}{lines[-500:]}"

    async def _listen(self, stream: asyncio.StreamReader, reports: Reports) -> str:
        """Report every message until the stream ends; returns what was wrong with it."""
        while True:
            try:
                (size,) = HEADER.unpack(await stream.readexactly(HEADER.size))
                if size > LONGEST_FRAME:
                    return f"it sent a frame of {size} bytes"
                message = decode_from_engine(await stream.readexactly(size))
            except asyncio.IncompleteReadError:
                return ""
            except msgspec.DecodeError as error:
                return f"it sent what is no message: {error}"
            await self._report(message, reports)

    async def _report(self, message: FromEngine, reports: Reports) -> None:
        match message:
            case Ready():
                self.device, self.model = message.device, message.model
                self.state = EngineState.READY
                log.info("engine ready", model=message.model, device=message.device)
                reports.engine_ready()
            case LoadFailed():
                self.failure = message.text
            case RenderProgress():
                reports.engine_progress(JobId(message.job), message.fraction, message.stage)
            case RenderNotice():
                reports.engine_notice(JobId(message.job), message.code, message.text)
            case Rendered():
                await reports.engine_rendered(
                    JobId(message.job), message.index, message.seed, message.seconds, message.wav
                )
            case RenderDone():
                # An engine that renders is no crash loop, however often it is killed.
                self._deaths.clear()
                self.state = EngineState.READY
                reports.engine_done(JobId(message.job))
            case RenderFailed():
                self.state = EngineState.READY
                reports.engine_failed(JobId(message.job), message.code, message.text)
            case RenderCancelled():
                self.state = EngineState.READY
                reports.engine_cancelled(JobId(message.job))

    async def _copy_log(self, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the reader's limit; it is dropped
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if text:
                self._last_lines.append(text)
                log.info(text, component="engine")


def _describe(code: int) -> str:
    return f"it was ended by signal {-code}" if code < 0 else f"it ended with status {code}"
