"""The real server on a port of its own, and requests to it."""

import asyncio
import http.client
import json
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oneshot_server.library.home import Home
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.library.samples_folder import SamplesFolder
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.settings import WebSettings
from oneshot_server.transports.fake_library import FakeLibrary
from oneshot_server.transports.osc.fake_core import FakeCore
from oneshot_server.transports.osc.fake_midi import FakeMidi
from oneshot_server.transports.web.server import WebServer


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True)
class Web:
    server: WebServer
    core: FakeCore
    midi: FakeMidi
    home: Path

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """A request as a program sends it: a body that is no bytes is sent as JSON."""
        return await asyncio.to_thread(self._ask, method, path, body, headers)

    def _ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        with closing(connection):
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())


def run(
    home: Path, test: Callable[[Web], Awaitable[None]], *, token: str = "", **settings: Any
) -> None:
    """Run a test against a server that knows no sound."""

    async def body() -> None:
        core, midi = FakeCore(), FakeMidi()
        for folder in ("samples", "datasets", "loras"):
            (home / folder).mkdir(exist_ok=True)
        core.library = FakeLibrary(home / "samples")
        server = WebServer(
            core,
            midi,
            home=Home(home),
            loras=LoraStore(home / "loras"),
            samples=SamplesFolder(home / "samples"),
            settings=WebSettings(port=0, **settings),
            token=token,
        )
        server.start()
        try:
            await test(Web(server, core, midi, home))
        finally:
            await server.stop()

    asyncio.run(body())


async def until(ready: Callable[[], object]) -> None:
    """Let the server work until something is so."""
    while not ready():  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0.01)


def wav(seconds: float = 0.1, hertz: float = 440.0) -> bytes:
    time = np.arange(int(seconds * 44_100)) / 44_100
    return encode_wav(0.5 * np.sin(2 * np.pi * hertz * time), 44_100, "PCM_16")
