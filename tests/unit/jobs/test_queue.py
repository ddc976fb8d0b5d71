import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    EngineState,
    Failed,
    JobEvent,
    JobId,
    NoticeCode,
    Progress,
    SamplePublished,
)
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import (
    BusyError,
    DiskFullError,
    EngineFailedError,
    ErrorCode,
    NotFoundError,
    ShutdownError,
)
from oneshot_server.jobs.event_bus import EventBus
from oneshot_server.jobs.journal import Journal
from oneshot_server.jobs.queue import JobQueue
from oneshot_server.library.database import open_database
from tests.unit.jobs.fakes import FakePublisher, FakeRenderer

TERMINAL = (Done, Failed, Cancelled)


@dataclass
class Rig:
    renderer: FakeRenderer
    publisher: FakePublisher
    journal: Journal
    queue: JobQueue
    events: list[JobEvent] = field(default_factory=list)

    def ends(self, job: JobId) -> list[JobEvent]:
        return [e for e in self.events if isinstance(e, TERMINAL) and e.job == job]

    def ready(self) -> None:
        self.renderer.state = EngineState.READY

    def rendered(self, job: JobId, index: int, seed: int = 7) -> None:
        asyncio.run(self.queue.engine_rendered(job, index, seed, 0.5, b"RIFF"))

    def done(self, job: JobId) -> None:
        self.ready()
        self.queue.engine_done(job)


def make_rig(folder: Path, limit: int = 4, ahead: int = 1) -> Rig:
    connection = open_database(folder / "library.db")
    renderer, publisher, bus = FakeRenderer(), FakePublisher(folder), EventBus()
    journal = Journal(connection)
    queue = JobQueue(
        renderer=renderer,
        journal=journal,
        publisher=publisher,
        bus=bus,
        limit=limit,
        ahead=ahead,
    )
    rig = Rig(renderer, publisher, journal, queue)
    bus.subscribe(rig.events.append)
    return rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return make_rig(tmp_path)


def kick(count: int = 1) -> GenerateRequest:
    return GenerateRequest(prompt="kick", count=count, seed=7)


def test_a_job_is_accepted_rendered_published_and_done(rig):
    job = rig.queue.submit(kick(2))
    rig.rendered(job, 0)
    rig.rendered(job, 1, seed=8)
    rig.done(job)
    kinds = [type(event) for event in rig.events]
    assert kinds == [Accepted, SamplePublished, SamplePublished, Done]
    assert rig.events[-1].count == 2
    assert all(Path(e.path).exists() for e in rig.events if isinstance(e, SamplePublished))


def test_jobs_are_rendered_one_by_one_in_order(rig):
    first, second = rig.queue.submit(kick()), rig.queue.submit(kick())
    assert [job for job, _ in rig.renderer.begun] == [first]
    rig.done(first)
    assert [job for job, _ in rig.renderer.begun] == [first, second]


def begun(rig: Rig) -> list[JobId]:
    return [job for job, _ in rig.renderer.begun]


def test_hits_are_handed_over_together_as_far_as_allowed(tmp_path):
    rig = make_rig(tmp_path, limit=9, ahead=3)
    jobs = [rig.queue.submit(kick(), pad=0) for _ in range(5)]
    assert begun(rig) == jobs[:3]
    rig.queue.engine_done(jobs[1])
    assert begun(rig) == jobs[:4]
    assert rig.ends(jobs[1]) != []
    assert rig.ends(jobs[0]) == []
    assert len(rig.queue) == 4


def test_a_job_of_several_sounds_has_the_renderer_for_itself(tmp_path):
    rig = make_rig(tmp_path, limit=9, ahead=3)
    one, several, another = (rig.queue.submit(kick(count), pad=0) for count in (1, 2, 1))
    assert begun(rig) == [one]
    rig.done(one)
    assert begun(rig) == [one, several]
    rig.done(several)
    assert begun(rig) == [one, several, another]


def test_sounds_that_are_rendered_together_are_published_each_for_its_own_job(tmp_path):
    rig = make_rig(tmp_path, limit=9, ahead=3)
    jobs = [rig.queue.submit(kick(), pad=0) for _ in range(3)]
    for job in reversed(jobs):
        rig.rendered(job, 0)
        rig.done(job)
    published = [event.job for event in rig.events if isinstance(event, SamplePublished)]
    assert published == [*reversed(jobs)]
    assert all(rig.ends(job)[0].count == 1 for job in jobs)


def test_after_a_death_each_of_the_jobs_is_tried_alone_and_only_the_guilty_one_fails(tmp_path):
    rig = make_rig(tmp_path, limit=9, ahead=3)
    jobs = [rig.queue.submit(kick(), pad=0) for _ in range(3)]
    for guilty in (None, jobs[0]):
        rig.renderer.begun.clear()
        rig.renderer.state = EngineState.LOADING
        rig.queue.engine_died("signal 9")
        rig.ready()
        rig.queue.engine_ready()
        assert begun(rig) == [jobs[1] if guilty else jobs[0]]
    assert isinstance(rig.ends(jobs[0])[0], Failed)
    rig.done(jobs[1])
    rig.done(jobs[2])
    assert [type(rig.ends(job)[0]) for job in jobs[1:]] == [Done, Done]


def test_cancelling_one_of_those_that_are_rendered_together_leaves_the_others(tmp_path):
    rig = make_rig(tmp_path, limit=9, ahead=3)
    jobs = [rig.queue.submit(kick(), pad=0) for _ in range(2)]
    rig.queue.cancel(jobs[0])
    assert rig.renderer.cancelled == [jobs[0]]
    rig.queue.engine_cancelled(jobs[0])
    rig.done(jobs[1])
    assert [type(rig.ends(job)[0]) for job in jobs] == [Cancelled, Done]


def test_what_somebody_has_asked_for_by_its_seed_is_rendered_in_no_company(tmp_path):
    rig = make_rig(tmp_path, limit=9, ahead=3)
    hit, asked, other = (rig.queue.submit(kick(), pad=pad) for pad in (0, None, 1))
    assert begun(rig) == [hit]
    rig.done(hit)
    assert begun(rig) == [hit, asked]
    rig.done(asked)
    assert begun(rig) == [hit, asked, other]


def test_jobs_wait_for_an_engine_that_loads(rig):
    rig.renderer.state = EngineState.LOADING
    job = rig.queue.submit(kick())
    assert rig.renderer.begun == []
    rig.ready()
    rig.queue.engine_ready()
    assert rig.renderer.begun == [(job, frozenset())]


def test_a_full_queue_refuses_and_says_how_full_it_is(rig):
    for _ in range(4):
        rig.queue.submit(kick())
    with pytest.raises(BusyError, match=r"4 jobs are waiting, jobs\.queue_limit = 4"):
        rig.queue.submit(kick())
    assert sum(isinstance(event, Accepted) for event in rig.events) == 4


def test_a_waiting_job_is_cancelled_at_once(rig):
    first, second = rig.queue.submit(kick()), rig.queue.submit(kick())
    rig.queue.cancel(second)
    assert rig.ends(second) == [Cancelled(job=second)]
    rig.done(first)
    assert [job for job, _ in rig.renderer.begun] == [first]


def test_a_running_job_is_cancelled_when_the_engine_has_stopped(rig):
    job = rig.queue.submit(kick())
    rig.queue.cancel(job)
    assert rig.renderer.cancelled == [job]
    assert rig.ends(job) == []
    rig.ready()
    rig.queue.engine_cancelled(job)
    assert rig.ends(job) == [Cancelled(job=job)]


def test_a_cancelled_job_publishes_nothing_more_and_does_not_end_twice(rig):
    job = rig.queue.submit(kick(2))
    rig.queue.cancel(job)
    rig.rendered(job, 0)
    rig.done(job)
    assert rig.ends(job) == [Cancelled(job=job)]
    assert rig.publisher.names == []
    with pytest.raises(NotFoundError):
        rig.queue.cancel(job)


def test_a_job_is_tried_once_more_when_the_engine_dies(rig):
    job, other = rig.queue.submit(kick(3)), rig.queue.submit(kick())
    rig.rendered(job, 0)
    rig.renderer.state = EngineState.LOADING
    rig.queue.engine_died("signal 9")
    rig.ready()
    rig.queue.engine_ready()
    assert rig.renderer.begun == [(job, frozenset()), (job, frozenset({0}))]
    rig.renderer.state = EngineState.LOADING
    rig.queue.engine_died("signal 9")
    assert [e.code for e in rig.ends(job)] == [ErrorCode.ENGINE_FAILED]
    rig.ready()
    rig.queue.engine_ready()
    assert rig.renderer.begun[-1][0] == other


def test_an_engine_that_gives_up_ends_every_job_with_the_reason(rig):
    jobs = [rig.queue.submit(kick()) for _ in range(3)]
    rig.renderer.state, rig.renderer.failure = EngineState.FAILED, "no luck"
    rig.queue.engine_died("x")
    rig.queue.engine_gave_up("no luck")
    assert [len(rig.ends(job)) for job in jobs] == [1, 1, 1]
    with pytest.raises(EngineFailedError, match="no luck"):
        rig.queue.submit(kick())


def test_a_full_disk_ends_that_job_and_the_next_one_works(rig):
    job, other = rig.queue.submit(kick(2)), rig.queue.submit(kick())
    rig.publisher.error = DiskFullError("no space")
    rig.rendered(job, 0)
    assert [e.code for e in rig.ends(job)] == [ErrorCode.DISK_FULL]
    assert rig.renderer.cancelled == [job]
    rig.publisher.error = None
    rig.rendered(job, 1)
    rig.ready()
    rig.queue.engine_cancelled(job)
    assert len(rig.ends(job)) == 1
    rig.rendered(other, 0)
    rig.done(other)
    assert isinstance(rig.ends(other)[0], Done)


def test_a_job_that_has_ended_hears_nothing_more_though_the_engine_goes_on(rig):
    job = rig.queue.submit(kick(2))
    rig.publisher.error = DiskFullError("no space")
    rig.rendered(job, 0)
    rig.queue.engine_progress(job, 0.9, "sampling")
    rig.queue.engine_notice(job, NoticeCode.RETRIED, "again")
    assert rig.events[-1:] == rig.ends(job)
    with pytest.raises(NotFoundError):
        rig.queue.cancel(job)
    rig.queue.shut_down()
    assert len(rig.ends(job)) == 1


def test_a_journal_without_room_ends_the_job_before_its_sound_is_published(rig, monkeypatch):
    job, other = rig.queue.submit(kick()), rig.queue.submit(kick())

    def intend(*_):
        raise DiskFullError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(rig.journal, "intend", intend)
        rig.rendered(job, 0)
    assert [e.code for e in rig.ends(job)] == [ErrorCode.DISK_FULL]
    assert rig.publisher.names == []
    rig.ready()
    rig.queue.engine_cancelled(job)
    rig.rendered(other, 0)
    rig.done(other)
    assert isinstance(rig.ends(other)[0], Done)


def test_shutting_down_ends_each_job_once_and_takes_no_more(rig):
    jobs = [rig.queue.submit(kick()) for _ in range(3)]
    rig.queue.cancel(jobs[0])
    rig.queue.shut_down()
    rig.queue.engine_cancelled(jobs[0])
    assert [type(rig.ends(job)[0]) for job in jobs] == [Cancelled, Failed, Failed]
    assert [len(rig.ends(job)) for job in jobs] == [1, 1, 1]
    with pytest.raises(ShutdownError):
        rig.queue.submit(kick())
    assert rig.journal.unfinished() == []


def test_progress_is_at_most_ten_a_second(rig):
    job = rig.queue.submit(kick())
    for step in range(1000):
        rig.queue.engine_progress(job, step / 1000, "sampling")
    assert 1 <= sum(isinstance(event, Progress) for event in rig.events) <= 3


def test_a_new_daemon_takes_up_the_jobs_and_skips_what_is_published(tmp_path):
    old = make_rig(tmp_path)
    first, second = old.queue.submit(kick(3)), old.queue.submit(kick())
    old.rendered(first, 1)
    new = make_rig(tmp_path)
    new.queue.restore(new.journal.unfinished())
    assert new.renderer.begun == [(first, frozenset({1}))]
    new.rendered(first, 0)
    new.rendered(first, 1)
    new.rendered(first, 2)
    new.done(first)
    assert len(new.publisher.names) == 2
    assert new.ends(first)[0].count == 3
    assert new.renderer.begun[-1][0] == second


def test_a_job_of_an_earlier_daemon_took_as_long_as_its_client_has_waited(tmp_path, monkeypatch):
    monkeypatch.setattr("oneshot_server.jobs.journal.time.time", lambda: time.time_ns() / 1e9 - 60)
    job = make_rig(tmp_path).queue.submit(kick())
    monkeypatch.undo()
    new = make_rig(tmp_path)
    new.queue.restore(new.journal.unfinished())
    new.rendered(job, 0)
    new.done(job)
    assert 60_000 <= new.ends(job)[0].milliseconds < 90_000


def test_a_sound_that_was_renamed_but_not_noted_is_not_published_twice(tmp_path):
    old = make_rig(tmp_path)
    job = old.queue.submit(kick())
    old.journal.published = lambda *_: None  # the daemon is killed before it can note it
    old.rendered(job, 0)
    new = make_rig(tmp_path)
    new.queue.restore(new.journal.unfinished())
    assert new.renderer.begun == []
    assert isinstance(new.ends(job)[0], Done)


def test_every_accepted_job_ends_exactly_once_whatever_happens(tmp_path):
    for seed in range(40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        rig, draw = make_rig(folder, limit=8), random.Random(seed)
        jobs: list[JobId] = []
        for _ in range(60):
            running = rig.renderer.begun[-1][0] if rig.renderer.begun else None
            match draw.randrange(7):
                case 0 | 1:
                    try:
                        jobs.append(rig.queue.submit(kick(2)))
                    except BusyError:
                        assert len(rig.queue) == 8
                case 2 if jobs:
                    with suppress(NotFoundError):
                        rig.queue.cancel(draw.choice(jobs))
                case 3 if running:
                    rig.rendered(running, draw.randrange(2))
                case 4 if running and rig.renderer.state is EngineState.BUSY:
                    rig.ready()
                    draw.choice([rig.queue.engine_done, rig.queue.engine_cancelled])(running)
                case 5:
                    rig.renderer.state = EngineState.LOADING
                    rig.queue.engine_died("signal 9")
                    rig.ready()
                    rig.queue.engine_ready()
                case 6:
                    rig.publisher.error = draw.choice([None, DiskFullError("full")])
        rig.queue.shut_down()
        assert [len(rig.ends(job)) for job in jobs] == [1] * len(jobs)
        assert rig.journal.unfinished() == []
