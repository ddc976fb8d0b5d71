"""What is known of a file of the samples folder after it was read; the daemon has no numpy yet."""

import os
from typing import Final

import msgspec

_INODE: Final = 2**63 - 1  # what SQLite can hold


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What tells that a file is the one that was looked at, without reading it.

    Attributes:
        size: bytes.
        changed_ns: time of the last change; a program can set it back.
        entry_changed_ns: time of the entry's last change; no program can.
        inode: its number on the disk, which a rename keeps.
    """

    size: int
    changed_ns: int
    entry_changed_ns: int
    inode: int


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a file.

    Attributes:
        stamp: the file as it was read.
        trouble: why it is no sound that can be used; empty if it is.
        content: SHA-256 of its audio, hexadecimal.
        seconds: duration.
        level_db: see ``domain.library.Sound``, as of all that follows.
        brightness_hz: of the spectrum.
        key: the note.
        embedding: float16, the bytes.
        recipe: JSON; empty for a foreign file.
        stars: 0 to 5.
        tags: of a listener.
    """

    stamp: Stamp
    trouble: str = ""
    content: str = ""
    seconds: float = 0.0
    level_db: float = 0.0
    brightness_hz: float = 0.0
    key: str = ""
    embedding: bytes = b""
    recipe: str = ""
    stars: int = 0
    tags: tuple[str, ...] = ()


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp in a file's status."""
    return Stamp(
        size=status.st_size,
        changed_ns=status.st_mtime_ns,
        entry_changed_ns=status.st_ctime_ns,
        inode=status.st_ino & _INODE,
    )
