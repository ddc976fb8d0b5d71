"""What the queue needs of an engine, whatever it is made of."""

from collections.abc import Collection, Sequence
from typing import Protocol

from oneshot_server.domain.events import EngineState, JobId
from oneshot_server.domain.requests import GenerateRequest


class Renderer(Protocol):
    """Renders jobs and reports to the queue's ``engine_…`` methods."""

    @property
    def model_hash(self) -> str:
        """SHA-256 of the model; empty before one was ever loaded."""
        ...

    @property
    def state(self) -> EngineState:
        """Whether it takes a job."""
        ...

    @property
    def failure(self) -> str:
        """Why it has given up, if it has."""
        ...

    def render(
        self,
        job: JobId,
        request: GenerateRequest,
        skip: Collection[int],
        seeds: Sequence[int] = (),
    ) -> None:
        """Begin a job; sounds in ``skip`` exist already.

        While ``state`` is ready, or, for hits, while hits are all that it has:
        it renders together what it can. Also while all that it has is a job with ``seeds``, which
        gives way: those are of the job's drafts, which are made better. One that is broken is left
        as it is, with a notice.
        """
        ...

    def render_spare(self, job: JobId, requests: Sequence[GenerateRequest]) -> None:
        """Begin what nobody waits for, one sound each, of the same ``GenerateRequest.sampling``.

        In any state but loading and failed; a job is rendered before the next sampler step of this.
        """
        ...

    def cancel_spare(self, job: JobId) -> None:
        """Stop what nobody waits for; a report of its end follows all the same."""
        ...

    def cancel(self, job: JobId) -> None:
        """Stop a job that was begun; a report of its end follows all the same."""
        ...


class SpareReports(Protocol):
    """Who is told of what is rendered while nobody waits; ``jobs.reserve.Reserve`` is one."""

    def engine_ready(self) -> None:
        """The engine takes jobs."""
        ...

    def engine_died(self, text: str, *, blameless: bool) -> None:
        """The engine is dead; ``blameless`` if it was with somebody's job."""
        ...

    async def rendered(self, job: JobId, index: int, seed: int, seconds: float, wav: bytes) -> None:
        """A sound is made."""
        ...

    def ended(self, job: JobId, failure: str) -> None:
        """All are made, or it was stopped; or it cannot be rendered, and ``failure`` says why."""
        ...
