"""Which rows and files belong together, and which no longer do."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from oneshot_server.library.sound_contents import Stamp

KNOWN: Final = "SELECT number, path, size, changed_ns, entry_changed_ns, inode FROM sounds"


@dataclass(frozen=True, kw_only=True)
class Known:
    """A row, as far as it tells whether its file must be read again."""

    number: int
    path: str
    stamp: Stamp


def known_at(connection: sqlite3.Connection, paths: Iterable[str]) -> dict[str, Known]:
    """The rows of some paths."""
    return {row.path: row for row in _known_where(connection, "path", paths)}


def known_by_inode(connection: sqlite3.Connection, inodes: Iterable[int]) -> list[Known]:
    """The rows of files with these numbers on the disk."""
    return _known_where(connection, "inode", inodes)


def known_by_content(
    connection: sqlite3.Connection, contents: Iterable[str]
) -> dict[str, list[Known]]:
    """The rows of files with this audio, by its hash."""
    return {content: _known_where(connection, "content", [content]) for content in contents}


def differences(
    connection: sqlite3.Connection, files: Iterable[tuple[str, Stamp]]
) -> tuple[list[str], list[str]]:
    """Compare all rows with all files.

    Args:
        connection: of its own, as this takes its time.
        files: path and stamp of every file that should have a row.

    Returns:
        Paths of files that must be looked at, and paths of rows whose file is gone.
    """
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(
        "CREATE TEMP TABLE seen (path TEXT PRIMARY KEY, size INTEGER, changed_ns INTEGER, "
        "entry_changed_ns INTEGER, inode INTEGER) WITHOUT ROWID"
    )
    connection.executemany(
        "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)",
        (
            (path, stamp.size, stamp.changed_ns, stamp.entry_changed_ns, stamp.inode)
            for path, stamp in files
        ),
    )
    changed = connection.execute(
        "SELECT path FROM seen WHERE NOT EXISTS (SELECT 1 FROM sounds "
        "WHERE sounds.path = seen.path AND sounds.size = seen.size "
        "AND sounds.changed_ns = seen.changed_ns AND sounds.inode = seen.inode "
        "AND sounds.entry_changed_ns = seen.entry_changed_ns)"
    ).fetchall()
    gone = connection.execute(
        "SELECT path FROM sounds WHERE path NOT IN (SELECT path FROM seen)"
    ).fetchall()
    return [path for (path,) in changed], [path for (path,) in gone]


def _known_where(
    connection: sqlite3.Connection, column: str, values: Iterable[object]
) -> list[Known]:
    return [
        _known(row)
        for value in values
        for row in connection.execute(f"{KNOWN} WHERE {column} = ?", (value,))
    ]


def _known(row: Sequence[Any]) -> Known:
    number, path, size, changed_ns, entry_changed_ns, inode = row
    stamp = Stamp(size=size, changed_ns=changed_ns, entry_changed_ns=entry_changed_ns, inode=inode)
    return Known(number=number, path=path, stamp=stamp)
