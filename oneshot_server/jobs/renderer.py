"""What the queue needs of an engine, whatever it is made of."""

from collections.abc import Collection
from typing import Protocol

from oneshot_server.domain.events import EngineState, JobId
from oneshot_server.domain.requests import GenerateRequest


class Renderer(Protocol):
    """Renders one job at a time and reports to the queue's ``engine_…`` methods."""

    @property
    def state(self) -> EngineState:
        """Whether it takes a job."""
        ...

    @property
    def failure(self) -> str:
        """Why it has given up, if it has."""
        ...

    def render(self, job: JobId, request: GenerateRequest, skip: Collection[int]) -> None:
        """Begin a job; only while ``state`` is ready. Sounds in ``skip`` exist already."""
        ...

    def cancel(self, job: JobId) -> None:
        """Stop a job that was begun; a report of its end follows all the same."""
        ...
