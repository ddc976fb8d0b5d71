"""The daemon without its transports: the ``Core`` that they talk to."""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from oneshot_server.domain.core import Item, Status
from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    EngineState,
    Failed,
    JobEvent,
    JobId,
    SamplePublished,
)
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import BadArgumentsError, ForbiddenError, NotInThisVersionError
from oneshot_server.jobs.event_bus import EventBus
from oneshot_server.jobs.journal import Journal
from oneshot_server.jobs.queue import JobQueue
from oneshot_server.pipeline.model_folder import CARD_FILE

REMEMBERED_JOBS: Final = 256
RECENT_SOUNDS: Final = 20
LATER_LISTS: Final = ("pads", "kits", "midi_ports")


class EngineInfo(Protocol):
    """What is told of the engine."""

    state: EngineState
    device: str
    model: str


class OneshotCore:
    """Queue, history and lists behind one door.

    Args:
        queue: takes the jobs.
        journal: knows the sounds published last.
        engine: is asked for its state.
        bus: tells what happens.
        folders: kind of list to the folder whose sub-folders it is made of.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        journal: Journal,
        engine: EngineInfo,
        bus: EventBus,
        folders: dict[str, Path],
    ) -> None:
        self._queue = queue
        self._journal = journal
        self._engine = engine
        self._bus = bus
        self._folders = folders
        self._history: dict[JobId, list[JobEvent]] = {}
        self._ended: deque[JobId] = deque()
        bus.subscribe(self._remember)

    def submit(self, request: GenerateRequest) -> JobId:
        """Take a job; see ``domain.core.Core``."""
        if request.loras:
            raise NotInThisVersionError("lora")
        return self._queue.submit(request)

    def cancel(self, job: JobId) -> None:
        """Cancel a job; see ``domain.core.Core``."""
        self._queue.cancel(job)

    def status(self) -> Status:
        """What the daemon is doing; see ``domain.core.Core``."""
        return Status(
            state=self._engine.state,
            queue_length=len(self._queue),
            device=self._engine.device,
            model=self._engine.model,
            training="",
        )

    def list_items(self, what: str) -> Sequence[Item]:
        """The things of a kind; see ``domain.core.Core``."""
        if what == "recent":
            return [
                Item(name=Path(sound.path).name, detail=sound.path)
                for sound in self._journal.recent(RECENT_SOUNDS)
            ]
        if what in self._folders:
            if what != "models":
                return _sub_folders(self._folders[what])
            models = _sub_folders(self._folders[what])
            usable = [item for item in models if (Path(item.detail) / CARD_FILE).is_file()]
            return [Item(name="starter", detail="built in"), *usable]
        if what in LATER_LISTS:
            raise NotInThisVersionError(f"list {what}")
        known = ", ".join(sorted([*self._folders, *LATER_LISTS, "recent"]))
        raise BadArgumentsError(f'what = "{what[:40]}", expected one of {known}')

    def history(self, job: JobId) -> Sequence[JobEvent]:
        """What lasts of a job; see ``domain.core.Core``."""
        return tuple(self._history.get(job, ()))

    def subscribe(self, listener: Callable[[JobEvent], None]) -> Callable[[], None]:
        """Listen; see ``domain.core.Core``."""
        return self._bus.subscribe(listener)

    def _remember(self, event: JobEvent) -> None:
        if not isinstance(event, Accepted | SamplePublished | Done | Failed | Cancelled):
            return
        self._history.setdefault(event.job, []).append(event)
        if not isinstance(event, Done | Failed | Cancelled):
            return
        # Only what has ended is forgotten: the queue may be longer than this memory.
        self._ended.append(event.job)
        if len(self._ended) > REMEMBERED_JOBS:
            self._history.pop(self._ended.popleft(), None)


def _sub_folders(folder: Path) -> list[Item]:
    try:
        return [
            Item(name=path.name, detail=str(path))
            for path in sorted(folder.iterdir())
            if path.is_dir() and not path.name.startswith(".")
        ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ForbiddenError(f"{folder} cannot be read: {error.strerror}") from None
