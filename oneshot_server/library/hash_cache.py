"""SHA-256 of large files, computed once.

A model of 4 GB takes many seconds to hash, at every start. What was found is kept in the user's
cache folder and believed while the file's size, its two times and its number on the disk are the
same. A program can set back the time of the last change, but no program the time of the last change
of the file's entry (``ctime``), which the system sets at every write. So a file that was changed is
hashed again. A file that was changed a moment before it was hashed is not kept, as the next change
might fall into the same tick of the clock. Small files are always hashed.
"""

import hashlib
import os
import time
from pathlib import Path
from typing import Final

import msgspec
import platformdirs
import structlog

from oneshot_server.errors import OneshotError
from oneshot_server.library.atomic_file import write_atomically

log = structlog.get_logger(__name__)

SMALL_BYTES: Final = 128 * 1024**2
TICK_SECONDS: Final = 3.0  # FAT counts in twos
MOST_FILES: Final = 500


class _Known(msgspec.Struct, frozen=True, array_like=True):
    """What a file was when it was hashed, and its SHA-256."""

    size: int
    changed_ns: int
    entry_changed_ns: int
    number: int
    sha256: str


def default_cache() -> Path:
    """The file in the user's cache folder."""
    return platformdirs.user_cache_path("oneshot-server") / "hashes.json"


def hash_file(path: Path, *, cache: Path | None = None, small_bytes: int = SMALL_BYTES) -> str:
    """SHA-256 of a file, hexadecimal; of a large one as it was found before, if it is the same.

    Args:
        path: of the file.
        cache: where to remember; by default in the user's cache folder.
        small_bytes: files smaller than this are always hashed.

    Raises:
        OSError: the file cannot be read.
    """
    status = path.stat()
    if status.st_size < small_bytes:
        return _hash(path)
    cache = cache or default_cache()
    key = str(path.resolve())
    known = _read(cache)
    found = known.get(key)
    if found is not None and found == _describe(status, found.sha256):
        return found.sha256
    digest = _hash(path)
    after = path.stat()
    settled = time.time() - max(after.st_mtime, after.st_ctime) > TICK_SECONDS
    if settled and _describe(after, digest) == _describe(status, digest):
        known = _read(cache) | {key: _describe(status, digest)}
        _write(cache, dict(list(known.items())[-MOST_FILES:]))
    return digest


def _describe(status: os.stat_result, sha256: str) -> _Known:
    return _Known(
        size=status.st_size,
        changed_ns=status.st_mtime_ns,
        entry_changed_ns=status.st_ctime_ns,
        number=status.st_ino,
        sha256=sha256,
    )


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(cache: Path) -> dict[str, _Known]:
    try:
        return msgspec.json.decode(cache.read_bytes(), type=dict[str, _Known])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}  # it is only a cache


def _write(cache: Path, known: dict[str, _Known]) -> None:
    try:
        write_atomically(cache, msgspec.json.encode(known))
    except OneshotError as error:
        log.warning("hashes cannot be remembered", error=str(error))
