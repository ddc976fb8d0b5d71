"""A core that renders nothing, for the transports' tests: it takes jobs, and tests end them."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from oneshot_server.domain.core import Item, PadLevel, Status
from oneshot_server.domain.events import Accepted, Cancelled, EngineState, JobEvent, JobId
from oneshot_server.domain.pads import PADS, Pad, Value
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import BusyError, NotFoundError
from oneshot_server.transports.fake_library import FakeLibrary


class FakeCore:
    """Notes what it is asked for.

    Attributes:
        submitted: requests, in order; their jobs are ``job-0``, ``job-1``, …
        asked: other requests, as the method's name and its arguments.
        full: whether it refuses jobs as a full queue does.
        pads: what they play; all are empty.
        kit: the one that was loaded or saved last.
        hits: pads and velocities, in order; their jobs are ``hit-0``, ``hit-1``, …
        library: the sounds; there are none.
    """

    def __init__(self) -> None:
        self.submitted: list[GenerateRequest] = []
        self.asked: list[tuple[object, ...]] = []
        self.full = False
        self.pads = [Pad()] * PADS
        self.kit = ""
        self.hits: list[tuple[int, float]] = []
        self.library = FakeLibrary()
        self._listeners: list[Callable[[JobEvent], None]] = []
        self._history: dict[JobId, list[JobEvent]] = defaultdict(list)

    def emit(self, event: JobEvent) -> None:
        """Let something happen to a job."""
        self._history[event.job].append(event)
        for listener in tuple(self._listeners):
            listener(event)

    def submit(self, request: GenerateRequest) -> JobId:
        """See ``domain.core.Core``."""
        if self.full:
            raise BusyError("64 jobs are waiting")
        job = JobId(f"job-{len(self.submitted)}")
        self.submitted.append(request)
        self.emit(Accepted(job=job))
        return job

    def train(self, dataset: str) -> JobId:
        """See ``domain.core.Core``."""
        if dataset == "none":
            raise NotFoundError(f'no dataset is named "{dataset}"')
        self.asked.append(("train", dataset))
        job = JobId(f"training-{len(self.asked)}")
        self.emit(Accepted(job=job))
        return job

    def change_model(self, name: str) -> JobId:
        """See ``domain.core.Core``."""
        if name == "none":
            raise NotFoundError(f'no model is named "{name}"')
        self.asked.append(("change_model", name))
        job = JobId(f"change-{len(self.asked)}")
        self.emit(Accepted(job=job))
        return job

    def set_lora(self, name: str, weight: float) -> None:
        """See ``domain.core.Core``."""
        self.asked.append(("set_lora", name, weight))

    def use_lora(self, name: str, version: int) -> None:
        """See ``domain.core.Core``."""
        self.asked.append(("use_lora", name, version))

    def cancel(self, job: JobId) -> None:
        """See ``domain.core.Core``."""
        if job not in self._history:
            raise NotFoundError(f'job "{job}" is not waiting or running')
        self.emit(Cancelled(job=job))

    def trigger_pad(self, pad: int, velocity: float) -> JobId:
        """See ``domain.core.Core``; tests end the job."""
        if self.full:
            raise BusyError("64 jobs are waiting")
        if self.pads[pad].empty:
            raise NotFoundError(f"pad {pad} is empty")
        job = JobId(f"hit-{len(self.hits)}")
        self.hits.append((pad, velocity))
        self.emit(Accepted(job=job, pad=pad))
        return job

    def pad(self, number: int) -> Pad:
        """See ``domain.core.Core``."""
        return self.pads[number]

    def pad_level(self, number: int) -> PadLevel:
        """See ``domain.core.Core``."""
        return PadLevel(wanted=0 if self.pads[number].empty else 4)

    def set_pad(self, number: int, key: str, value: Value) -> None:
        """See ``domain.core.Core``."""
        self.pads[number] = self.pads[number].with_value(key, value)

    def load_kit(self, name: str, bank: int | None = None) -> None:
        """See ``domain.core.Core``."""
        if name == "none":
            raise NotFoundError(f'no kit is named "{name}"')
        self.asked.append(("load_kit", name, bank))
        self.kit = name

    def save_kit(self, name: str) -> None:
        """See ``domain.core.Core``."""
        self.asked.append(("save_kit", name))
        self.kit = name

    def rename_kit(self, name: str, new_name: str) -> None:
        """See ``domain.core.Core``."""
        self.asked.append(("rename_kit", name, new_name))

    def status(self) -> Status:
        """See ``domain.core.Core``."""
        return Status(
            state=EngineState.READY, queue_length=0, device="cpu", model="fake", training=""
        )

    def list_items(self, what: str) -> Sequence[Item]:
        """See ``domain.core.Core``."""
        return [Item(name=f"{what} one", detail="1"), Item(name=f"{what} two", detail="2")]

    async def recent(self) -> Sequence[Item]:
        """See ``domain.core.Core``."""
        return self.list_items("recent")

    def history(self, job: JobId) -> Sequence[JobEvent]:
        """See ``domain.core.Core``."""
        return tuple(self._history.get(job, ()))

    def subscribe(self, listener: Callable[[JobEvent], None]) -> Callable[[], None]:
        """See ``domain.core.Core``."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
