import asyncio
import sys
from collections.abc import Awaitable, Callable

import pytest

from oneshot_server.domain.events import EngineState, JobId
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine import engine_process
from oneshot_server.engine import supervisor as module
from oneshot_server.engine.messages import LONGEST_FRAME
from oneshot_server.engine.supervisor import Supervisor

FAKE = [sys.executable, "-m", "oneshot_server.engine.fake"]


class Recorder:
    """Notes every report and lets a test wait for one."""

    def __init__(self) -> None:
        self.reports: asyncio.Queue[tuple[str, tuple[object, ...]]] = asyncio.Queue()
        self.fails = False

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.reports.put_nowait((name, arguments))

    async def engine_rendered(self, *arguments: object, draft: bool) -> None:
        if self.fails:
            raise ValueError("as asked")
        self.reports.put_nowait(("engine_rendered", (*arguments, draft)))

    async def until(self, name: str) -> tuple[object, ...]:
        while True:
            found, arguments = await asyncio.wait_for(self.reports.get(), 60)
            if found == name:
                return arguments


def run(test: Callable[[Supervisor, Recorder], Awaitable[None]], *options: str) -> None:
    async def body() -> None:
        supervisor = Supervisor(
            [*FAKE, *options], finish=lambda _request: FinishOptions(), subtype="PCM_24"
        )
        recorder = Recorder()
        supervisor.start(recorder)  # type: ignore[arg-type]
        try:
            await test(supervisor, recorder)
        finally:
            await supervisor.stop()

    asyncio.run(body())


def ask(supervisor: Supervisor, prompt: str, count: int = 1) -> None:
    request = GenerateRequest(prompt=prompt, count=count)
    supervisor.render(JobId("j"), request, frozenset())


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(engine_process, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(engine_process, "DRAIN_SECONDS", 0.2)


def test_a_job_comes_back_as_sounds_and_an_end():
    async def body(supervisor, recorder):
        assert supervisor.state is EngineState.STARTING
        await recorder.until("engine_ready")
        assert (supervisor.state, supervisor.model) == (EngineState.READY, "fake")
        ask(supervisor, "kick", count=2)
        assert supervisor.state is EngineState.BUSY
        assert (await recorder.until("engine_rendered"))[:2] == ("j", 0)
        assert (await recorder.until("engine_rendered"))[:2] == ("j", 1)
        await recorder.until("engine_done")
        assert supervisor.state is EngineState.READY

    run(body)


def test_a_running_job_is_cancelled():
    async def body(supervisor, recorder):
        await recorder.until("engine_ready")
        ask(supervisor, "hang")
        await recorder.until("engine_progress")
        supervisor.cancel(JobId("j"))
        assert await recorder.until("engine_cancelled") == ("j",)

    run(body)


def test_an_engine_that_will_not_cancel_is_killed(monkeypatch):
    async def body(supervisor, recorder):
        await recorder.until("engine_ready")
        ask(supervisor, "deaf")
        await recorder.until("engine_progress")
        supervisor.cancel(JobId("j"))
        (ending,) = await recorder.until("engine_died")
        assert "signal 9" in ending
        await recorder.until("engine_ready")

    monkeypatch.setattr(module, "CANCEL_PATIENCE_SECONDS", 0.1)
    run(body)


def test_an_engine_that_cancels_in_time_lives_on(monkeypatch):
    async def body(supervisor, recorder):
        await recorder.until("engine_ready")
        ask(supervisor, "hang")
        await recorder.until("engine_progress")
        supervisor.cancel(JobId("j"))
        await recorder.until("engine_cancelled")
        await asyncio.sleep(0.6)
        assert supervisor.state is EngineState.READY
        assert supervisor._process.returncode is None

    monkeypatch.setattr(module, "CANCEL_PATIENCE_SECONDS", 0.5)
    run(body)


def test_it_is_busy_until_the_last_of_several_jobs_has_ended():
    async def body(supervisor, recorder):
        await recorder.until("engine_ready")
        for name, prompt in (("a", "slow"), ("b", "slow"), ("c", "hang")):
            supervisor.render(JobId(name), GenerateRequest(prompt=prompt), frozenset())
        assert await recorder.until("engine_done") == (JobId("a"),)
        assert supervisor.state is EngineState.BUSY
        supervisor.cancel(JobId("c"))
        assert await recorder.until("engine_done") == (JobId("b"),)
        assert await recorder.until("engine_cancelled") == (JobId("c"),)
        assert supervisor.state is EngineState.READY

    run(body)


@pytest.mark.parametrize(
    ("prompt", "how"),
    [
        ("die", "it ended with status 3"),
        ("garbage", "no message"),
        ("huge", f"no message: a frame of {LONGEST_FRAME + 1} bytes"),
        ("silent", "fell silent"),
        ("orphan", "it ended with status 3"),
    ],
)
def test_an_engine_that_dies_or_talks_nonsense_is_started_again(prompt, how):
    async def body(supervisor, recorder):
        await recorder.until("engine_ready")
        ask(supervisor, prompt)
        (ending,) = await recorder.until("engine_died")
        assert how in ending
        await recorder.until("engine_ready")
        ask(supervisor, "kick")
        await recorder.until("engine_done")

    run(body)


def test_after_five_deaths_in_a_minute_it_gives_up_and_says_why():
    async def body(supervisor, recorder):
        (why,) = await recorder.until("engine_gave_up")
        assert "5 times within a minute" in why
        assert "no such luck" in why
        assert supervisor.state is EngineState.FAILED
        assert supervisor.failure == why

    run(body, "--die-at-start")


def test_an_engine_that_takes_its_time_to_die_is_given_up_too(monkeypatch):
    async def body(_supervisor, recorder):
        (why,) = await recorder.until("engine_gave_up")
        assert "5 times before it was ready" in why

    monkeypatch.setattr(module, "WITHIN_SECONDS", 0.0)
    run(body, "--die-at-start")


def test_a_finished_job_clears_the_count_of_deaths():
    async def body(supervisor, recorder):
        for _ in range(7):
            await recorder.until("engine_ready")
            ask(supervisor, "kick")
            await recorder.until("engine_done")
            ask(supervisor, "die")
            await recorder.until("engine_died")
        assert supervisor.state is not EngineState.FAILED

    run(body)


@pytest.mark.parametrize("then", [[], ["--linger"]])
def test_a_model_that_cannot_be_loaded_is_not_tried_again(then):
    async def body(supervisor, recorder):
        assert await recorder.until("engine_gave_up") == ("the model is broken",)
        assert supervisor.state is EngineState.FAILED

    run(body, "--load-failed", "the model is broken", *then)


def test_a_report_that_fails_is_the_end_of_that_engine_and_not_of_the_supervisor():
    async def body(supervisor, recorder):
        await recorder.until("engine_ready")
        recorder.fails = True
        ask(supervisor, "kick")
        (ending,) = await recorder.until("engine_died")
        assert ending.startswith("its Rendered failed: ValueError: as asked")
        recorder.fails = False
        await recorder.until("engine_ready")
        ask(supervisor, "kick")
        await recorder.until("engine_done")

    run(body)


def test_an_engine_that_cannot_be_started_is_a_death_with_a_reason():
    async def body(_supervisor, _recorder):
        recorder = Recorder()
        broken = Supervisor(
            ["/nonexistent/python"], finish=lambda _request: FinishOptions(), subtype="PCM_24"
        )
        broken.start(recorder)
        (why,) = await recorder.until("engine_gave_up")
        assert "cannot be started" in why
        await broken.stop()

    run(body)


def test_stopping_ends_a_process_that_hangs():
    async def body(supervisor, recorder):
        await recorder.until("engine_ready")
        ask(supervisor, "hang")
        await recorder.until("engine_progress")
        process = supervisor._process
        await supervisor.stop()
        assert process.returncode is not None

    run(body)
