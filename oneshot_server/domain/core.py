"""What the daemon's core offers to its transports. They know nothing else of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from oneshot_server.domain.events import EngineState, JobEvent, JobId
from oneshot_server.domain.requests import GenerateRequest


@dataclass(frozen=True, kw_only=True)
class Status:
    """A snapshot for ``/oneshot/state``."""

    state: EngineState
    queue_length: int
    device: str
    model: str
    training: str


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing of a list: its name and a line about it."""

    name: str
    detail: str


class Core(Protocol):
    """The daemon without its transports; every method is called on the event loop."""

    def submit(self, request: GenerateRequest) -> JobId:
        """Take a job: it is journalled when this returns, and its ``Accepted`` was emitted.

        Raises:
            BusyError: the queue is full.
            EngineFailedError: the engine has given up; the text says why.
            BadArgumentsError: the request asks for what is not there.
        """
        ...

    def train(self, dataset: str) -> JobId:
        """Take a training of the LoRA of a dataset; its ``Accepted`` was emitted.

        Raises:
            NotFoundError: no such dataset.
            EngineFailedError: there is no model to train on.
        """
        ...

    def change_model(self, name: str) -> JobId:
        """Load another model and render with it until the daemon ends.

        The change's ``Accepted`` was emitted. Jobs that are accepted before the model is loaded
        are rendered with the one that they were accepted for. A change that was asked for before
        and is not done yet is cancelled.

        Raises:
            NotFoundError: no such model.
        """
        ...

    def set_lora(self, name: str, weight: float) -> None:
        """Change the standing blend, for jobs accepted from now on that name no LoRA.

        Raises:
            NotFoundError: no such LoRA.
        """
        ...

    def use_lora(self, name: str, version: int) -> None:
        """Make a version the live one.

        Raises:
            NotFoundError: no such LoRA or version.
        """
        ...

    def cancel(self, job: JobId) -> None:
        """Cancel a queued or running job; ``Cancelled`` follows when it has stopped.

        Raises:
            NotFoundError: no such job, or it has ended already.
        """
        ...

    def status(self) -> Status:
        """What the daemon is doing now."""
        ...

    def list_items(self, what: str) -> Sequence[Item]:
        """The things of a kind: ``loras``, ``datasets``, ``models``, ``recent``.

        Raises:
            NotInThisVersionError: a list that later versions have.
            BadArgumentsError: no such list.
        """
        ...

    def history(self, job: JobId) -> Sequence[JobEvent]:
        """The lasting events of a job that runs or ended lately: accepted, samples, terminal."""
        ...

    def subscribe(self, listener: Callable[[JobEvent], None]) -> Callable[[], None]:
        """Call ``listener`` with every event from now on; the returned function ends it."""
        ...
