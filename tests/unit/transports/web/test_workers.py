import asyncio
import json
import threading
import tracemalloc

import pytest

from oneshot_server.domain.library import LibraryChange, Place
from oneshot_server.errors import BusyError
from oneshot_server.transports.fake_library import sound
from oneshot_server.transports.web import sounds, workers
from oneshot_server.transports.web.workers import Workers
from tests.unit.transports.web.peer import run, until, wav

MORE_THAN_ALL_THREADS = 60


def test_searches_leave_the_threads_alone_that_publish_hits(tmp_path, monkeypatch):
    going_on = threading.Event()

    async def body(web):
        search = web.core.library.sounds.search
        monkeypatch.setattr(
            web.core.library.sounds, "search", lambda query: (going_on.wait(20), search(query))[1]
        )
        asked = [asyncio.create_task(web.ask("GET", "/api/sounds")) for _ in range(4)]
        path = "/api/sounds"
        streams = [await _send(web, path) for _ in range(MORE_THAN_ALL_THREADS)]
        await asyncio.sleep(0.2)
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "published"), 5) == "published"
        going_on.set()
        assert {(await one).status for one in asked} == {200}
        for reader, writer in streams:
            await reader.readuntil(b"\r\n\r\n")
            writer.close()

    run(tmp_path, body)


async def _send(web, path):
    reader, writer = await asyncio.open_connection("127.0.0.1", web.server.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    await writer.drain()
    return reader, writer


def test_what_is_to_be_heard_does_not_wait_for_pictures(tmp_path, monkeypatch):
    going_on = threading.Event()

    def picture(path):
        going_on.wait(20)
        return b"picture"

    monkeypatch.setattr(sounds, "sound_picture", picture)

    async def body(web):
        (web.home / "samples" / "kick_1.wav").write_bytes(wav())
        web.core.library.change(LibraryChange(now=(sound(1),)))
        asked = [asyncio.create_task(web.ask("GET", "/api/sounds/1/picture")) for _ in range(3)]
        await asyncio.sleep(0.1)
        for what in ("audio", "file"):
            heard = await asyncio.wait_for(web.ask("GET", f"/api/sounds/1/{what}"), 5)
            assert heard.content.startswith(b"RIFF")
        going_on.set()
        assert [(await one).content for one in asked] == [b"picture"] * 3

    run(tmp_path, body)


def test_the_map_is_whole_however_many_parts_it_is_made_of(tmp_path):
    count = 2 * sounds.ROWS_AT_ONCE + 1
    places = [Place(number=n, x=n / count, y=-0.5, kind=("kick", "")[n % 2]) for n in range(count)]

    async def body(web):
        for some in ([], places[:1], places):
            web.core.library.sounds.places = lambda some=some: iter(some)
            told = json.loads((await web.ask("GET", "/api/map")).content)
            assert [row[0] for row in told["places"]] == [place.number for place in some]
            assert [told["kinds"][row[3]] for row in told["places"]] == [p.kind for p in some]

    run(tmp_path, body)


def test_the_map_of_many_sounds_takes_little_more_memory_than_its_text(tmp_path):
    count = 50 * sounds.ROWS_AT_ONCE

    async def body(web):
        web.core.library.sounds.places = lambda: (
            Place(number=n + 10**6, x=n / count, y=-n / count) for n in range(count)
        )
        tracemalloc.start()
        try:
            answer = await web.ask("GET", "/api/map")
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # Its parts, the whole of them, and what the client has read.
        assert most < 4.5 * len(answer.content)
        assert len(answer.json["places"]) == count

    run(tmp_path, body)


def test_more_than_can_wait_are_refused_and_the_others_are_answered(monkeypatch):
    monkeypatch.setattr(workers, "MOST_WAITING", 2)
    going_on = threading.Event()

    async def body():
        some = Workers("anything", 1)
        waiting = [asyncio.create_task(some.run(going_on.wait, 20)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="2 requests for anything wait already"):
            await some.run(going_on.wait)
        going_on.set()
        assert await asyncio.gather(*waiting) == [True, True]
        assert await some.run(lambda: "again") == "again"
        await some.stop()

    asyncio.run(body())


def test_stopping_waits_for_what_was_begun_and_begins_nothing_more():
    begun, going_on = threading.Event(), threading.Event()

    def act():
        begun.set()
        going_on.wait(20)

    async def body():
        some = Workers("anything", 1)
        first = asyncio.create_task(some.run(act))
        second = asyncio.create_task(some.run(pytest.fail, "it was begun"))
        await until(begun.is_set)
        stopped = asyncio.create_task(some.stop())
        await asyncio.sleep(0.05)
        assert not stopped.done()
        going_on.set()
        await stopped
        await first
        with pytest.raises(asyncio.CancelledError):
            await second

    asyncio.run(body())
