"""The sounds of a job or of several, cut into the batches that are rendered together."""

from collections.abc import Iterator
from dataclasses import dataclass

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine.messages import Render, RenderSpare
from oneshot_server.pipeline.draw import Draw


@dataclass(frozen=True, kw_only=True)
class Group:
    """A job, or several of one sound each that are rendered as one, as ``goes_with`` allows.

    Attributes:
        jobs: at least one.
    """

    jobs: tuple[Render, ...]


Work = RenderSpare | Group


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place in a batch.

    Attributes:
        job: whose sound it is.
        index: the job's sound that it is for; ``None`` if it only keeps the batch in the shape that
            it had when its file was made.
        seed: of the sound.
        request: what it is a sound of.
        finish: level, tail and length.
    """

    job: str
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


def goes_with(job: Render, first: Render) -> bool:
    """Whether a job can be rendered in one batch with another, of which it does not matter."""
    same = ("loras", "steps", "guidance", "sampler")
    alike = all(getattr(job.request, key) == getattr(first.request, key) for key in same)
    return alike and job.subtype == first.subtype and _is_single(job) and _is_single(first)


def _is_single(job: Render) -> bool:
    return job.request.count == 1 and job.request.replay is None and not job.skip


def asked(work: Work) -> list[tuple[str, GenerateRequest]]:
    """What is asked for, and by which job."""
    if isinstance(work, Group):
        return [(job.job, job.request) for job in work.jobs]
    return [(work.job, part.request) for part in work.parts]


def jobs_of(work: Work) -> tuple[str, ...]:
    """The jobs that are rendered."""
    return tuple(job.job for job in work.jobs) if isinstance(work, Group) else (work.job,)


def subtype_of(work: Work) -> str:
    """Sample format of the files."""
    return work.jobs[0].subtype if isinstance(work, Group) else work.subtype


def job_to_batches(work: Work, largest: int) -> Iterator[tuple[Slot, ...]]:
    """The batches of at most ``largest``; one that is replayed keeps its size."""
    if isinstance(work, RenderSpare):
        slots = [
            Slot(
                job=work.job,
                index=index,
                seed=part.request.seed,
                request=part.request,
                finish=part.finish,
            )
            for index, part in enumerate(work.parts)
        ]
    elif (replay := work.jobs[0].request.replay) is not None:
        yield tuple(
            _slot(work.jobs[0], 0 if position == replay.index else None, seed)
            for position, seed in enumerate(replay.seeds)
        )
        return
    else:
        slots = [
            _slot(job, None if index in job.skip else index, job.request.seed_of(index))
            for job in work.jobs
            for index in range(job.request.count)
        ]
    for start in range(0, len(slots), largest):
        batch = tuple(slots[start : start + largest])
        if any(slot.index is not None for slot in batch):
            yield batch


def _slot(job: Render, index: int | None, seed: int) -> Slot:
    return Slot(job=job.job, index=index, seed=seed, request=job.request, finish=job.finish)
