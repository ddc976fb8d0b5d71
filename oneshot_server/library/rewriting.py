"""A file of ours written anew in its place: whole whatever happens, never over another's change."""

import os
import secrets
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from oneshot_server.errors import ForbiddenError, NotFoundError
from oneshot_server.library.samples_folder import PART_PREFIX, PART_SUFFIX, explained

LARGEST_RENDER: Final = 64 * 1024**2
TRIES: Final = 3
_REPLACING: Final = Lock()


def rewrite_file(
    path: Path, change: Callable[[bytes], bytes], folder: Path, *, keep_time: bool
) -> None:
    """Change a file; whoever else writes it at the same moment is not overwritten.

    Args:
        path: of the file.
        change: its content, empty if it is none that can be ours, to the new one; may be called
            again, and may raise.
        folder: where the new file is written before it takes the old's place.
        keep_time: whether it keeps the time of its last change.

    Raises:
        NotFoundError: it is gone.
        DiskFullError: no space left.
        ForbiddenError: it cannot be written, or somebody writes it again and again.
    """
    try:
        for _ in range(TRIES):
            if _rewrite(path, change, folder, keep_time=keep_time):
                return
    except FileNotFoundError:
        raise NotFoundError(f"{path} is gone") from None
    except OSError as error:
        raise explained(error, path.parent) from error
    raise ForbiddenError(f"{path.name} is being written by another program: try again")


def _rewrite(
    path: Path, change: Callable[[bytes], bytes], folder: Path, *, keep_time: bool
) -> bool:
    """Try it; says whether nobody else has written the file meanwhile."""
    part = folder / f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"
    before = path.lstat()
    try:
        content = change(path.read_bytes() if _may_be_render(before) else b"")
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):  # a file system may have no such attributes
            shutil.copystat(path, part)
            if not keep_time:
                os.utime(part)
        with _REPLACING:
            same = _identity(path.lstat()) == _identity(before)
            if same:
                part.replace(path)
        return same
    finally:
        part.unlink(missing_ok=True)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    """A file that took its place may have its size and time: its number on the disk it has not."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def _may_be_render(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST_RENDER
