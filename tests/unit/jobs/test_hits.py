"""Hits: from the reserve or not, each ends exactly once."""

import asyncio
from dataclasses import replace

import pytest

from oneshot_server.domain.events import (
    Accepted,
    Done,
    EngineState,
    Failed,
    Notice,
    NoticeCode,
    SamplePublished,
)
from oneshot_server.domain.pads import Pad
from oneshot_server.errors import (
    BadArgumentsError,
    DiskFullError,
    EngineFailedError,
    NotFoundError,
    ShutdownError,
)
from oneshot_server.jobs import reserve
from oneshot_server.library.samples_folder import SamplesFolder
from oneshot_server.library.touched_wav import touch_wav
from tests.unit.jobs.pad_rig import KICK, run, sound


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(reserve, "GATHER_SECONDS", 0.0)


def test_a_hit_from_the_reserve_is_over_when_trigger_returns(tmp_path):
    async def body(rig):
        await rig.fill()
        job = rig.pads.trigger(0, 1.0)
        accepted, published, done = rig.of(job)
        assert accepted == Accepted(job=job, pad=0)
        assert isinstance(published, SamplePublished)
        assert isinstance(done, Done)
        (path,) = rig.published()
        assert str(path) == published.path
        assert path.read_bytes() == sound(published.seed)
        assert len(rig.folder.contents()) == 3
        assert (rig.pads.status().hits, rig.pads.status().misses) == (1, 0)
        assert [recent.path for recent in rig.journal.recent(5)] == [str(path)]
        assert rig.journal.unfinished() == []

    run(tmp_path, body, pads={0: KICK})


def test_every_hit_is_another_sound(tmp_path):
    async def body(rig):
        await rig.fill()
        for _ in range(4):
            rig.pads.trigger(0, 1.0)
        assert len({path.read_bytes() for path in rig.published()}) == 4

    run(tmp_path, body, pads={0: KICK})


def test_the_reserve_is_filled_up_behind_a_hit(tmp_path):
    async def body(rig):
        await rig.fill()
        rig.pads.trigger(0, 1.0)
        await rig.settled()
        assert [request.prompt for request in rig.ask()] == ["kick"]
        await rig.fill()
        assert rig.reserve.level(0) == (4, 4)

    run(tmp_path, body, pads={0: KICK})


def test_a_soft_hit_is_what_the_engine_would_have_made_of_it(tmp_path):
    async def body(rig):
        await rig.fill()
        job = rig.pads.trigger(0, 0.5)
        await rig.settled()
        _accepted, published, done = rig.of(job)
        assert isinstance(done, Done)
        expected, seconds = touch_wav(sound(published.seed), KICK.touch(0.5))
        (path,) = rig.published()
        assert path.read_bytes() == expected
        assert published.seconds == seconds
        assert len(rig.folder.contents()) == 3
        assert rig.journal.unfinished() == []

    run(tmp_path, body, pads={0: KICK})


def test_without_a_reserve_a_hit_is_a_job_and_says_so(tmp_path):
    async def body(rig):
        job = rig.pads.trigger(3, 0.5)
        accepted, notice = rig.of(job)
        assert accepted == Accepted(job=job, pad=3)
        assert isinstance(notice, Notice)
        assert notice.code is NoticeCode.RESERVE_MISS
        assert [begun for begun, _ in rig.renderer.begun] == [job]
        await rig.queue.engine_rendered(job, 0, 5, 0.01, sound(5))
        rig.queue.engine_done(job)
        assert isinstance(rig.of(job)[-1], Done)
        assert rig.pads.status().misses == 1

    run(tmp_path, body, pads={3: KICK}, per_pad=0)


HATS = {1: Pad(prompt="hat"), 2: Pad(prompt="open hat")}


def test_hits_that_would_wait_behind_others_get_the_last_sound_again(tmp_path):
    async def body(rig):
        await rig.fill()
        first = [rig.pads.trigger(0, 1.0) for _ in range(4)]
        waiting = [rig.pads.trigger(0, 1.0) for _ in range(2)]
        for job in waiting:
            assert [type(event) for event in rig.of(job)] == [Accepted, Notice]
        again = rig.pads.trigger(0, 1.0)
        accepted, notice, published, done = rig.of(again)
        assert accepted == Accepted(job=again, pad=0)
        assert "its last one again" in notice.text
        assert notice.code is NoticeCode.RESERVE_MISS
        assert isinstance(done, Done)
        assert published.path == rig.of(first[-1])[1].path
        assert len(rig.published()) == 4
        assert (rig.pads.status().hits, rig.pads.status().misses) == (4, 3)

    run(tmp_path, body, pads={0: KICK, **HATS}, most_waiting=2)


def test_when_more_than_half_of_the_reserve_is_missing_it_is_rendered_and_no_single_sounds(
    tmp_path,
):
    async def body(rig):
        await rig.fill()
        for _ in range(4):
            rig.pads.trigger(0, 1.0)
        assert len(rig.of(rig.pads.trigger(0, 1.0))) == 2  # half of it is still there
        rig.pads.trigger(1, 1.0)
        await asyncio.sleep(0.01)
        again = rig.pads.trigger(0, 1.0)
        assert len(rig.of(again)) == 4
        assert rig.journal.history(again) != ()

    run(tmp_path, body, pads={0: KICK, 1: Pad(prompt="hat")})


def test_while_nothing_is_rendered_for_the_reserve_a_hit_is_a_job(tmp_path):
    async def body(rig):
        await rig.fill()
        rig.renderer.state = EngineState.FAILED
        for _ in range(4):
            rig.pads.trigger(0, 1.0)
        with pytest.raises(EngineFailedError):
            rig.pads.trigger(0, 1.0)

    run(tmp_path, body, pads={0: KICK})


def test_after_a_change_of_lora_no_sound_of_before_is_given_again(tmp_path):
    loras = {"mine": 1}

    async def body(rig):
        await rig.fill()
        for _ in range(4):
            rig.pads.trigger(0, 1.0)
        loras["mine"] = 2
        rig.reserve.changed()
        assert len(rig.of(rig.pads.trigger(0, 1.0))) == 2

    pads = {0: Pad(prompt="kick", lora="mine:0.5")}
    run(tmp_path, body, pads=pads, loras=loras, most_waiting=0)


def test_the_last_sound_of_a_pad_is_not_given_again_when_it_is_gone_or_the_pad_has_changed(
    tmp_path,
):
    async def body(rig):
        await rig.fill()
        for number in (0, 1):
            for _ in range(4):
                rig.pads.trigger(number, 1.0)
        rig.bank.set(0, replace(KICK, prompt="snare"))
        rig.reserve.changed()
        assert len(rig.of(rig.pads.trigger(0, 1.0))) == 2
        for path in rig.published():
            path.unlink()
        assert len(rig.of(rig.pads.trigger(1, 1.0))) == 2

    run(tmp_path, body, pads={0: KICK, **HATS}, most_waiting=0)


def test_a_job_begins_while_the_reserve_is_rendered(tmp_path):
    async def body(rig):
        assert len(rig.renderer.spare) == 1
        job = rig.queue.submit(KICK.request(seed=1))
        assert [begun for begun, _ in rig.renderer.begun] == [job]
        assert rig.renderer.cancelled_spare == []

    run(tmp_path, body, pads={0: KICK})


def test_a_reserve_that_was_swept_away_is_a_miss(tmp_path):
    async def body(rig):
        await rig.fill()
        for waiting in rig.folder.contents():
            waiting.path.unlink()
        job = rig.pads.trigger(0, 1.0)
        assert [type(event) for event in rig.of(job)] == [Accepted, Notice]

    run(tmp_path, body, pads={0: KICK})


def test_a_soft_hit_of_a_broken_file_is_rendered_instead_and_ends_once(tmp_path):
    async def body(rig):
        await rig.fill()
        for waiting in rig.folder.contents():
            waiting.path.write_bytes(b"RIFF")
        job = rig.pads.trigger(0, 0.5)
        await rig.settled()
        assert [begun for begun, _ in rig.renderer.begun] == [job]
        assert len(rig.folder.contents()) == 3, "nor does the next start find it"
        await rig.queue.engine_rendered(job, 0, 5, 0.01, sound(5))
        rig.queue.engine_done(job)
        assert [type(event) for event in rig.of(job)] == [Accepted, SamplePublished, Done]

    run(tmp_path, body, pads={0: KICK})


def test_a_soft_hit_on_a_full_disk_ends_in_an_error(tmp_path, monkeypatch):
    async def body(rig):
        await rig.fill()

        def full(*_args, **_kwargs):
            raise DiskFullError("no space left")

        monkeypatch.setattr(rig.samples, "publish", full)
        job = rig.pads.trigger(0, 0.5)
        await rig.settled()
        assert [type(event) for event in rig.of(job)] == [Accepted, Failed]
        assert rig.published() == []

    run(tmp_path, body, pads={0: KICK})


def test_a_hit_never_overwrites_a_producers_file(tmp_path):
    async def body(rig):
        await rig.fill()
        for waiting in rig.folder.contents():
            (rig.samples.folder / f"kick_{waiting.seed}.wav").write_bytes(b"mine")
        rig.pads.trigger(0, 1.0)
        assert sum(path.read_bytes() == b"mine" for path in rig.published()) == 4
        assert len(rig.published()) == 5

    run(tmp_path, body, pads={0: KICK})


@pytest.mark.parametrize(
    ("pad", "velocity", "error"),
    [(1, 1.0, NotFoundError), (64, 1.0, BadArgumentsError), (0, 1.1, BadArgumentsError)],
)
def test_a_wrong_hit_is_refused(pad, velocity, error, tmp_path):
    async def body(rig):
        with pytest.raises(error):
            rig.pads.trigger(pad, velocity)
        assert rig.events == []

    run(tmp_path, body, pads={0: KICK})


def test_no_hit_is_taken_while_the_daemon_goes_down(tmp_path):
    async def body(rig):
        await rig.fill()
        rig.queue.shut_down()
        with pytest.raises(ShutdownError):
            rig.pads.trigger(0, 1.0)
        assert rig.reserve.level(0) == (4, 4)

    run(tmp_path, body, pads={0: KICK})


def test_a_fixed_pad_without_a_reserve_renders_its_own_seed(tmp_path):
    async def body(rig):
        rig.pads.trigger(0, 1.0)
        (job,) = rig.journal.unfinished()
        assert job.request.seed == 9

    run(tmp_path, body, pads={0: Pad(prompt="kick", seed_policy="fixed", seed=9)}, per_pad=0)


def test_publishing_by_rename_leaves_one_file_in_each_place(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"x")
    samples = SamplesFolder(tmp_path / "in")
    path = samples.adopt(tmp_path / "in" / "a", samples.name_for("kick", 1))
    assert [p.name for p in (tmp_path / "in").iterdir()] == [path.name] == ["kick_1.wav"]
    with pytest.raises(NotFoundError):
        samples.adopt(tmp_path / "in" / "a", samples.name_for("kick", 1))


DRAFTED = Pad(prompt="kick", quality="draft-then-best")


def test_of_a_pad_with_drafts_the_reserve_is_the_best_at_once(tmp_path):
    async def body(rig):
        assert {request.quality for request in rig.ask()} == {"best"}
        await rig.fill()
        job = rig.pads.trigger(0, 1.0)
        accepted, published, done = rig.of(job)
        assert not published.draft
        assert isinstance(done, Done)
        assert isinstance(accepted, Accepted)

    run(tmp_path, body, pads={0: DRAFTED})


def test_a_draft_that_is_given_again_is_told_as_a_sound_like_any(tmp_path):
    async def body(rig):
        job = rig.pads.trigger(0, 1.0)
        await rig.queue.engine_rendered(job, 0, 5, 0.01, sound(5), draft=True)
        rig.renderer.state = EngineState.READY
        rig.queue.engine_done(job)
        assert rig.renderer.seeds == [(), (5,)]
        waiting = [rig.pads.trigger(number, 1.0) for number in HATS]
        again = rig.pads.trigger(0, 1.0)
        assert rig.of(again)[2] == replace(rig.of(job)[2], job=again, draft=False)
        await rig.queue.engine_rendered(job, 0, 5, 0.02, sound(6))
        later = rig.pads.trigger(0, 1.0)
        assert (rig.of(later)[2].seconds, rig.of(later)[2].path) == (0.02, rig.of(job)[2].path)
        assert len(waiting) == 2

    run(tmp_path, body, pads={0: DRAFTED, **HATS}, per_pad=0, most_waiting=2)


def test_what_is_only_made_better_keeps_no_hit_from_being_rendered(tmp_path):
    async def body(rig):
        for number in range(3):
            job = rig.pads.trigger(0, 1.0)
            await rig.queue.engine_rendered(job, 0, 5, 0.01, sound(5), draft=True)
            if number == 0:  # later it has what it makes better
                rig.renderer.state = EngineState.READY
            rig.queue.engine_done(job)
        assert (len(rig.queue), rig.queue.urgent) == (3, 0)
        job = rig.pads.trigger(0, 1.0)
        assert [type(event) for event in rig.of(job)] == [Accepted, Notice]
        assert rig.renderer.begun[-1][0] == job

    run(tmp_path, body, pads={0: DRAFTED}, per_pad=0, most_waiting=2)
