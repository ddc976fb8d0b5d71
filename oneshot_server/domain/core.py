"""What the daemon's core offers to its transports. They know nothing else of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from oneshot_server.domain.events import EngineState, JobEvent, JobId
from oneshot_server.domain.library import Library
from oneshot_server.domain.pads import Pad, Value
from oneshot_server.domain.requests import GenerateRequest


@dataclass(frozen=True, kw_only=True)
class ReserveStatus:
    """A snapshot for ``/oneshot/reserve``.

    Attributes:
        have: finished sounds that wait for a hit, of all pads.
        wanted: how many there should be.
        hits: hits answered from them since the daemon was started.
        misses: hits that found none.
    """

    have: int = 0
    wanted: int = 0
    hits: int = 0
    misses: int = 0


@dataclass(frozen=True, kw_only=True)
class PadLevel:
    """What a pad has in reserve.

    Attributes:
        have: finished sounds that wait for a hit.
        wanted: how many there should be.
        trouble: why they cannot be rendered; empty if they can.
    """

    have: int = 0
    wanted: int = 0
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class Status:
    """A snapshot for ``/oneshot/state`` and ``/oneshot/reserve``."""

    state: EngineState
    queue_length: int
    device: str
    model: str
    training: str
    reserve: ReserveStatus = ReserveStatus()


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing of a list: its name and a line about it."""

    name: str
    detail: str


class Core(Protocol):
    """The daemon without its transports; every method is called on the event loop."""

    @property
    def library(self) -> Library:
        """What is known of the sounds in the samples folder."""
        ...

    def submit(self, request: GenerateRequest) -> JobId:
        """Take a job: it is journalled when this returns, and its ``Accepted`` was emitted.

        With ``reshape``, ``parent_files`` are as a client has said them, and its parents are empty.

        Raises:
            ForbiddenError: a parent outside the folders that may be read.
            NotFoundError: no such parent or LoRA.
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

    def trigger_pad(self, pad: int, velocity: float) -> JobId:
        """Hit a pad: publish a sound from its reserve, or take a job if there is none.

        All events of a hit from the reserve may be out when this returns; ``Accepted`` names the
        pad. Without one in reserve, ``Notice`` says ``reserve_miss`` and the job is as any other.

        Args:
            pad: 0 to 63.
            velocity: 0 to 1; 1 gives the sound as it is, less makes it softer.

        Raises:
            NotFoundError: the pad is empty.
            BadArgumentsError: pad or velocity is out of its range.
            BusyError: nothing is in reserve and the queue is full.
            EngineFailedError: nothing is in reserve and the engine has given up.
            DiskFullError: no space left for the sound.
            ForbiddenError: the samples folder cannot be written.
        """
        ...

    def pad(self, number: int) -> Pad:
        """What a pad plays.

        Raises:
            BadArgumentsError: no pad has this number.
        """
        ...

    def pad_level(self, number: int) -> PadLevel:
        """What a pad has in reserve.

        Args:
            number: 0 to 63.
        """
        ...

    def set_pad(self, number: int, key: str, value: Value) -> None:
        """Change one key of a pad (``domain.pads.PAD_KEYS``); it is remembered over a restart.

        Raises:
            BadArgumentsError: no such pad or key, or a value of another type or out of its range.
            NotFoundError: the key is ``lora``, and there is no such LoRA.
        """
        ...

    @property
    def kit(self) -> str:
        """Name of the kit that was loaded or saved last; empty if there was none."""
        ...

    def load_kit(self, name: str, bank: int | None = None) -> None:
        """Put a kit on the pads.

        Args:
            name: of the kit, as in ``list_items("kits")``.
            bank: 0 to 3, to put the kit's first sixteen pads there and leave the others; ``None``
                for all pads, of which those that the kit does not name become empty.

        Raises:
            NotFoundError: no such kit.
            BadArgumentsError: its file cannot be understood; the text names file, pad and key.
        """
        ...

    def save_kit(self, name: str) -> None:
        """Write all pads as a kit; a file that is there is kept as a numbered backup.

        Raises:
            ForbiddenError: the name cannot be that of a file, or the folder cannot be written.
            DiskFullError: no space left.
        """
        ...

    def rename_kit(self, name: str, new_name: str) -> None:
        """Give a kit another name.

        Raises:
            NotFoundError: no such kit in the home.
            ForbiddenError: it is built in, the new name is taken, or it cannot be that of a file.
        """
        ...

    def status(self) -> Status:
        """What the daemon is doing now."""
        ...

    def list_items(self, what: str) -> Sequence[Item]:
        """The things of a kind.

        Args:
            what: ``loras``, ``datasets``, ``models``, ``pads`` or ``kits``.

        Raises:
            BadArgumentsError: no such list.
        """
        ...

    async def recent(self) -> Sequence[Item]:
        """The newest sounds, under the names that they have now.

        Raises:
            ForbiddenError: the library cannot be read.
        """
        ...

    def history(self, job: JobId) -> Sequence[JobEvent]:
        """The lasting events of a job: accepted, samples, terminal.

        Also of one that an earlier daemon had. Empty if there was none, or it is too long ago.
        """
        ...

    def subscribe(self, listener: Callable[[JobEvent], None]) -> Callable[[], None]:
        """Call ``listener`` with every event from now on; the returned function ends it."""
        ...
