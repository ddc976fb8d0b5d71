"""An exclusive lock on a file, held by a process and let go by the system when that ends."""

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oneshot_server.errors import DiskFullError, ForbiddenError

NOTE_BYTES: Final = 500
# Windows keeps others from reading what is locked, so the lock lies behind the process number.
LOCKED_BYTE: Final = 1024
# ``read_holder`` holds the lock for a moment; a daemon that starts just then must not give up.
TRIES: Final = 3
PAUSE_SECONDS: Final = 0.03


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a lock.

    Attributes:
        pid: of the process; 0 if the file does not say.
        note: what the process has to say, a line.
    """

    pid: int
    note: str


class LockedError(Exception):
    """Another process holds the lock.

    Attributes:
        holder: that process.
    """

    def __init__(self, holder: Holder) -> None:
        super().__init__(f"locked by process {holder.pid}")
        self.holder = holder


@contextmanager
def lock_file(path: Path, note: str = "") -> Iterator[None]:
    """Hold a lock on a file; the file stays, for removing it would race with the next holder.

    Args:
        path: the file; made if missing.
        note: a line for those who find the lock held.

    Raises:
        LockedError: another process has it.
        DiskFullError: no space left for the note.
        ForbiddenError: the file cannot be opened or locked.
    """
    try:
        # No mode of open() reads and writes, creates the file and leaves what is in it.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ForbiddenError(f"{path} cannot be written: {error.strerror}") from None
    try:
        _lock(descriptor, path)
        _write_holder(descriptor, path, note)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def read_holder(path: Path) -> Holder | None:
    """Who holds the lock; ``None`` if nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if _try_lock(descriptor) else _read_holder(descriptor)
    except OSError:  # a file system without locks
        return None
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        for _ in range(TRIES):
            if _try_lock(descriptor):
                return
            time.sleep(PAUSE_SECONDS)
    except OSError as error:
        raise ForbiddenError(f"{path} cannot be locked: {error.strerror}") from None
    raise LockedError(_read_holder(descriptor))


def _write_holder(descriptor: int, path: Path, note: str) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"{os.getpid()}\n{note}\n".encode())
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFullError(f"no space left for {path}: free some and try again") from None
        raise ForbiddenError(f"{path} cannot be written: {error.strerror}") from None


def _read_holder(descriptor: int) -> Holder:
    os.lseek(descriptor, 0, os.SEEK_SET)
    pid, _, note = os.read(descriptor, NOTE_BYTES).decode(errors="replace").partition("\n")
    known = pid.isascii() and pid.isdigit()
    return Holder(pid=int(pid) if known else 0, note=note.partition("\n")[0])


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
