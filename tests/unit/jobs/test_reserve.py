"""The reserve: what is rendered while nobody waits, and what is thrown away."""

import asyncio
from collections import Counter

import pytest

from oneshot_server.domain.events import EngineState, JobId
from oneshot_server.domain.pads import Pad
from oneshot_server.errors import DiskFullError, ErrorCode
from oneshot_server.jobs import reserve as module
from oneshot_server.library.touched_wav import touch_wav
from tests.unit.jobs.pad_rig import KICK, PadRig, run, sound

SNARE = Pad(prompt="snare")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(module, "GATHER_SECONDS", 0.0)


async def look(rig: PadRig) -> None:
    """Let a change settle."""
    rig.reserve.changed()
    await asyncio.sleep(0.01)
    await rig.settled()


def prompts(rig: PadRig) -> Counter[str]:
    return Counter(request.prompt for _, asked in rig.renderer.spare for request in asked)


def test_every_pad_gets_its_sounds_in_batches_of_several_pads(tmp_path):
    async def body(rig):
        await rig.fill()
        assert prompts(rig) == {"kick": 4, "snare": 4}
        assert [len(asked) for _, asked in rig.renderer.spare] == [8]
        assert [rig.reserve.level(number) for number in (0, 5, 7)] == [(4, 4), (4, 4), (0, 0)]
        assert len({w.seed for w in rig.folder.contents()}) == 8

    run(tmp_path, body, pads={0: KICK, 5: SNARE})


def test_sounds_of_other_loras_or_steps_are_not_in_one_batch(tmp_path):
    async def body(rig):
        await rig.fill()
        for _, asked in rig.renderer.spare:
            assert len({(request.loras, request.steps) for request in asked}) == 1
        assert len(rig.folder.contents()) == 12

    pads = {0: KICK, 1: Pad(prompt="kick", lora="mine:0.5"), 2: Pad(prompt="kick", steps=5)}
    run(tmp_path, body, pads=pads, loras={"mine": 1})


def test_a_roll_of_hits_is_rendered_as_one_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "GATHER_SECONDS", 0.05)

    async def body(rig):
        await rig.fill()
        for number in (0, 1, 0, 1, 0):
            assert rig.reserve.take(number) is not None
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.5)
        assert [len(asked) for _, asked in rig.renderer.spare] == [8, 5]

    run(tmp_path, body, pads={0: KICK, 1: SNARE})


def test_nothing_more_is_rendered_when_the_daemon_goes_down_right_after_a_hit(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "GATHER_SECONDS", 0.05)

    async def body(rig):
        await rig.fill()
        assert rig.reserve.take(0) is not None
        await rig.reserve.stop()
        await asyncio.sleep(0.2)
        assert len(rig.renderer.spare) == 1

    run(tmp_path, body, pads={0: KICK})


def test_what_has_missed_longest_is_rendered_first(tmp_path):
    async def body(rig):
        await rig.fill()
        rig.renderer.state = EngineState.LOADING
        for number in (1, 0, 2):
            assert rig.reserve.take(number) is not None
            await asyncio.sleep(0.002)
        rig.renderer.state = EngineState.READY
        rig.reserve.engine_ready()
        assert [request.prompt for request in rig.ask()] == ["snare", "kick", "hat"]

    run(tmp_path, body, pads={0: KICK, 1: SNARE, 2: Pad(prompt="hat")})


def test_a_restart_finds_the_reserve_again_and_renders_nothing(tmp_path):
    async def first(rig):
        await rig.fill()

    async def second(rig):
        assert rig.renderer.spare == []
        assert rig.reserve.level(0) == (4, 4)

    run(tmp_path, first, pads={0: KICK})
    run(tmp_path, second)


def test_before_the_engine_is_ready_a_restarted_daemon_plays_what_it_has(tmp_path):
    async def first(rig):
        await rig.fill()

    async def second(rig):
        assert rig.reserve.take(0) is not None

    run(tmp_path, first, pads={0: KICK})
    run(tmp_path, second, model_hash="")


def test_another_model_throws_the_reserve_away(tmp_path):
    async def first(rig):
        await rig.fill()

    async def second(rig):
        await rig.settled()
        assert rig.folder.contents() == []
        assert rig.reserve.take(0) is None
        assert prompts(rig) == {"kick": 4}

    run(tmp_path, first, pads={0: KICK})
    run(tmp_path, second, model_hash="cd" * 32)


def test_after_a_change_of_the_model_the_next_start_plays_nothing_of_the_other_one(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "_is_of_another_model", lambda _wav, _model: False)

    async def first(rig):
        await rig.fill()
        rig.renderer.model_hash = "cd" * 32
        rig.reserve.engine_ready()
        rig.reserve.model_changed("other")
        await rig.settled()
        assert rig.reserve.level(0) == (0, 4)
        await rig.fill()
        assert rig.reserve.level(0) == (4, 4)

    async def second(rig):  # the model of the settings, not loaded yet
        assert rig.reserve.take(0) is None
        rig.renderer.model_hash = "ab" * 32
        rig.reserve.engine_ready()
        await rig.settled()
        assert rig.reserve.level(0) == (0, 4)

    run(tmp_path, first, pads={0: KICK})
    run(tmp_path, second, model_hash="")


@pytest.mark.parametrize(
    ("key", "value"), [("prompt", "dark kick"), ("seconds", 0.5), ("guidance", 3.0), ("steps", 5)]
)
def test_a_pad_that_changes_gives_out_nothing_of_before(key, value, tmp_path):
    async def body(rig):
        await rig.fill()
        rig.bank.set(0, rig.bank.pad(0).with_value(key, value))
        rig.reserve.changed()
        assert rig.reserve.take(0) is None
        await look(rig)
        assert rig.folder.contents() == []
        await rig.fill()
        assert rig.reserve.level(0) == (4, 4)

    run(tmp_path, body, pads={0: KICK})


@pytest.mark.parametrize(
    ("key", "value"), [("name", "boom"), ("choke", 2), ("velocity_level", 3.0)]
)
def test_what_does_not_change_the_sound_keeps_the_reserve(key, value, tmp_path):
    async def body(rig):
        await rig.fill()
        rig.bank.set(0, rig.bank.pad(0).with_value(key, value))
        await look(rig)
        assert rig.reserve.level(0) == (4, 4)
        assert len(rig.renderer.spare) == 1

    run(tmp_path, body, pads={0: KICK})


def test_a_new_version_of_a_lora_throws_away_what_was_made_with_the_old_one(tmp_path):
    loras = {"mine": 1}

    async def body(rig):
        await rig.fill()
        loras["mine"] = 2
        await look(rig)
        assert {w.key for w in rig.folder.contents()} == set()
        assert rig.ask()[0].loras[0].version == 2

    run(tmp_path, body, pads={0: Pad(prompt="kick", lora="mine")}, loras=loras)


def test_a_batch_that_no_pad_needs_any_more_is_stopped(tmp_path):
    async def body(rig):
        job = rig.renderer.spare[-1][0]
        rig.bank.set(0, Pad())
        await look(rig)
        assert rig.renderer.cancelled_spare == [job]
        await rig.make(1)
        await rig.settled()
        assert rig.folder.contents() == []

    run(tmp_path, body, pads={0: KICK})


def test_a_fixed_seed_is_rendered_once_and_played_as_often_as_wanted(tmp_path):
    async def body(rig):
        await rig.fill()
        assert [request.seed for request in rig.ask()] == [7]
        assert {w.path.read_bytes() for w in rig.folder.contents()} == {sound(7)}
        assert rig.reserve.level(0) == (4, 4)

    run(tmp_path, body, pads={0: Pad(prompt="kick", seed_policy="fixed", seed=7)})


def test_a_walk_goes_on_where_it_was_after_a_restart(tmp_path):
    walk = Pad(prompt="kick", seed_policy="walk", seed=100)

    async def first(rig):
        await rig.fill()
        assert [request.seed for request in rig.ask()] == [100, 101, 102, 103]
        assert {request.walk for request in rig.ask()} == {8}
        jobs = [rig.pads.trigger(0, 1.0) for _ in range(2)]
        assert [rig.of(job)[1].seed for job in jobs] == [100, 101]
        await asyncio.sleep(0.01)
        assert [request.seed for request in rig.ask()] == [104, 105]

    async def second(rig):
        assert rig.reserve.take(0)[1].seed == 102
        assert [request.seed for request in rig.ask()] == [104, 105]

    run(tmp_path, first, pads={0: walk})
    run(tmp_path, second)


def test_a_pad_that_cannot_be_rendered_is_found_out_and_the_others_are_filled(tmp_path):
    async def body(rig):
        done = 0
        while len(rig.renderer.spare) > done:
            done = len(rig.renderer.spare)
            job, asked = rig.renderer.spare[-1]
            if any(request.prompt == "xyzzy" for request in asked):
                rig.queue.engine_failed(job, ErrorCode.BAD_ARGUMENTS, "no word is known")
            else:
                await rig.make()
        assert [rig.reserve.level(number) for number in (0, 1, 2)] == [(4, 4), (0, 4), (4, 4)]
        assert rig.reserve.trouble(1) == "no word is known"
        assert done < 16

    run(tmp_path, body, pads={0: KICK, 1: Pad(prompt="xyzzy"), 2: SNARE})


def test_a_pad_that_kills_the_engine_does_so_twice_at_the_most(tmp_path):
    async def body(rig):
        deaths = done = 0
        while len(rig.renderer.spare) > done:
            done = len(rig.renderer.spare)
            if any(request.prompt == "die" for request in rig.ask()):
                deaths += 1
                rig.queue.engine_died("it was ended by signal 9")
                rig.queue.engine_ready()
            else:
                await rig.make()
        assert deaths == 2
        assert rig.reserve.level(0) == (4, 4)

    run(tmp_path, body, pads={0: KICK, 1: Pad(prompt="die")})


def test_an_engine_that_dies_with_somebodys_job_is_not_the_pads_fault(tmp_path):
    async def body(rig):
        rig.queue.submit(KICK.request(seed=1))
        rig.queue.engine_died("it was ended by signal 9")
        rig.queue.engine_ready()
        assert rig.reserve.trouble(0) == ""
        assert prompts(rig) == {"kick": 8}

    run(tmp_path, body, pads={0: KICK})


def test_a_full_disk_stops_the_filling_and_leaves_what_is_there(tmp_path, monkeypatch):
    async def body(rig):
        await rig.make(2)

        def full(*_args, **_kwargs):
            raise DiskFullError("no space left")

        monkeypatch.setattr(rig.folder, "store", full)
        job, _asked = rig.renderer.spare[-1]
        await rig.queue.engine_rendered(job, 2, 5, 0.01, sound(5))
        assert rig.renderer.cancelled_spare == [job]
        rig.queue.engine_cancelled(job)
        assert len(rig.renderer.spare) == 1
        assert rig.reserve.level(0) == (2, 4)
        assert rig.reserve.take(0) is not None

    run(tmp_path, body, pads={0: KICK})


def test_no_more_is_rendered_than_the_disk_may_hold(tmp_path):
    size = len(sound(1))

    async def body(rig):
        await rig.fill()
        assert len(rig.folder.contents()) == 8

    run(tmp_path, body, pads={n: Pad(prompt=f"kick {n}") for n in range(16)}, most_bytes=8 * size)


def test_what_a_killed_daemon_left_half_written_is_swept(tmp_path):
    async def first(rig):
        await rig.fill()

    run(tmp_path, first, pads={0: KICK})
    folder = tmp_path / "samples" / ".oneshot-reserve"
    (folder / ("ab" * 8 + ".part")).write_bytes(b"RIF")
    (folder / "my notes.txt").write_text("not ours")

    async def second(rig):
        assert rig.reserve.level(0) == (4, 4)
        assert {path.suffix for path in folder.iterdir()} == {".reserve", ".txt"}

    run(tmp_path, second)


def test_reports_of_a_batch_that_is_forgotten_do_no_harm(tmp_path):
    async def body(rig):
        await rig.queue.engine_rendered(JobId("spare-old"), 0, 1, 0.01, sound(1))
        rig.queue.engine_done(JobId("spare-old"))
        rig.queue.engine_failed(JobId("spare-old"), ErrorCode.ENGINE_FAILED, "x")
        assert rig.folder.contents() == []
        assert rig.events == []

    run(tmp_path, body, pads={0: KICK})


def test_two_pads_of_one_recipe_share_their_sounds(tmp_path):
    async def body(rig):
        await rig.fill()
        assert [rig.reserve.level(number) for number in (0, 1)] == [(4, 4), (4, 4)]
        assert len(rig.folder.contents()) == 8

    run(tmp_path, body, pads={0: KICK, 1: KICK})


def test_a_sound_in_reserve_can_be_touched(tmp_path):
    async def body(rig):
        await rig.fill()
        _, waiting = rig.reserve.take(0)
        touch_wav(waiting.path.read_bytes(), KICK.touch(0.5))

    run(tmp_path, body, pads={0: KICK})
