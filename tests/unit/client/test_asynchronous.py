import asyncio

import pytest

from oneshot_server.client import AsyncOneshot
from oneshot_server.domain.events import LoraReady
from oneshot_server.errors import BusyError, DiskFullError, NoAnswerError, NotFoundError
from tests.unit.client.lossy import Served, served


def run(scenario, loss=0.0):
    async def body(daemon: Served):
        async with AsyncOneshot(port=daemon.port) as oneshot:
            await scenario(daemon, oneshot)

    with served(loss) as daemon:
        asyncio.run(body(daemon))


def test_the_sounds_come_one_by_one():
    async def scenario(daemon, oneshot):
        paths = [sound.path async for sound in await oneshot.generate("kick", count=2)]
        assert paths == ["/s/kick_0.wav", "/s/kick_1.wav"]

    run(scenario)


def test_a_hit_and_a_training():
    async def scenario(daemon, oneshot):
        daemon.core.pads[3] = daemon.core.pads[3].with_value("prompt", "snare")
        assert (await anext(await oneshot.trigger(3, 0.5))).path == "/s/pad 3_0.wav"
        assert daemon.core.hits == [(3, 0.5)]
        last = [event async for event in await oneshot.train("my kicks")][-1]
        assert isinstance(last, LoraReady)
        assert len(await oneshot.ask("/oneshot/list", "loras")) == 2

    run(scenario)


def test_errors_are_those_of_the_blocking_client():
    async def scenario(daemon, oneshot):
        with pytest.raises(NotFoundError, match="pad 5 is empty"):
            await oneshot.trigger(5)
        with pytest.raises(DiskFullError):
            await anext(await oneshot.generate("broken"))
        daemon.core.full = True
        with pytest.raises(BusyError):
            await oneshot.generate("kick")

    run(scenario)


def test_a_task_that_is_cancelled_cancels_its_job():
    async def scenario(daemon, oneshot):
        looked_at = asyncio.Event()

        async def play():
            async with await oneshot.generate("endless kick") as job:
                async for _ in job:
                    looked_at.set()

        task = asyncio.create_task(play())
        await looked_at.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await oneshot.ask("/oneshot/list", "loras")  # what was sent before has come
        assert daemon.core.cancelled == ["job-0"]

    run(scenario)


def test_of_40_tasks_with_a_fifth_of_all_packets_lost_each_gets_its_sound_once():
    async def scenario(daemon, oneshot):
        async def play(number):
            return [sound.path async for sound in await oneshot.generate(f"kick {number}")]

        paths = await asyncio.gather(*(play(number) for number in range(40)))
        assert paths == [[f"/s/kick {number}_0.wav"] for number in range(40)]
        assert len(daemon.core.submitted) == 40

    run(scenario, loss=0.2)


def test_where_no_daemon_is_an_error_says_so(unused_port):
    async def body():
        async with AsyncOneshot(port=unused_port) as oneshot:
            with pytest.raises(NoAnswerError, match="start it with oneshot serve"):
                await oneshot.generate("kick")

    asyncio.run(body())


def test_it_is_opened_by_async_with():
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(AsyncOneshot().generate("kick"))
