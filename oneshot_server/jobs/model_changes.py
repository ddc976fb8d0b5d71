"""Changes of the model, asked for by clients: each is a job with one terminal event."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobEvent,
    JobId,
    Progress,
    TerminalEvent,
)
from oneshot_server.errors import ErrorCode, OneshotError

log = structlog.get_logger(__name__)


class Engines(Protocol):
    """What is asked of ``engine.model_switch.ModelSwitch``, which knows the queue to hold."""

    async def change(self, command: Sequence[str], on_stage: Callable[[str], None]) -> None:
        """Render with another engine from now on; if it raises, nothing has changed."""
        ...

    def renders(self, command: Sequence[str]) -> bool:
        """Whether this is the engine that renders now."""
        ...


@dataclass(kw_only=True)
class Change:
    """A change on its way.

    Attributes:
        job: told to clients.
        name: of the model.
        command: of its engine.
        started: when it was accepted, by the monotonic clock, seconds.
        ended: its terminal event is out.
        task: does it.
    """

    job: JobId
    name: str
    command: Sequence[str]
    started: float
    ended: bool = False
    task: asyncio.Task[None] | None = None


@dataclass(kw_only=True)
class ModelChanges:
    """Takes changes; one that is asked for while another is on its way takes its place.

    Attributes:
        engines: are changed.
        command: an engine's command line by the model's name; raises NotFoundError.
        emit: is told every event.
        changed: is told the name of each model that renders from now on.
        name: of the model that renders, as clients call it.
    """

    engines: Engines
    command: Callable[[str], Sequence[str]]
    emit: Callable[[JobEvent], None]
    changed: Callable[[str], None]
    name: str
    _current: Change | None = None
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _closed: bool = False

    def submit(self, name: str) -> JobId:
        """Take a change; see ``domain.core.Core``."""
        change = Change(
            job=JobId(secrets.token_hex(4)),
            name=name,
            command=self.command(name),
            started=time.monotonic(),
        )
        self.emit(Accepted(job=change.job))
        before, self._current = self._current, change
        change.task = asyncio.create_task(self._run(change, before), name=f"model {name}")
        self._tasks.add(change.task)
        change.task.add_done_callback(lambda task: self._forget(change, task))
        return change.job

    def cancel(self, job: JobId) -> bool:
        """Cancel a change; False if it is none of these, or it has ended."""
        change = self._current
        if change is None or change.job != job or change.ended:
            return False
        assert change.task is not None
        change.task.cancel()
        return True

    async def stop(self) -> None:
        """End what is on its way."""
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, change: Change, before: Change | None) -> None:
        try:
            if before is not None and before.task is not None:
                before.task.cancel()
            async with self._one_at_a_time:
                if not self.engines.renders(change.command):
                    await self.engines.change(
                        change.command, lambda stage: self._tell(change, stage)
                    )
        except asyncio.CancelledError:
            if not self.engines.renders(change.command):  # else it was too late to cancel
                self._end(change, self._cancelled(change))
                return
        except OneshotError as error:
            self._end(change, Failed(job=change.job, code=error.code, text=str(error)))
            return
        except Exception as error:  # the task's outermost: the job must end all the same
            log.exception("a change of the model failed", model=change.name)
            text = f"{type(error).__name__}: {error}"
            self._end(change, Failed(job=change.job, code=ErrorCode.ENGINE_FAILED, text=text))
            return
        self.name = change.name
        self.changed(change.name)
        spent = round((time.monotonic() - change.started) * 1000)
        self._end(change, Done(job=change.job, count=0, milliseconds=spent))

    def _forget(self, change: Change, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not change.ended:  # cancelled before it had begun
            self._end(change, self._cancelled(change))

    def _tell(self, change: Change, stage: str) -> None:
        self.emit(Progress(job=change.job, fraction=0.0, stage=stage))

    def _cancelled(self, change: Change) -> TerminalEvent:
        if not self._closed:
            return Cancelled(job=change.job)
        code = ErrorCode.CANCELLED_BY_SHUTDOWN
        return Failed(job=change.job, code=code, text="the daemon was shut down")

    def _end(self, change: Change, event: TerminalEvent) -> None:
        change.ended = True
        log.info("model change ended", model=change.name, how=type(event).__name__.lower())
        self.emit(event)
