"""``library.db``: one SQLite file for the job journal and what the library knows."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

MIGRATIONS: Final[Sequence[str]] = (
    """
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        request TEXT NOT NULL,
        engine_deaths INTEGER NOT NULL DEFAULT 0,
        ended TEXT
    );
    CREATE TABLE sounds (
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        sound INTEGER NOT NULL,
        path TEXT NOT NULL,
        seed INTEGER NOT NULL,
        seconds REAL NOT NULL,
        published INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (job, sound)
    );
    """,
)
"""Scripts that bring a file from version n to n + 1; only ever appended to."""


def open_database(path: Path | str) -> sqlite3.Connection:
    """Open the database and bring it up to date; ``":memory:"`` for one that is forgotten.

    A file that SQLite cannot read is moved aside, never deleted, and a new one begun: a daemon that
    does not start for a damaged index is worse than one that has forgotten its journal.

    Raises:
        sqlite3.OperationalError: the folder cannot be written.
    """
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) or not isinstance(path, Path):
            raise
        _move_aside(path)
        return _open(path)


def _open(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA busy_timeout = 5000")
        # A write-ahead log synchronised at checkpoints keeps every committed transaction through
        # the end of the process; only a power cut may take the last ones, never the file.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            with closing(connection.cursor()) as cursor:
                cursor.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _move_aside(path: Path) -> None:
    number = 1
    while (aside := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
