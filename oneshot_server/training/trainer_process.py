"""One trainer process as the daemon sees it: its messages, its log and its end."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Final, Self

import structlog

from oneshot_server.training.messages import FromTrainer, decode_line

log = structlog.get_logger(__name__)

LONGEST_LINE: Final = 16 * 1024 * 1024  # a report on thousands of files
KEPT_LINES: Final = 5
PATIENCE_SECONDS: Final = 20.0  # a checkpoint of a large model is written in that time


class TrainerProcess:
    """A process that was started, with ``start``."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._logger = asyncio.create_task(self._copy_log(), name="trainer log")

    @classmethod
    async def start(cls, command: Sequence[str]) -> Self:
        """Start it, in a process group of its own: the launcher's children end with it.

        Raises:
            OSError: there is no such program.
        """
        options: dict[str, Any] = {} if sys.platform == "win32" else {"start_new_session": True}
        return cls(
            await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                limit=LONGEST_LINE,
                **options,
            )
        )

    async def messages(self) -> AsyncIterator[FromTrainer]:
        """What it says, until it ends."""
        stream = self._process.stdout
        assert stream is not None
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the limit; it is no message of ours
                continue
            if not line:
                return
            message = decode_line(line)
            if message is not None:
                yield message

    async def end(self) -> str:
        """Wait for its end; returns how it ended and what it said last."""
        await self._process.wait()
        await asyncio.wait({self._logger}, timeout=1.0)
        code = self._process.returncode
        lines = " | ".join(self._last_lines)[-500:]
        return f"it ended with status {code}{': ' if lines else ''}{lines}"

    async def stop(self) -> None:
        """End it: ask, so that it can write a checkpoint, then insist."""
        self._signal(signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), PATIENCE_SECONDS)
        # Whatever the launcher has left behind ends here.
        self._signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        await self._process.wait()
        self._logger.cancel()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self._process.terminate()
            else:
                os.killpg(self._process.pid, number)

    async def _copy_log(self) -> None:
        stream = self._process.stderr
        assert stream is not None
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if text:
                self._last_lines.append(text)
                log.info(text, component="trainer")
