import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from oneshot_server.app import render_locally, running_daemon
from oneshot_server.domain.events import Cancelled, Done, Failed, SamplePublished
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.domain.reshape import Vary
from oneshot_server.errors import (
    AlreadyRunningError,
    EngineFailedError,
    ErrorCode,
    ForbiddenError,
)
from oneshot_server.library.home import Home
from oneshot_server.settings import OscSettings, SamplesSettings, Settings, WebSettings
from tests.unit.library.sounds import render

FAKE = [sys.executable, "-m", "oneshot_server.engine.fake"]
TERMINAL = (Done, Failed, Cancelled)

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
        for number in range({jobs}):
            daemon.core.submit(GenerateRequest(prompt="slow kick", count=3, seed=100 * number))
        print("accepted", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""

SERVE = """
import asyncio, sys
from pathlib import Path
from oneshot_server.app import serve
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.library.home import Home
from oneshot_server.settings import OscSettings, Settings, WebSettings

def begin(daemon):
    daemon.core.subscribe(lambda e: print(type(e).__name__, getattr(e, "code", ""), flush=True))
    for number in range(3):
        daemon.core.submit(GenerateRequest(prompt="slow kick", count=9, seed=number))

settings = Settings(osc=OscSettings(port={port}), web=WebSettings(enabled=False))
asyncio.run(serve(settings, Home(Path(sys.argv[1])), on_start=begin, command={command!r}))
"""


def free_settings() -> Settings:
    """Settings with a port that nobody has."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        return Settings(osc=OscSettings(port=port), web=WebSettings(enabled=False))


async def until_ended(daemon, jobs):
    ends: Counter[str] = Counter()
    while sum(ends.values()) < len(jobs):
        ends = Counter(
            job for job in jobs for e in daemon.core.history(job) if isinstance(e, TERMINAL)
        )
        await asyncio.sleep(0.02)
    return ends


def kick(prompt: str = "kick", count: int = 1, seed: int = 5) -> GenerateRequest:
    return GenerateRequest(prompt=prompt, count=count, seed=seed)


def test_a_daemon_renders_into_its_samples_folder(tmp_path):
    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE) as daemon:
            job = daemon.core.submit(kick(count=3))
            await until_ended(daemon, [job])
            samples = [e for e in daemon.core.history(job) if isinstance(e, SamplePublished)]
            assert len(samples) == 3
            assert all(Path(e.path).parent == tmp_path / "samples" for e in samples)
            assert [i.name for i in await daemon.core.recent()] == [
                Path(e.path).name for e in reversed(samples)
            ]

    asyncio.run(body())


def test_sounds_are_made_of_sounds_and_a_parent_that_goes_ends_that_job_alone(tmp_path):
    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE) as daemon:
            first = daemon.core.submit(kick())
            await until_ended(daemon, [first])
            (made,) = (e for e in daemon.core.history(first) if isinstance(e, SamplePublished))

            def vary(file: str, prompt: str = "") -> GenerateRequest:
                reshape = Vary(strength=0.5)
                return GenerateRequest(prompt=prompt, seed=9, reshape=reshape, parent_files=(file,))

            good = daemon.core.submit(vary(Path(made.path).name))
            with pytest.raises(ForbiddenError):
                daemon.core.submit(vary(str(tmp_path.parent / "x.wav")))
            lost = tmp_path / "datasets" / "lost.wav"
            lost.write_bytes(Path(made.path).read_bytes())  # noqa: ASYNC240 - ten milliseconds
            bad = daemon.core.submit(vary(str(lost), "slow zap"))
            lost.unlink()
            await until_ended(daemon, [good, bad])
            (child,) = (e for e in daemon.core.history(good) if isinstance(e, SamplePublished))
            assert Path(child.path).name == "kick_9.wav"
            assert daemon.core.history(bad)[-1].code == ErrorCode.NOT_FOUND
            last = daemon.core.submit(kick())
            await until_ended(daemon, [last])
            assert isinstance(daemon.core.history(last)[-1], Done)

    asyncio.run(body())


def test_a_daemon_knows_what_it_rendered_and_follows_what_is_done_to_it(tmp_path):
    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE) as daemon:
            library, told = daemon.core.library, asyncio.Queue()
            library.subscribe(told.put_nowait)
            await until_ended(daemon, [daemon.core.submit(kick())])
            path = (await daemon.core.recent())[0].detail
            assert (await library.mark(path, stars=3)).stars == 3
            os.rename(path, tmp_path / "samples" / "mine.wav")  # noqa: PTH104 - no Path in coroutines
            paths: list[str] = []
            while paths[-1:] != ["mine.wav"]:
                paths += [sound.path for sound in (await told.get()).now]
            assert [item.name for item in await daemon.core.recent()] == ["mine.wav"]
            assert library.sounds.sound_at("mine.wav").stars == 3

    asyncio.run(body())


def test_a_daemon_that_is_told_to_tidies_its_samples(tmp_path):
    (tmp_path / "samples").mkdir()
    old = tmp_path / "samples" / "old.wav"
    old.write_bytes(render(1))
    os.utime(old, (1000, 1000))

    async def body():
        settings = msgspec.structs.replace(free_settings(), samples=SamplesSettings(keep_days=1))
        async with running_daemon(settings, Home(tmp_path), command=FAKE):
            while old.exists():  # noqa: ASYNC110 - files raise no event here
                await asyncio.sleep(0.02)
        assert (tmp_path / "trash" / "old.wav").read_bytes() == render(1)

    asyncio.run(body())


def test_a_second_daemon_on_the_same_home_is_refused(tmp_path):
    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE):
            with pytest.raises(AlreadyRunningError, match=str(os.getpid())):
                async with running_daemon(free_settings(), Home(tmp_path), command=FAKE):
                    pass

    asyncio.run(body())


def test_a_taken_port_is_named_with_the_key_that_changes_it(tmp_path):
    async def body():
        settings = free_settings()
        async with running_daemon(settings, Home(tmp_path / "a"), command=FAKE):
            with pytest.raises(AlreadyRunningError, match=rf"{settings.osc.port}.*osc\.port"):
                async with running_daemon(settings, Home(tmp_path / "b"), command=FAKE):
                    pass

    asyncio.run(body())


def test_twenty_killed_engines_end_each_job_once_and_the_next_job_works(tmp_path):
    told = []

    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE) as daemon:
            daemon.core.subscribe(lambda e: told.append(e.job) if isinstance(e, TERMINAL) else None)
            for number in range(20):
                victim = daemon.core.submit(kick("slow kick", seed=number))
                while daemon.engine.state != "busy":  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.01)
                daemon.engine._engine._process.kill()
                after = daemon.core.submit(kick(seed=1000 + number))
                ends = await until_ended(daemon, [victim, after])
                assert ends == {victim: 1, after: 1}
                # the victim is rendered by the next engine, ahead of what came later
                assert isinstance(daemon.core.history(victim)[-1], Done)
                assert isinstance(daemon.core.history(after)[-1], Done)

    asyncio.run(body())
    assert len(told) == len(set(told)) == 40


def test_a_job_that_kills_every_engine_is_given_up_and_the_others_are_not(tmp_path):
    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE) as daemon:
            poison, good = daemon.core.submit(kick("die")), daemon.core.submit(kick())
            await until_ended(daemon, [poison, good])
            end = daemon.core.history(poison)[-1]
            assert isinstance(end, Failed)
            assert end.code is ErrorCode.ENGINE_FAILED
            assert "2 times" in end.text
            assert isinstance(daemon.core.history(good)[-1], Done)

    asyncio.run(body())


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX's")
def test_jobs_of_a_daemon_killed_in_the_middle_are_rendered_after_the_restart_none_twice(tmp_path):
    settings = free_settings()
    program = DAEMON.format(port=settings.osc.port, command=FAKE, jobs=10)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE
    ) as daemon:
        assert daemon.stdout.readline() == b"accepted\n"
        samples = tmp_path / "samples"
        deadline = time.monotonic() + 60
        while len(list(samples.glob("*.wav"))) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        daemon.send_signal(signal.SIGKILL)
    before = {path.name for path in samples.glob("*.wav")}
    assert 4 <= len(before) < 30

    async def body():
        async with running_daemon(settings, Home(tmp_path), command=FAKE) as again:
            while again.core.status().queue_length:  # noqa: ASYNC110 - nor has this
                await asyncio.sleep(0.02)

    asyncio.run(body())
    after = [path.name for path in samples.glob("*.wav")]
    assert before <= set(after)
    seeds = sorted(int(name.removesuffix(".wav").split("_")[-1]) for name in after)
    assert seeds == sorted(100 * job + sound for job in range(10) for sound in range(3))
    assert list(samples.glob(".oneshot-*.part")) == []


def test_shutting_down_ends_every_job_and_leaves_no_half_file(tmp_path):
    ends = []

    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE) as daemon:
            daemon.core.subscribe(lambda e: ends.append(e) if isinstance(e, TERMINAL) else None)
            for number in range(5):
                daemon.core.submit(kick("slow kick", count=4, seed=number))

    asyncio.run(body())
    assert [e.code for e in ends] == [ErrorCode.CANCELLED_BY_SHUTDOWN] * 5
    assert list((tmp_path / "samples").glob(".oneshot-*.part")) == []
    assert json.loads((tmp_path / "logs" / "oneshot.log").read_text().splitlines()[0])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups of this kind")
def test_ctrl_c_reaches_the_daemon_and_not_the_engine(tmp_path):
    program = SERVE.format(port=free_settings().osc.port, command=FAKE)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as daemon:
        assert any(line.startswith("Progress") for line in daemon.stdout)
        os.killpg(daemon.pid, signal.SIGINT)  # what a terminal does
        rest = [line for line in daemon.stdout if not line.startswith("Progress")]
    assert daemon.returncode == 0
    assert rest == ["Failed cancelled_by_shutdown\n"] * 3
    log = (tmp_path / "logs" / "oneshot.log").read_text()
    assert "KeyboardInterrupt" not in log
    assert "engine died" not in log


def test_an_engine_that_never_lives_fails_what_waits_and_what_comes_later(tmp_path):
    async def body():
        command = [*FAKE, "--load-failed", "the model is broken"]
        async with running_daemon(free_settings(), Home(tmp_path), command=command) as daemon:
            jobs = [daemon.core.submit(kick()) for _ in range(3)]
            await until_ended(daemon, jobs)
            ends = [daemon.core.history(job)[-1] for job in jobs]
            assert {(e.code, e.text) for e in ends} == {
                (ErrorCode.ENGINE_FAILED, "the model is broken")
            }
            with pytest.raises(EngineFailedError, match="the model is broken"):
                daemon.core.submit(kick())
            assert daemon.core.status().state == "failed"

    asyncio.run(body())


def test_a_folder_that_vanishes_while_running_comes_back(tmp_path):
    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE) as daemon:
            (tmp_path / "samples").rmdir()
            job = daemon.core.submit(kick())
            await until_ended(daemon, [job])
            assert isinstance(daemon.core.history(job)[-1], Done)

    asyncio.run(body())


def test_a_folder_that_cannot_be_written_is_that_jobs_end_alone(tmp_path):
    async def body():
        async with running_daemon(free_settings(), Home(tmp_path), command=FAKE) as daemon:
            samples = tmp_path / "samples"
            samples.rmdir()
            samples.write_text("in the way")
            job = daemon.core.submit(kick())
            await until_ended(daemon, [job])
            assert daemon.core.history(job)[-1].code is ErrorCode.FORBIDDEN
            samples.unlink()
            job = daemon.core.submit(kick())
            await until_ended(daemon, [job])
            assert isinstance(daemon.core.history(job)[-1], Done)

    asyncio.run(body())


def test_rendering_without_a_daemon_puts_the_sounds_where_asked(tmp_path):
    events = []
    asyncio.run(
        render_locally(
            [kick(count=2)],
            Settings(),
            tmp_path,
            events.append,
            home=Home(tmp_path),
            command=FAKE,
        )
    )
    assert isinstance(events[-1], Done)
    assert len(list(tmp_path.glob("*.wav"))) == 2


def test_rendering_without_a_daemon_says_why_the_engine_failed(tmp_path):
    async def body():
        await render_locally(
            [kick()],
            Settings(),
            tmp_path,
            lambda _event: None,
            home=Home(tmp_path),
            command=[*FAKE, "--load-failed", "the model is broken"],
        )

    with pytest.raises(EngineFailedError, match="the model is broken"):
        asyncio.run(body())
