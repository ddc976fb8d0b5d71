"""The sounds of a job, cut into the batches that are rendered together."""

from collections.abc import Iterator
from dataclasses import dataclass

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine.messages import Render, RenderSpare
from oneshot_server.pipeline.draw import Draw


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place in a batch.

    Attributes:
        index: the job's sound that it is for; ``None`` if it only keeps the batch in the shape that
            it had when its file was made.
        seed: of the sound.
        request: what it is a sound of.
        finish: level, tail and length.
    """

    index: int | None
    seed: int
    request: GenerateRequest
    finish: FinishOptions

    @property
    def draw(self) -> Draw:
        """What it is drawn from."""
        return Draw(
            prompt=self.request.prompt,
            negative=self.request.negative,
            seed=self.seed,
            walk=self.request.walk,
        )


def job_to_batches(job: Render | RenderSpare, largest: int) -> Iterator[tuple[Slot, ...]]:
    """The job's batches of at most ``largest``; one that is replayed keeps its size."""
    if isinstance(job, RenderSpare):
        slots = [
            Slot(index=index, seed=part.request.seed, request=part.request, finish=part.finish)
            for index, part in enumerate(job.parts)
        ]
    elif job.request.replay is not None:
        replay = job.request.replay
        yield tuple(
            _slot(job, 0 if position == replay.index else None, seed)
            for position, seed in enumerate(replay.seeds)
        )
        return
    else:
        slots = [
            _slot(job, None if index in job.skip else index, job.request.seed_of(index))
            for index in range(job.request.count)
        ]
    for start in range(0, len(slots), largest):
        batch = tuple(slots[start : start + largest])
        if any(slot.index is not None for slot in batch):
            yield batch


def _slot(job: Render, index: int | None, seed: int) -> Slot:
    return Slot(index=index, seed=seed, request=job.request, finish=job.finish)
