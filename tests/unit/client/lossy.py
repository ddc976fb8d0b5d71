"""A daemon's OSC server on a thread, reached through a UDP proxy that loses packets."""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from oneshot_server.domain.events import (
    Done,
    Failed,
    JobId,
    LoraReady,
    Progress,
    SamplePublished,
    TrainingProgress,
)
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import ErrorCode
from oneshot_server.transports.osc.fake_core import FakeCore
from oneshot_server.transports.osc.fake_midi import FakeMidi
from oneshot_server.transports.osc.server import start_osc_server


class PlayingCore(FakeCore):
    """Ends its jobs by itself: ``broken`` fails, ``endless`` does not end."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled: list[JobId] = []

    def submit(self, request: GenerateRequest) -> JobId:
        job = super().submit(request)
        asyncio.get_running_loop().call_soon(self._play, job, request)
        return job

    def trigger_pad(self, pad: int, velocity: float) -> JobId:
        job = super().trigger_pad(pad, velocity)
        request = GenerateRequest(prompt=f"pad {pad}")
        asyncio.get_running_loop().call_soon(self._play, job, request)
        return job

    def train(self, dataset: str) -> JobId:
        job = super().train(dataset)
        asyncio.get_running_loop().call_soon(self._train, job, dataset)
        return job

    def cancel(self, job: JobId) -> None:
        super().cancel(job)
        self.cancelled.append(job)

    def _play(self, job: JobId, request: GenerateRequest) -> None:
        self.emit(Progress(job=job, fraction=0.5, stage="sampling"))
        if "broken" in request.prompt:
            self.emit(Failed(job=job, code=ErrorCode.DISK_FULL, text="no space left"))
            return
        for index in range(request.count):
            path = f"/s/{request.prompt}_{index}.wav"
            seed = request.seed_of(index)
            self.emit(SamplePublished(job=job, index=index, path=path, seed=seed, seconds=0.5))
        if "endless" not in request.prompt:
            self.emit(Done(job=job, count=request.count, milliseconds=5))

    def _train(self, job: JobId, dataset: str) -> None:
        self.emit(TrainingProgress(job=job, fraction=0.5, step=40, loss=0.25))
        self.emit(LoraReady(job=job, name=dataset, version=1))
        self.emit(Done(job=job, count=1, milliseconds=5))


class _Proxy(asyncio.DatagramProtocol):
    """Each client gets a socket of its own towards the server; ``loss`` goes both ways."""

    def __init__(self, server: int, loss: float) -> None:
        self._server = server
        self._loss = loss
        self._random = random.Random(7)
        self._tasks: set[asyncio.Task[None]] = set()
        self._onward: dict[tuple[str, int], asyncio.Future[asyncio.DatagramTransport]] = {}

    def connection_made(self, transport):
        self._transport = transport

    def lost(self) -> bool:
        return self._random.random() < self._loss

    def datagram_received(self, data, addr):
        if not self.lost():
            task = asyncio.create_task(self._forward(data, addr))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, data, addr):
        if addr not in self._onward:
            self._onward[addr] = asyncio.get_running_loop().create_future()
            back = _Back(self, self._transport, addr)
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: back, remote_addr=("127.0.0.1", self._server)
            )
            self._onward[addr].set_result(transport)
        (await self._onward[addr]).sendto(data)

    def close(self):
        self._transport.close()
        for onward in self._onward.values():
            onward.result().close()


class _Back(asyncio.DatagramProtocol):
    def __init__(self, proxy, transport, client):
        self._proxy = proxy
        self._transport = transport
        self._client = client

    def datagram_received(self, data, addr):
        if not self._proxy.lost():
            self._transport.sendto(data, self._client)


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server that runs: what it is asked for, and the proxy's port."""

    core: PlayingCore
    port: int


@contextmanager
def served(loss: float = 0.0) -> Iterator[Served]:
    """A server until the context ends."""
    core = PlayingCore()
    started: list[Served] = []
    ready, ended = threading.Event(), threading.Event()

    async def body() -> None:
        server = await start_osc_server(core, FakeMidi(), "127.0.0.1", 0, version="1.2")
        transport, proxy = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Proxy(server.port, loss), local_addr=("127.0.0.1", 0)
        )
        started.append(Served(core=core, port=transport.get_extra_info("sockname")[1]))
        ready.set()
        await asyncio.to_thread(ended.wait)
        proxy.close()
        server.stop()
        await asyncio.sleep(0)

    thread = threading.Thread(target=asyncio.run, args=(body(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield started[0]
    finally:
        ended.set()
        thread.join()
