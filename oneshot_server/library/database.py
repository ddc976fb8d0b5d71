"""``library.db``: one SQLite file for what no folder tells: jobs, pads, trainings, plays.

What is known of the sounds themselves is in an index of its own, ``sound_index``, which may be
deleted at any moment.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

from oneshot_server.errors import DiskFullError, ForbiddenError

log = structlog.get_logger(__name__)

MOST_LOG_PAGES: Final = 20_000

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
    """
    ALTER TABLE jobs ADD COLUMN accepted REAL NOT NULL DEFAULT 0;
    """,
    """
    CREATE TABLE blend (lora TEXT PRIMARY KEY, weight REAL NOT NULL);
    CREATE TABLE trainings (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        job TEXT NOT NULL UNIQUE,
        dataset TEXT NOT NULL,
        accepted REAL NOT NULL,
        ended TEXT
    );
    """,
    """
    ALTER TABLE trainings ADD COLUMN dataset_hash TEXT NOT NULL DEFAULT '';
    """,
    """
    CREATE TABLE pads (
        number INTEGER PRIMARY KEY,
        pad TEXT NOT NULL,
        walked INTEGER
    );
    CREATE TABLE remembered (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    """,
    """
    CREATE TABLE plays (content TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
    """,
    """
    ALTER TABLE sounds ADD COLUMN draft TEXT NOT NULL DEFAULT '';
    ALTER TABLE sounds ADD COLUMN improved INTEGER NOT NULL DEFAULT 0;
    """,
)
"""Scripts that bring a file from version n to n + 1; only ever appended to."""


def open_database(path: Path | str) -> sqlite3.Connection:
    """Open the database and bring it up to date; ``":memory:"`` for one that is forgotten.

    A file that SQLite cannot read is moved aside, never deleted, and a new one begun: a daemon that
    does not start for a damaged index is worse than one that has forgotten its journal.

    Raises:
        DiskFullError: no space left to open it.
        ForbiddenError: it cannot be opened or written.
    """
    with database_errors(path):
        try:
            return _open(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) or not isinstance(path, Path):
                raise
            aside = _move_aside(path)
            log.exception("the database is damaged and was moved aside", moved_to=str(aside))
            return _open(path)


def checkpoint(path: Path) -> None:
    """Bring what the log holds into the file; waits for the disk, and lets others go on writing."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


@contextmanager
def database_errors(path: Path | str = "library.db") -> Iterator[None]:
    """Raise what SQLite raises as this package's errors: the disk may fill at any statement.

    Raises:
        DiskFullError: no space left.
        ForbiddenError: the file cannot be read or written; the text has SQLite's own words.
    """
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise DiskFullError(f"no space left for {path}: free some and try again") from error
        raise ForbiddenError(f"{path} cannot be used: {error}") from error


def _open(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA busy_timeout = 5000")
        # A write-ahead log synchronised at checkpoints keeps every committed transaction through
        # the end of the process; only a power cut may take the last ones, never the file.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        # A checkpoint waits for the disk, and whoever commits would wait with it: ``checkpoint``
        # is for a thread. This is how long the log gets if nobody calls it.
        connection.execute(f"PRAGMA wal_autocheckpoint = {MOST_LOG_PAGES}")
        connection.execute("PRAGMA foreign_keys = ON")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            with closing(connection.cursor()) as cursor:
                cursor.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")
        # Damage beyond the first page shows only when it is read, which would be too late.
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _move_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    # The log may hold what the file has not, and must not meet the new file: it goes first.
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
