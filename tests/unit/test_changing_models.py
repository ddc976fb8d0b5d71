"""Changing the model of a running daemon, with fake engines in processes of their own."""

import asyncio
import socket
import sys
import wave
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from oneshot_server.app import Daemon, running_daemon
from oneshot_server.domain.events import (
    Cancelled,
    Done,
    Failed,
    JobId,
    SamplePublished,
)
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine.fake import tiny_wav
from oneshot_server.errors import ErrorCode, NotFoundError
from oneshot_server.library.home import Home
from oneshot_server.settings import OscSettings, Settings, WebSettings

FAKE = [sys.executable, "-m", "oneshot_server.engine.fake"]
TERMINAL = (Done, Failed, Cancelled)
MODELS = ("other", "third", "broken", "deadly", "large", "enormous", "endless")


class Rig:
    """A daemon, and all the events that it has told."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.core = daemon.core
        self.ends: Counter[JobId] = Counter()
        self.order: list[JobId] = []
        daemon.core.subscribe(self._hear)

    def _hear(self, event: object) -> None:
        if isinstance(event, TERMINAL):
            self.ends[event.job] += 1
            self.order.append(event.job)

    async def end(self, job: JobId) -> object:
        await until(lambda: self.ends[job] > 0)
        return next(e for e in self.core.history(job) if isinstance(e, TERMINAL))

    def generate(self, prompt: str = "kick", count: int = 1, seed: int = 5) -> JobId:
        return self.core.submit(GenerateRequest(prompt=prompt, count=count, seed=seed))

    def made_by(self, job: JobId) -> set[str]:
        """Names of the models that made the job's sounds."""
        found = set()
        for event in self.core.history(job):
            if isinstance(event, SamplePublished):
                with wave.open(event.path) as file:
                    mark = file.readframes(2)[2:]
                models = ("fake", *MODELS)
                found |= {m for m in models if tiny_wav(0, m)[46:48] == mark}
        return found

    def engines(self) -> int:
        children = psutil.Process().children()  # which reads sounds for the library, too
        return sum("oneshot_server.engine.fake" in child.cmdline() for child in children)


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)


def run(home: Path, body: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        for name in MODELS:
            (home / "models" / name).mkdir(parents=True)
            (home / "models" / name / "oneshot.json").touch()
        settings = Settings(osc=OscSettings(port=port), web=WebSettings(enabled=False))
        async with running_daemon(settings, Home(home), command=FAKE) as daemon:
            rig = Rig(daemon)
            await body(rig)
        assert all(count == 1 for count in rig.ends.values())

    asyncio.run(main())


def test_jobs_accepted_before_are_made_by_the_old_model_and_later_ones_by_the_new(tmp_path):
    async def body(rig):
        before = [rig.generate("slow kick", seed=n) for n in range(3)]
        change = rig.core.change_model("other")
        end = await rig.end(change)
        assert isinstance(end, Done)
        assert rig.core.status().model == "other"
        assert rig.engines() == 1  # the old one's memory is given back
        after = rig.generate()
        await rig.end(after)
        assert [rig.made_by(job) for job in before] == [{"fake"}] * 3
        assert rig.made_by(after) == {"other"}
        assert rig.order == [*before, change, after]
        assert rig.core._trainings.workshop.model == tmp_path / "models" / "other"
        details = {item.name: item.detail for item in rig.core.list_items("models")}
        assert details["other"].startswith("loaded; ")

    run(tmp_path, body)


def test_what_comes_between_is_held_and_made_by_the_new_model(tmp_path):
    async def body(rig):
        hanging = rig.generate("hang")
        change = rig.core.change_model("other")
        await until(lambda: rig.core._queue._drained is not None)  # loaded, waiting for the job
        held = [rig.generate(seed=n) for n in range(3)]
        assert len(rig.core._queue) == 4
        rig.core.cancel(held[1])
        rig.core.cancel(hanging)
        assert isinstance(await rig.end(change), Done)
        await rig.end(held[2])
        assert rig.made_by(held[0]) | rig.made_by(held[2]) == {"other"}
        assert isinstance(await rig.end(held[1]), Cancelled)

    run(tmp_path, body)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("broken", "the model is broken"),
        ("deadly", "the model is deadly"),
        ("enormous", "no memory"),
    ],
)
def test_a_model_that_cannot_be_loaded_leaves_the_old_one_playing(tmp_path, name, why):
    async def body(rig):
        before = rig.generate("slow kick")
        failed = await rig.end(rig.core.change_model(name))
        assert isinstance(failed, Failed)
        assert failed.code is ErrorCode.ENGINE_FAILED
        assert why in failed.text
        after = rig.generate()
        await rig.end(after)
        assert rig.made_by(before) == rig.made_by(after) == {"fake"}
        assert rig.engines() == 1

    run(tmp_path, body)


def test_two_models_that_do_not_fit_together_are_loaded_one_after_the_other(tmp_path):
    async def body(rig):
        before = rig.generate("slow kick")
        assert isinstance(await rig.end(rig.core.change_model("large")), Done)
        after = rig.generate()
        await rig.end(after)
        assert rig.made_by(before) == {"fake"}
        assert rig.made_by(after) == {"large"}
        assert rig.engines() == 1

    run(tmp_path, body)


def test_the_last_of_several_changes_wins(tmp_path):
    async def body(rig):
        await rig.end(rig.generate())
        changes = [rig.core.change_model(name) for name in ("endless", "endless", "other", "third")]
        ends = [await rig.end(change) for change in changes]
        assert [type(end) for end in ends] == [Cancelled, Cancelled, Cancelled, Done]
        assert rig.core.status().model == "third"
        assert rig.engines() == 1

    run(tmp_path, body)


def test_a_change_is_cancelled_even_before_it_has_begun(tmp_path):
    async def body(rig):
        change = rig.core.change_model("other")
        rig.core.cancel(change)
        assert isinstance(await rig.end(change), Cancelled)
        change = rig.core.change_model("endless")
        await asyncio.sleep(0)
        rig.core.cancel(change)
        assert isinstance(await rig.end(change), Cancelled)
        with pytest.raises(NotFoundError):
            rig.core.cancel(change)
        job = rig.generate()
        await rig.end(job)
        assert rig.made_by(job) == {"fake"}

    run(tmp_path, body)


def test_an_engine_that_dies_after_a_change_comes_back_with_the_new_model(tmp_path):
    async def body(rig):
        await rig.end(rig.core.change_model("large"))
        await rig.end(rig.core.change_model("other"))
        await rig.end(rig.core.change_model("large"))
        await rig.end(rig.generate("die"))
        job = rig.generate()
        await rig.end(job)
        assert rig.made_by(job) == {"large"}

    run(tmp_path, body)


def test_a_shutdown_ends_a_change(tmp_path):
    seen = []

    async def body(rig):
        rig.core.subscribe(seen.append)
        await rig.end(rig.generate())
        rig.core.change_model("endless")
        await asyncio.sleep(0)

    run(tmp_path, body)
    (end,) = [e for e in seen if isinstance(e, Failed)]
    assert end.code is ErrorCode.CANCELLED_BY_SHUTDOWN


@pytest.mark.parametrize("name", ["nothing", "../models/other", "/", ""])
def test_only_models_of_the_home_are_found_and_the_others_are_named(tmp_path, name):
    async def body(rig):
        with pytest.raises(NotFoundError, match="expected one of: starter, broken, deadly"):
            rig.core.change_model(name)

    run(tmp_path, body)


def test_an_engine_that_was_given_up_is_replaced(tmp_path):
    async def body(rig):
        await rig.end(rig.core.change_model("other"))
        for _ in range(3):
            await rig.end(rig.generate("die"))
        await until(lambda: rig.core.status().state == "failed")
        assert isinstance(await rig.end(rig.core.change_model("other")), Done)
        job = rig.generate()
        await rig.end(job)
        assert rig.made_by(job) == {"other"}

    run(tmp_path, body)
