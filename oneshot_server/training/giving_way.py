"""Between two micro-batches: wait while somebody wants a sound, stop when asked or orphaned."""

import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

POLL_SECONDS: Final = 0.01
PARENT_SECONDS: Final = 1.0  # between two looks for the parent


class StoppedError(Exception):
    """The trainer is to end now; a checkpoint is welcome, a message is not."""


@dataclass(kw_only=True)
class GiveWay:
    """Asked between two micro-batches.

    Attributes:
        pause_file: while it is there, ``check`` waits; ``None`` for none.
        parent: number of the process without which this one ends; 0 for none.
        stopping: somebody has asked this process to end.
        waited: seconds spent waiting.
    """

    pause_file: Path | None
    parent: int
    stopping: bool = False
    waited: float = 0.0
    _launcher: int = field(default_factory=os.getppid)
    _looked: float = 0.0

    def listen(self) -> None:
        """Let SIGTERM and SIGINT stop it."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)

    def check(self) -> None:
        """Wait as long as asked.

        Raises:
            StoppedError: asked to stop, or nobody is left to train for.
        """
        self._check_alive()
        if self.pause_file is None or not self.pause_file.exists():
            return
        began = time.monotonic()
        while self.pause_file.exists():
            time.sleep(POLL_SECONDS)
            self._check_alive()
        self.waited += time.monotonic() - began

    def _check_alive(self) -> None:
        if self.stopping:
            raise StoppedError("asked to stop")
        now = time.monotonic()
        if not self.parent or now - self._looked < PARENT_SECONDS:
            return
        self._looked = now
        # A launcher stands between: without it another trainer may be started in our place.
        if not is_alive(self.parent) or os.getppid() != self._launcher:
            raise StoppedError("the daemon is gone")

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True


def is_alive(pid: int) -> bool:
    """Whether a process is there."""
    if sys.platform == "win32":
        # os.kill would end it there; a handle that cannot be opened is a process that is gone.
        import ctypes

        synchronise, running = 0x00100000, 0x00000102
        handle = ctypes.windll.kernel32.OpenProcess(synchronise, False, pid)
        if not handle:
            return False
        state = ctypes.windll.kernel32.WaitForSingleObject(handle, 0)
        ctypes.windll.kernel32.CloseHandle(handle)
        return bool(state == running)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
