"""A daemon with drafts: told at once, made better when nobody waits, whole whatever happens."""

import asyncio
import signal
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from oneshot_server.app import render_locally, running_daemon
from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobEvent,
    Notice,
    NoticeCode,
    Progress,
    SampleImproved,
    SamplePublished,
)
from oneshot_server.domain.pads import Pad
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import ErrorCode
from oneshot_server.library.home import Home
from oneshot_server.settings import Settings
from tests.unit.test_app import FAKE, free_settings, kick, until_ended

DAEMON = """
import asyncio, sys
from pathlib import Path
from oneshot_server.app import running_daemon
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.library.home import Home
from oneshot_server.settings import OscSettings, Settings, WebSettings

async def main():
    settings = Settings(osc=OscSettings(port={port}), web=WebSettings(enabled=False))
    async with running_daemon(settings, Home(Path(sys.argv[1])), command={command!r}) as daemon:
        daemon.core.subscribe(lambda e: print(type(e).__name__, flush=True))
        daemon.core.submit(
            GenerateRequest(prompt="later hang kick", seed=5, quality="draft-then-best")
        )
        await asyncio.sleep(600)

asyncio.run(main())
"""


def drafts(prompt: str = "kick", count: int = 1) -> GenerateRequest:
    return GenerateRequest(prompt=prompt, count=count, seed=5, quality="draft-then-best")


def is_better(path: str | Path) -> bool:
    with wave.open(str(path)) as file:
        return file.readframes(3)[4:] == b"\1\0"


class Watch:
    """What a daemon tells, and a way to wait for some of it."""

    def __init__(self, daemon) -> None:
        self.events: list[JobEvent] = []
        self._came = asyncio.Event()
        daemon.core.subscribe(self._take)

    def _take(self, event: JobEvent) -> None:
        self.events.append(event)
        self._came.set()

    async def until(self, kind: type) -> JobEvent:
        while True:
            for event in self.events:
                if isinstance(event, kind):
                    return event
            self._came.clear()
            await asyncio.wait_for(self._came.wait(), 60)

    def lasting(self, job: str) -> list[type]:
        return [type(e) for e in self.events if e.job == job and not isinstance(e, Progress)]


def test_drafts_are_there_at_once_and_better_ones_come_into_the_same_files(tmp_path):
    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE) as daemon:
            watch = Watch(daemon)
            job = daemon.core.submit(drafts("later slow kick", count=2))
            draft = await watch.until(SamplePublished)
            assert draft.draft
            assert not is_better(draft.path)
            await until_ended(daemon, [job])
            published = [e for e in watch.events if isinstance(e, SamplePublished)]
            improved = [e for e in watch.events if isinstance(e, SampleImproved)]
            assert [(e.index, e.path, e.seed) for e in published] == [
                (e.index, e.path, e.seed) for e in improved
            ]
            assert all(is_better(e.path) for e in improved)
            kinds = [Accepted, *[SamplePublished] * 2, *[SampleImproved] * 2, Done]
            assert watch.lasting(job) == kinds
            assert [type(e) for e in daemon.core.history(job)] == kinds
        assert sorted(p.name for p in (tmp_path / "samples").iterdir() if p.is_file()) == sorted(
            Path(e.path).name for e in published
        )

    asyncio.run(body())


def test_whoever_waits_for_a_first_sound_does_not_wait_for_better_ones(tmp_path):
    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE) as daemon:
            watch = Watch(daemon)
            hanging = daemon.core.submit(drafts("later hang kick"))
            await watch.until(SamplePublished)
            others = [daemon.core.submit(kick(seed=seed)) for seed in (1, 2)]
            await until_ended(daemon, others)
            assert [type(daemon.core.history(job)[-1]) for job in others] == [Done, Done]
            assert type(daemon.core.history(hanging)[-1]) is SamplePublished
            assert daemon.core.status().queue_length == 1
            daemon.core.cancel(hanging)
            await until_ended(daemon, [hanging])
            draft, end = daemon.core.history(hanging)[-2:]
            assert type(end) is Cancelled
            assert not is_better(draft.path)

    asyncio.run(body())


def test_a_better_one_that_is_broken_leaves_the_draft_and_a_remark(tmp_path):
    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE) as daemon:
            watch = Watch(daemon)
            job = daemon.core.submit(drafts("flawed kick"))
            await until_ended(daemon, [job])
            assert watch.lasting(job) == [Accepted, SamplePublished, Notice, Done]
            assert (await watch.until(Notice)).code == NoticeCode.DRAFT_STAYS
            assert not is_better((await watch.until(SamplePublished)).path)

    asyncio.run(body())


def test_one_that_kills_every_engine_ends_with_its_draft_and_the_next_job_works(tmp_path):
    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE) as daemon:
            watch = Watch(daemon)
            poison = daemon.core.submit(drafts("later die kick"))
            await watch.until(SamplePublished)
            good = daemon.core.submit(kick())
            await until_ended(daemon, [poison, good])
            end = daemon.core.history(poison)[-1]
            assert type(end) is Failed
            assert end.code == ErrorCode.ENGINE_FAILED
            assert not is_better((await watch.until(SamplePublished)).path)
            assert type(daemon.core.history(good)[-1]) is Done

    asyncio.run(body())


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX's")
def test_a_daemon_killed_in_between_leaves_a_whole_draft_and_the_next_one_makes_it_better(tmp_path):
    settings: Settings = free_settings()
    program = DAEMON.format(port=settings.osc.port, command=FAKE)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as daemon:
        assert any(line == "SamplePublished\n" for line in daemon.stdout)
        assert daemon.stdout.readline() == "Progress\n"  # of what is to be better
        daemon.send_signal(signal.SIGKILL)
    (path,) = (tmp_path / "samples").glob("*.wav")
    assert not is_better(path)

    async def body():
        async with running_daemon(settings, Home(tmp_path), command=FAKE) as again:
            watch = Watch(again)
            progress = await watch.until(Progress)
            again.core.cancel(progress.job)
            await until_ended(again, [progress.job])
            kinds = [type(event) for event in again.core.history(progress.job)]
            assert kinds == [Accepted, SamplePublished, Cancelled]

    asyncio.run(body())
    files = [file.name for file in (tmp_path / "samples").iterdir() if file.is_file()]
    assert files == [path.name]
    assert not is_better(path)


def test_a_hit_is_answered_by_its_draft_and_what_is_in_reserve_is_best_at_once(tmp_path):
    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE) as daemon:
            watch = Watch(daemon)
            daemon.core.load_kit("house")
            for number in range(16):
                daemon.core.set_pad(number, "prompt", "")
            daemon.core.set_pad(0, "prompt", "kick")
            daemon.core.set_pad(0, "quality", "draft-then-best")
            assert daemon.core.pad(0).request(seed=1).quality == "draft-then-best"
            missed = daemon.core.trigger_pad(0, 1.0)
            await until_ended(daemon, [missed])
            assert SampleImproved in watch.lasting(missed)
            while daemon.core.pad_level(0).have == 0:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.02)
            hit = daemon.core.trigger_pad(0, 1.0)
            assert watch.lasting(hit) == [Accepted, SamplePublished, Done]
            (published,) = (e for e in daemon.core.history(hit) if isinstance(e, SamplePublished))
            assert not published.draft

    asyncio.run(body())
    assert Pad().quality == "quick"


def test_without_a_daemon_it_is_the_same(tmp_path):
    events: list[JobEvent] = []
    folder = tmp_path / "out"
    asyncio.run(
        render_locally(
            [drafts()], Settings(), folder, events.append, home=Home(tmp_path), command=FAKE
        )
    )
    kinds = [type(e) for e in events if not isinstance(e, Progress)]
    assert kinds == [Accepted, SamplePublished, SampleImproved, Done]
    assert is_better(folder / "kick_5.wav")
