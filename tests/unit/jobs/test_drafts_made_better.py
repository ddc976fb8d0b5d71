"""draft-then-best in the queue: a draft at once, the better one in its file, one end."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    EngineState,
    Failed,
    JobId,
    Notice,
    NoticeCode,
    SampleImproved,
    SamplePublished,
)
from oneshot_server.domain.library import Mark
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import DiskFullError, ErrorCode
from oneshot_server.jobs import delivery
from oneshot_server.library.marks import mark_render
from oneshot_server.library.wav_metadata import mark_wav
from tests.unit.jobs.test_queue import Rig, kick, make_rig
from tests.unit.library.sounds import render


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return make_rig(tmp_path)


def drafts(count: int = 1) -> GenerateRequest:
    return GenerateRequest(prompt="kick", count=count, seed=7, quality="draft-then-best")


def draft_of(seed: int) -> bytes:
    return render(seed, hertz=50.0 + seed)


def better_of(seed: int) -> bytes:
    return render(seed, hertz=150.0 + seed)


def send(rig: Rig, job: JobId, index: int, seed: int, *, draft: bool) -> None:
    wav = draft_of(seed) if draft else better_of(seed)
    seconds = 0.5 if draft else 0.75
    asyncio.run(rig.queue.engine_rendered(job, index, seed, seconds, wav, draft=draft))


def make_drafts(rig: Rig, job: JobId, seeds: Sequence[int] = (7,)) -> list[Path]:
    for index, seed in enumerate(seeds):
        send(rig, job, index, seed, draft=True)
    rig.done(job)
    return [Path(e.path) for e in rig.events if isinstance(e, SamplePublished) and e.job == job]


def of(rig: Rig, job: JobId) -> list[object]:
    return [event for event in rig.events if event.job == job]


def kinds(rig: Rig, job: JobId) -> list[type]:
    return [type(event) for event in of(rig, job)]


def test_the_draft_is_told_at_once_and_the_better_one_takes_its_place_before_the_end(rig):
    job = rig.queue.submit(drafts())
    (path,) = make_drafts(rig, job)
    assert path.read_bytes() == draft_of(7)
    assert of(rig, job)[-1] == SamplePublished(
        job=job, index=0, path=str(path), seed=7, seconds=0.5, draft=True
    )
    send(rig, job, 0, 7, draft=False)
    rig.done(job)
    assert path.read_bytes() == better_of(7)
    assert kinds(rig, job) == [Accepted, SamplePublished, SampleImproved, Done]
    assert of(rig, job)[2] == SampleImproved(job=job, index=0, path=str(path), seed=7, seconds=0.75)
    assert of(rig, job)[-1].count == 1
    assert len(rig.publisher.names) == 1


def test_the_better_ones_are_asked_for_by_the_seeds_of_the_drafts(rig):
    job = rig.queue.submit(drafts(3))
    make_drafts(rig, job, (7, 31, 9))
    assert rig.renderer.begun == [(job, frozenset()), (job, frozenset())]
    assert rig.renderer.seeds == [(), (7, 31, 9)]


def test_what_is_no_draft_is_not_made_twice(rig):
    job = rig.queue.submit(drafts())
    send(rig, job, 0, 7, draft=False)
    rig.done(job)
    assert kinds(rig, job) == [Accepted, SamplePublished, Done]
    assert len(rig.renderer.begun) == 1


def test_first_sounds_of_others_come_before_better_ones(rig):
    first, second, third = (rig.queue.submit(drafts()) for _ in range(3))
    make_drafts(rig, first)
    assert rig.renderer.begun[-1][0] == second
    make_drafts(rig, second)
    make_drafts(rig, third)
    assert [job for job, _ in rig.renderer.begun] == [first, second, third, first]
    assert rig.renderer.seeds[-1] == (7,)
    assert rig.ends(first) == []


def test_a_job_that_comes_while_one_is_made_better_begins_at_once(rig):
    drafted = rig.queue.submit(drafts())
    make_drafts(rig, drafted)
    assert rig.renderer.seeds == [(), (7,)]
    urgent, other = rig.queue.submit(kick()), rig.queue.submit(kick())
    assert [job for job, _ in rig.renderer.begun] == [drafted, drafted, urgent]
    assert rig.queue.urgent == 2
    assert len(rig.queue) == 3
    rig.renderer.state = EngineState.BUSY  # it still has what it makes better
    rig.queue.engine_done(urgent)
    assert [job for job, _ in rig.renderer.begun] == [drafted, drafted, urgent, other]
    rig.queue.engine_done(other)
    send(rig, drafted, 0, 7, draft=False)
    rig.done(drafted)
    assert isinstance(rig.ends(drafted)[0], Done)


def test_only_one_job_is_made_better_at_a_time(rig):
    first, second = rig.queue.submit(drafts()), rig.queue.submit(drafts())
    make_drafts(rig, first)
    make_drafts(rig, second)
    assert [job for job, _ in rig.renderer.begun] == [first, second, first]
    rig.done(first)
    assert [job for job, _ in rig.renderer.begun] == [first, second, first, second]


def test_stars_given_to_the_draft_are_the_better_ones(rig):
    job = rig.queue.submit(drafts())
    (path,) = make_drafts(rig, job)
    mark_render(path, Mark(stars=5, tags=("mine",)), path.parent)
    send(rig, job, 0, 7, draft=False)
    rig.done(job)
    assert path.read_bytes() == mark_wav(better_of(7), Mark(stars=5, tags=("mine",)))


def test_a_better_one_that_is_broken_leaves_the_draft_and_the_job_is_done(rig):
    job = rig.queue.submit(drafts(2))
    paths = make_drafts(rig, job, (7, 8))
    rig.queue.engine_notice(job, NoticeCode.DRAFT_STAYS, "sound 0 stays a draft")
    send(rig, job, 1, 8, draft=False)
    rig.done(job)
    assert [path.read_bytes() for path in paths] == [draft_of(7), better_of(8)]
    assert isinstance(rig.ends(job)[0], Done)
    assert rig.ends(job)[0].count == 2


@pytest.mark.parametrize("what", ["moved", "edited"])
def test_a_draft_that_its_producer_took_stays_his_and_the_job_is_done(rig, what):
    job = rig.queue.submit(drafts())
    (path,) = make_drafts(rig, job)
    if what == "moved":
        path.rename(path.with_name("mine.wav"))
    else:
        path.write_bytes(better_of(99))
    send(rig, job, 0, 7, draft=False)
    rig.done(job)
    assert kinds(rig, job) == [Accepted, SamplePublished, Notice, Done]
    assert of(rig, job)[2].code == NoticeCode.DRAFT_STAYS
    if what == "edited":
        assert path.read_bytes() == better_of(99)
    else:
        assert not path.exists()


@pytest.mark.parametrize("begun", [False, True])
def test_cancelled_in_between_the_draft_stays(rig, begun):
    job = rig.queue.submit(drafts())
    if not begun:
        rig.queue.submit(kick())
    (path,) = make_drafts(rig, job)
    rig.queue.cancel(job)
    if begun:
        send(rig, job, 0, 7, draft=False)
        rig.ready()
        rig.queue.engine_cancelled(job)
    assert rig.ends(job) == [Cancelled(job=job)]
    assert path.read_bytes() == draft_of(7)


def test_cancelled_before_the_draft_is_told_nothing_follows(rig):
    job = rig.queue.submit(drafts(2))
    send(rig, job, 0, 7, draft=True)
    rig.queue.cancel(job)
    send(rig, job, 1, 8, draft=True)
    rig.done(job)
    assert rig.ends(job) == [Cancelled(job=job)]
    assert len(rig.renderer.begun) == 1


def test_an_engine_that_dies_in_between_makes_only_what_is_missing_better(rig):
    job = rig.queue.submit(drafts(2))
    paths = make_drafts(rig, job, (7, 8))
    send(rig, job, 0, 7, draft=False)
    rig.renderer.state = EngineState.LOADING
    rig.queue.engine_died("signal 9")
    rig.ready()
    rig.queue.engine_ready()
    assert rig.renderer.begun[-1] == (job, frozenset({0}))
    assert rig.renderer.seeds[-1] == (7, 8)
    rig.renderer.state = EngineState.LOADING
    rig.queue.engine_died("signal 9")
    assert [e.code for e in rig.ends(job)] == [ErrorCode.ENGINE_FAILED]
    assert [path.read_bytes() for path in paths] == [better_of(7), draft_of(8)]


def test_an_engine_that_gives_up_and_a_shutdown_end_it_and_the_draft_stays(tmp_path):
    for number, end in enumerate(("engine_gave_up", "shut_down")):
        folder = tmp_path / str(number)
        folder.mkdir()
        rig = make_rig(folder)
        job, _ = rig.queue.submit(drafts()), rig.queue.submit(kick())
        (path,) = make_drafts(rig, job)
        rig.queue.engine_gave_up("no luck") if end == "engine_gave_up" else rig.queue.shut_down()
        assert [type(e) for e in rig.ends(job)] == [Failed]
        assert path.read_bytes() == draft_of(7)


def test_a_full_disk_ends_it_with_the_draft_whole(rig, monkeypatch):
    def full(*_, **__):
        raise DiskFullError("no space")

    job = rig.queue.submit(drafts())
    (path,) = make_drafts(rig, job)
    monkeypatch.setattr(delivery, "replace_draft", full)
    send(rig, job, 0, 7, draft=False)
    assert [e.code for e in rig.ends(job)] == [ErrorCode.DISK_FULL]
    assert rig.renderer.cancelled == [job]
    assert path.read_bytes() == draft_of(7)


def test_a_killed_daemon_leaves_the_draft_and_the_next_one_makes_it_better(tmp_path):
    old = make_rig(tmp_path)
    job = old.queue.submit(drafts(2))
    paths = make_drafts(old, job, (7, 31))
    send(old, job, 0, 7, draft=False)
    new = make_rig(tmp_path)
    new.queue.restore(new.journal.unfinished())
    assert new.renderer.begun == [(job, frozenset({0}))]
    assert new.renderer.seeds == [(7, 31)]
    send(new, job, 1, 31, draft=False)
    new.done(job)
    assert [path.read_bytes() for path in paths] == [better_of(7), better_of(31)]
    assert kinds(new, job) == [SampleImproved, Done]
    assert new.ends(job)[0].count == 2


def test_a_killed_daemon_that_had_not_all_drafts_leaves_the_others_to_the_next(tmp_path):
    old = make_rig(tmp_path)
    job = old.queue.submit(drafts(2))
    send(old, job, 0, 7, draft=True)
    new = make_rig(tmp_path)
    new.queue.restore(new.journal.unfinished())
    assert (new.renderer.begun, new.renderer.seeds) == ([(job, frozenset({0}))], [()])
    send(new, job, 1, 8, draft=True)
    new.done(job)
    assert new.renderer.seeds == [(), (7, 8)]


def test_one_that_was_better_but_not_noted_is_made_so_again(tmp_path):
    old = make_rig(tmp_path)
    job = old.queue.submit(drafts())
    (path,) = make_drafts(old, job)
    old.journal.improved = lambda *_: None  # the daemon is killed before it can note it
    send(old, job, 0, 7, draft=False)
    new = make_rig(tmp_path)
    new.queue.restore(new.journal.unfinished())
    send(new, job, 0, 7, draft=False)
    new.done(job)
    assert kinds(new, job) == [SampleImproved, Done]
    assert path.read_bytes() == better_of(7)


def test_all_of_it_is_told_again_after_a_restart(tmp_path):
    old = make_rig(tmp_path)
    job = old.queue.submit(drafts())
    (path,) = make_drafts(old, job)
    history = make_rig(tmp_path).journal.history
    draft = SamplePublished(job=job, index=0, path=str(path), seed=7, seconds=0.5, draft=True)
    assert history(job) == [Accepted(job=job), draft]
    send(old, job, 0, 7, draft=False)
    old.done(job)
    events = history(job)
    assert [type(event) for event in events] == [Accepted, SamplePublished, SampleImproved, Done]
    assert events[1].draft
    assert events[2].seconds == 0.75


def test_a_change_of_model_waits_until_drafts_are_better(rig):
    async def body() -> None:
        job = rig.queue.submit(drafts())
        await rig.queue.engine_rendered(job, 0, 7, 0.5, draft_of(7), draft=True)
        draining = asyncio.create_task(rig.queue.drain())
        rig.done(job)
        await asyncio.sleep(0)
        held = rig.queue.submit(kick())
        await asyncio.sleep(0)
        assert not draining.done()
        await rig.queue.engine_rendered(job, 0, 7, 0.75, better_of(7))
        rig.done(job)
        await asyncio.wait_for(draining, 10)
        assert isinstance(rig.ends(job)[0], Done)
        rig.queue.resume()
        assert rig.renderer.begun[-1][0] == held

    asyncio.run(body())


def test_after_a_death_what_is_made_better_and_who_came_meanwhile_are_tried_each_alone(rig):
    drafted = rig.queue.submit(drafts())
    make_drafts(rig, drafted)
    poison = rig.queue.submit(kick())
    for _ in range(2):
        assert rig.renderer.begun[-1][0] == poison
        rig.renderer.state = EngineState.LOADING
        rig.queue.engine_died("signal 9")
        rig.ready()
        rig.queue.engine_ready()
    assert isinstance(rig.ends(poison)[0], Failed)
    assert rig.renderer.begun[-1][0] == drafted
    rig.queue.submit(kick())
    assert rig.renderer.begun[-1][0] == drafted
    send(rig, drafted, 0, 7, draft=False)
    rig.done(drafted)
    assert isinstance(rig.ends(drafted)[0], Done)
