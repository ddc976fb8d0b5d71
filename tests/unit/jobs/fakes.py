"""A renderer and a publisher that the queue's tests move by hand."""

from collections.abc import Collection, Sequence
from pathlib import Path

from oneshot_server.domain.events import EngineState, JobId
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import OneshotError


class FakeRenderer:
    def __init__(self) -> None:
        self.state = EngineState.READY
        self.failure = ""
        self.begun: list[tuple[JobId, frozenset[int]]] = []
        self.seeds: list[tuple[int, ...]] = []
        self.cancelled: list[JobId] = []
        self.model_hash = "ab" * 32
        self.spare: list[tuple[JobId, list[GenerateRequest]]] = []
        self.cancelled_spare: list[JobId] = []

    def render_spare(self, job: JobId, requests: Sequence[GenerateRequest]) -> None:
        self.spare.append((job, list(requests)))

    def cancel_spare(self, job: JobId) -> None:
        self.cancelled_spare.append(job)

    def render(
        self,
        job: JobId,
        _request: GenerateRequest,
        skip: Collection[int],
        seeds: Sequence[int] = (),
    ) -> None:
        self.state = EngineState.BUSY
        self.begun.append((job, frozenset(skip)))
        self.seeds.append(tuple(seeds))

    def cancel(self, job: JobId) -> None:
        self.cancelled.append(job)


class FakePublisher:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.error: OneshotError | None = None
        self.names: list[str] = []

    def name_for(self, prompt: str, seed: int) -> str:
        return f"{prompt}_{seed}_{len(self.names)}.wav"

    def publish(self, wav: bytes, name: str) -> Path:
        if self.error is not None:
            raise self.error
        self.names.append(name)
        (self.folder / name).write_bytes(wav)
        return self.folder / name

    def release(self, name: str) -> None:
        pass
