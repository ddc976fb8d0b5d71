"""One engine process: its pipes, its frames, its log and its end."""

import asyncio
import subprocess
import sys
from asyncio.subprocess import SubprocessStreamProtocol
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Self

import msgspec
import structlog

from oneshot_server.engine.messages import (
    HEADER,
    LONGEST_FRAME,
    FromEngine,
    Message,
    decode_from_engine,
    encode,
)

log = structlog.get_logger(__name__)

PATIENCE_SECONDS: Final = 3.0
DRAIN_SECONDS: Final = 1.0
BUFFER_BYTES: Final = 64 * 1024
KEPT_LINES: Final = 5


class _Pipes(SubprocessStreamProtocol):
    """Streams, and the moment at which the process ends.

    ``asyncio.subprocess.Process.wait`` lasts until the pipes are closed too, and a process that the
    engine had started may hold them open for ever.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=BUFFER_BYTES, loop=loop)
        self.ended = asyncio.Event()
        self._event_loop = loop
        self._subprocess: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._subprocess = transport

    def process_exited(self) -> None:
        super().process_exited()
        self.ended.set()
        assert self._subprocess is not None
        # What it said last is still in the pipes.
        self._event_loop.call_later(DRAIN_SECONDS, self._subprocess.close)


class EngineProcess:
    """A process that was started, with ``start``."""

    def __init__(self, transport: asyncio.SubprocessTransport, pipes: _Pipes) -> None:
        self._transport = transport
        self._pipes = pipes
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._logger = asyncio.create_task(self._copy_log(), name="engine log")

    @classmethod
    async def start(cls, command: Sequence[str]) -> Self:
        """Start it.

        Raises:
            OSError: there is no such program.
        """
        loop = asyncio.get_running_loop()
        transport, pipes = await loop.subprocess_exec(
            lambda: _Pipes(loop),
            *command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **_apart(),
        )
        return cls(transport, pipes)

    @property
    def returncode(self) -> int | None:
        """How it ended; ``None`` while it lives."""
        return self._transport.get_returncode()

    def send(self, message: Message) -> None:
        """Send a message; a broken pipe is a death, which ``receive`` tells."""
        if self._pipes.stdin is not None:
            with suppress(ConnectionError, RuntimeError):
                self._pipes.stdin.write(encode(message))

    async def receive(self) -> FromEngine | None:
        """The next message; ``None`` when no more will come.

        Raises:
            msgspec.DecodeError: what came is none.
        """
        assert self._pipes.stdout is not None
        try:
            (size,) = HEADER.unpack(await self._pipes.stdout.readexactly(HEADER.size))
            if size > LONGEST_FRAME:
                raise msgspec.DecodeError(f"a frame of {size} bytes")
            return decode_from_engine(await self._pipes.stdout.readexactly(size))
        except asyncio.IncompleteReadError:
            return None

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            self._transport.kill()

    async def end(self, trouble: str = "") -> str:
        """See it end, by force if it will not.

        Args:
            trouble: why it must, if that is known better here.

        Returns:
            How it ended, and what it said last.
        """
        if trouble:
            self.kill()
        if not await self._ends():
            trouble = trouble or "it fell silent and had to be killed"
            self.kill()
            await self._ends()
        await self._close()
        lines = " | ".join(self._last_lines)[-500:]
        return f"{trouble or _describe(self.returncode)}{': ' if lines else ''}{lines}"

    async def stop(self) -> None:
        """End it: ask, then insist."""
        if self._pipes.stdin is not None:
            self._pipes.stdin.close()
        if not await self._ends():
            with suppress(ProcessLookupError):
                self._transport.terminate()
            if not await self._ends():
                self.kill()
                await self._ends()
        await self._close()

    async def _ends(self) -> bool:
        """Whether it has ended after a while."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._pipes.ended.wait(), PATIENCE_SECONDS)
        return self._pipes.ended.is_set()

    async def _close(self) -> None:
        # Waited for, not awaited: who is cancelled here must not cancel the log with it.
        await asyncio.wait({self._logger}, timeout=DRAIN_SECONDS)
        self._transport.close()
        await asyncio.wait({self._logger}, timeout=DRAIN_SECONDS)

    async def _copy_log(self) -> None:
        stream = self._pipes.stderr
        assert stream is not None
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the reader's limit; it is dropped
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if text:
                self._last_lines.append(text)
                log.info(text, component="engine")


def _apart() -> dict[str, Any]:
    """Options for a process group of its own: Ctrl-C is for the daemon, which ends the engine."""
    options: dict[str, Any] = {}
    if sys.platform == "win32":
        options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        options["process_group"] = 0
    return options


def _describe(code: int | None) -> str:
    if code is None:
        return "it cannot be killed"
    return f"it was ended by signal {-code}" if code < 0 else f"it ended with status {code}"
