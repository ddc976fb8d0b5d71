"""The engine that renders now, and the way to one with another model without a pause.

Each model has a process of its own: when the process has ended, its memory is given back for
certain. The new one loads beside the old one, which goes on rendering. If there is no memory for
both, the old one is ended first, and started again should the new one fail.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Final, Protocol, cast

import structlog

from oneshot_server.domain.events import EngineState, JobId
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine.supervisor import Reports, Supervisor
from oneshot_server.errors import EngineFailedError

log = structlog.get_logger(__name__)

BESIDE: Final = "--beside"
"""Tells an engine that another one has memory, too."""


class Queue(Reports, Protocol):
    """What is told of the engines, and holds jobs back while they change."""

    async def drain(self) -> None:
        """Wait until what was accepted so far has ended; what comes later is held."""
        ...

    def resume(self) -> None:
        """Go on with what is held."""
        ...


class ModelSwitch:
    """The engine that renders now; see ``jobs.renderer.Renderer``.

    Args:
        make: an engine of a command line, not started.
        command: of the first engine.
    """

    def __init__(self, make: Callable[[Sequence[str]], Supervisor], command: Sequence[str]) -> None:
        self._make = make
        self._command = tuple(command)
        self._engine = make(command)
        self._next: Supervisor | None = None
        self._queue: Queue | None = None
        self._alone = False

    def start(self, queue: Queue) -> None:
        """Begin; the queue is told everything from now on."""
        self._queue = queue
        self._engine.start(queue)

    async def stop(self) -> None:
        """End every engine."""
        if self._next is not None:
            await self._next.stop()
        await self._engine.stop()

    @property
    def state(self) -> EngineState:
        """Of the engine that renders; between two engines, that of one that loads."""
        return EngineState.LOADING if self._alone else self._engine.state

    @property
    def failure(self) -> str:
        """Why it has given up, if it has."""
        return self._engine.failure

    @property
    def device(self) -> str:
        """That it renders on."""
        return self._engine.device

    @property
    def model(self) -> str:
        """Name of its model."""
        return self._engine.model

    @property
    def model_hash(self) -> str:
        """SHA-256 of the model that a job which is accepted now is rendered with, as far as known.

        From the moment at which a new model is loaded, jobs are accepted for that one.
        """
        return (self._next or self._engine).model_hash

    def render(
        self,
        job: JobId,
        request: GenerateRequest,
        skip: Collection[int],
        seeds: Sequence[int] = (),
    ) -> None:
        """Begin a job; see ``jobs.renderer.Renderer``."""
        self._engine.render(job, request, skip, seeds)

    def render_spare(self, job: JobId, requests: Sequence[GenerateRequest]) -> None:
        """Begin what nobody waits for; see ``jobs.renderer.Renderer``."""
        self._engine.render_spare(job, requests)

    def cancel_spare(self, job: JobId) -> None:
        """Stop what nobody waits for; see ``jobs.renderer.Renderer``."""
        self._engine.cancel_spare(job)

    def cancel(self, job: JobId) -> None:
        """Stop a job; see ``jobs.renderer.Renderer``."""
        self._engine.cancel(job)

    async def change(self, command: Sequence[str], on_stage: Callable[[str], None]) -> None:
        """Render with another engine from now on.

        What was accepted before the new model is loaded is rendered by the old engine. When this
        returns, the old engine's memory is given back. If it raises or is cancelled, the old engine
        renders on as before. One change at a time.

        Args:
            command: of the new engine.
            on_stage: told what is waited for.

        Raises:
            EngineFailedError: the new engine cannot be had.
        """
        on_stage("loading")
        try:
            self._next = await self._load([*command, BESIDE])
        except _OutOfMemoryError as error:
            log.info("one model after the other", why=str(error))
        try:
            on_stage("ending earlier jobs")
            await self._told.drain()
            if self._next is not None:
                await self._take_over(self._next, command)
            else:
                on_stage("loading alone")
                await self._load_alone(command)
        finally:
            unwanted, self._next = self._next, None
            self._alone = False
            self._told.resume()
            if unwanted is not None:
                await asyncio.shield(unwanted.stop())

    def renders(self, command: Sequence[str]) -> bool:
        """Whether this is the engine that renders now."""
        return self._command == tuple(command) and self._engine.state is not EngineState.FAILED

    async def _take_over(self, beside: Supervisor, command: Sequence[str]) -> None:
        if beside.state is EngineState.FAILED:
            raise EngineFailedError(beside.failure)
        old, self._engine, self._next = self._engine, beside, None
        self._command = tuple(command)
        beside.command = command  # should it die, it is alone when it begins again
        beside.report_to(self._told)
        self._told.engine_ready()
        await asyncio.shield(old.stop())

    async def _load_alone(self, command: Sequence[str]) -> None:
        """End the old engine before the new one begins, and have it back if that fails."""
        self._alone = True
        try:
            await asyncio.shield(self._engine.stop())
            self._engine = await self._load(command)
        except BaseException:
            self._engine = self._make(self._command)
            self._engine.start(self._told)
            raise
        self._command = tuple(command)
        self._engine.report_to(self._told)
        self._alone = False
        self._told.engine_ready()

    async def _load(self, command: Sequence[str]) -> Supervisor:
        """An engine that is ready.

        Raises:
            _OutOfMemoryError: memory is too short for it.
            EngineFailedError: it cannot be had.
        """
        engine = self._make(command)
        waiting = _UntilReady(engine)
        engine.start(cast("Reports", waiting))  # without a job, no other report comes
        try:
            await waiting.ended
        except BaseException:
            await asyncio.shield(engine.stop())
            raise
        return engine

    @property
    def _told(self) -> Queue:
        assert self._queue is not None, "not started"
        return self._queue


class _OutOfMemoryError(EngineFailedError):
    """Memory does not suffice for an engine."""


class _UntilReady:
    """Reports of an engine that has no job yet: it is ready, or it will not do."""

    def __init__(self, engine: Supervisor) -> None:
        self._engine = engine
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def engine_ready(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def engine_died(self, text: str) -> None:
        if not self._engine.failure:  # else it says why in a moment
            self._fail(EngineFailedError(f"the engine died while it loaded: {text}"))

    def engine_gave_up(self, text: str) -> None:
        short = self._engine.out_of_memory
        self._fail(_OutOfMemoryError(text) if short else EngineFailedError(text))

    def _fail(self, error: EngineFailedError) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)
