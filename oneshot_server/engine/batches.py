"""The sounds of a job or of several, cut into the batches that are rendered together."""

from collections.abc import Callable, Iterator
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

Candidates = Callable[[GenerateRequest], int]


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
    alike = job.request.sampling == first.request.sampling
    return alike and job.subtype == first.subtype and _is_single(job) and _is_single(first)


def _is_single(job: Render) -> bool:
    """What begins from sounds begins elsewhere than the others, and is rendered by itself."""
    request = job.request
    alone = request.replay is not None or request.reshape is not None
    again = job.skip or job.seeds
    return request.count == 1 and request.candidates == 1 and not alone and not again


def seeds_of(work: Work) -> tuple[int, ...]:
    """Of drafts that are made better, if they are; see ``Render.seeds``."""
    return work.jobs[0].seeds if isinstance(work, Group) else ()


def gives_way(work: Work) -> bool:
    """Whether nobody waits for a first sound of it: whoever does comes first."""
    return isinstance(work, RenderSpare) or bool(seeds_of(work))


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


def plain_candidates(request: GenerateRequest) -> int:
    """How many sounds are rendered for each that is wanted, as the request alone says."""
    return request.candidates


def job_to_batches(
    work: Work, largest: int, candidates: Candidates = plain_candidates
) -> Iterator[tuple[Slot, ...]]:
    """The batches of at most ``largest``; one that is replayed keeps its size.

    Args:
        work: what is asked for.
        largest: sounds of a batch.
        candidates: how many sounds are rendered for each that a request wants.
    """
    if isinstance(work, RenderSpare):
        slots = [
            Slot(job=work.job, index=index, seed=seed, request=part.request, finish=part.finish)
            for index, part in enumerate(work.parts)
            for seed in _seeds(part.request, 0, candidates(part.request))
        ]
    elif (replay := work.jobs[0].request.replay) is not None:
        yield tuple(
            _slot(work.jobs[0], 0 if position == replay.index else None, seed)
            for position, seed in enumerate(replay.seeds)
        )
        return
    elif seeds := seeds_of(work):
        (job,) = work.jobs
        slots = [
            _slot(job, None if index in job.skip else index, seed)
            for index, seed in enumerate(seeds)
        ]
    else:
        slots = [
            _slot(job, None if index in job.skip else index, seed)
            for job in work.jobs
            for index in range(job.request.count)
            for seed in _seeds(job.request, index, candidates(job.request))
        ]
    for start in range(0, len(slots), largest):
        batch = tuple(slots[start : start + largest])
        if any(slot.index is not None for slot in batch):
            yield batch


def _seeds(request: GenerateRequest, index: int, candidates: int) -> list[int]:
    """Seeds of a sound's candidates: its own, and then some behind those of all sounds."""
    others = candidates - 1
    first = request.count + index * others
    return [request.seed_of(number) for number in (index, *range(first, first + others))]


def _slot(job: Render, index: int | None, seed: int) -> Slot:
    return Slot(job=job.job, index=index, seed=seed, request=job.request, finish=job.finish)
