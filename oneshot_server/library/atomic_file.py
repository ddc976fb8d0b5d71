"""A file that is the old one or the new one whatever happens, never half of it."""

import errno
import os
import secrets
from pathlib import Path
from typing import Final

from oneshot_server.errors import DiskFullError, ForbiddenError

_FULL: Final = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file and sync it; its folder is made if missing.

    Raises:
        DiskFullError: no space left; nothing half-written stays.
        ForbiddenError: the folder cannot be written.
    """
    # Not made from the name, which may be as long as a name can be.
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(part, content)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError(f"no space left for {path.name} in {path.parent}") from error
        why = error.strerror or str(error)
        raise ForbiddenError(f"{path.parent} cannot be written: {why}") from error


def is_disk_full(error: OSError) -> bool:
    """Whether it says that no space, or no quota, is left."""
    return error.errno in _FULL


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
