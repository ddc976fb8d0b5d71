import asyncio
from dataclasses import replace

import pytest

from oneshot_server.transports.osc.fake_core import FakeCore
from oneshot_server.transports.web import events
from oneshot_server.transports.web.events import Events, encode
from tests.unit.transports.web.peer import run


def test_a_page_that_is_too_slow_is_told_that_it_has_lost_some_and_then_what_is_new(monkeypatch):
    monkeypatch.setattr(events, "MOST_WAITING", 8)

    async def body():
        told = Events(FakeCore())
        stream = told.stream()
        await anext(stream)
        for number in range(10):
            told.tell("sample", number)
        received = [await anext(stream) for _ in range(3)]
        assert received == [encode("lost", {}), encode("sample", 8), encode("sample", 9)]
        await told.stop()

    asyncio.run(body())


def test_what_changes_without_an_event_is_told_once(monkeypatch):
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.001)

    async def body():
        core = FakeCore()
        told = Events(core)
        stream = told.stream()
        first = (await anext(stream)).decode()
        assert "event: status" in first
        assert "event: pads" in first
        while b"event: pads" not in await anext(stream):  # all states, as they are followed now
            pass
        now = replace(core.status(), queue_length=7)
        core.status = lambda: now
        assert b'"queue_length":7' in await asyncio.wait_for(anext(stream), 10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.1)
        await told.stop()

    asyncio.run(body())


def test_no_more_pages_listen_than_can_be_told(tmp_path, monkeypatch):
    monkeypatch.setattr(events, "MOST_CLIENTS", 1)

    async def body(web):
        statuses, writers = [], []
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", web.server.port)
            writer.write(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            statuses.append(await reader.readline())
            await reader.readuntil(b"\r\n\r\n")
            writers.append(writer)
        assert b"200" in statuses[0]
        assert b"503" in statuses[1]
        for writer in writers:
            writer.close()

    run(tmp_path, body)
