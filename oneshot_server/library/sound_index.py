"""``sounds.db``: what is known of every file in the samples folder.

It may be deleted at any moment, also while a daemon uses it: all that it holds is in the folder
(audio, recipes, stars, tags) or in ``library.db`` (plays), and is read from there again. So there
are no migrations: a file of another version, of another folder, or a damaged one is made anew.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Final, NoReturn

import structlog

from oneshot_server.library.database import database_errors
from oneshot_server.library.index_schema import SCHEMA, VERSION
from oneshot_server.library.index_writer import IndexWriter

log = structlog.get_logger(__name__)

MOST_COUNTS: Final = 200
READER_KIB: Final = 24_000  # what most searches go through, of 100,000 sounds
REMEMBERED_GONE: Final = 100_000
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class IndexLostError(Exception):
    """The file was deleted or damaged; an empty one is in its place, and all must be read again."""


@contextmanager
def index_reader(path: Path) -> Iterator[sqlite3.Connection]:
    """An index, to be read by another process than the one that keeps it; none is made.

    Raises:
        sqlite3.Error: there is none.
    """
    address = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=1.0)) as connection:
        yield connection


class SoundIndex:
    """The file, with a connection to write and one to read. Threads may share one.

    Args:
        path: of the file; made if missing.
        samples: the folder that it is about.

    Attributes:
        path: of the file.
        generation: another number whenever the file was lost and begun anew: it is empty then.

    Raises:
        DiskFullError: no space left.
        ForbiddenError: it cannot be opened or written.
    """

    def __init__(self, path: Path, samples: Path) -> None:
        self.path = path
        self._samples = str(samples)
        self.generation = 0
        self._lock = RLock()
        self._counts: dict[tuple[str, tuple[object, ...]], int] = {}
        self._counted_at: tuple[int, int] | None = None
        self._open()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._reader.close()
            self._writer.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for a few queries.

        Raises:
            IndexLostError: it was damaged.
            ForbiddenError: it cannot be read.
        """
        with self._lock, self._guarded():
            yield self._reader

    @contextmanager
    def reading_beside(self) -> Iterator[sqlite3.Connection]:
        """A connection for a long query: others read and write meanwhile.

        Raises:
            IndexLostError: it was deleted or damaged.
            ForbiddenError: it cannot be read.
        """
        with self._guarded(), closing(self._connection()) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[IndexWriter]:
        """A transaction; it is committed at the end of the block.

        Raises:
            IndexLostError: it was deleted or damaged.
            DiskFullError: no space left.
            ForbiddenError: it cannot be written.
        """
        with self._lock, self._guarded():
            self._check_there()
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                ((revision,),) = self._writer.execute(
                    "UPDATE about SET revision = revision + 1 RETURNING revision"
                ).fetchall()
                yield IndexWriter(self._writer, revision)
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.rollback()
                raise
            self._writer.execute("COMMIT")

    def counted(self, statement: str, values: tuple[object, ...]) -> int:
        """The number that a query gives; it is asked once, until something is written."""
        with self.reading() as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            now = (self.generation, version)
            if now != self._counted_at:
                self._counts.clear()
                self._counted_at = now
            if len(self._counts) > MOST_COUNTS:
                self._counts.clear()
            if (statement, values) not in self._counts:
                (self._counts[statement, values],) = connection.execute(
                    statement, values
                ).fetchone()
            return self._counts[statement, values]

    def check_there(self) -> None:
        """Begin a new file if somebody has deleted this one.

        Raises:
            IndexLostError: that was so.
        """
        with self._lock:
            self._check_there()

    def _connection(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA busy_timeout = 10000")
        return connection

    def _open(self) -> None:
        with database_errors(self.path):
            try:
                self._connect()
            except (sqlite3.DatabaseError, _OtherIndexError) as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                log.info("the index of the samples folder is made anew", why=str(error))
                self._remove()
                self._connect()

    def _connect(self) -> None:
        self._writer = self._connection()
        try:
            self._writer.execute("PRAGMA journal_mode = WAL")
            # A power cut may take the last changes: the next scan finds them again.
            self._writer.execute("PRAGMA synchronous = NORMAL")
            version, tables = self._writer.execute(
                "SELECT user_version, (SELECT count(*) FROM sqlite_master) FROM pragma_user_version"
            ).fetchone()
            if tables and version != VERSION:
                self._refuse(f"version {version}, expected {VERSION}")
            # Another process may be doing the same: every statement is right the second time, too.
            self._writer.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
            self._writer.execute(
                "INSERT INTO about SELECT ?, ?, 0 WHERE NOT EXISTS (SELECT 1 FROM about)",
                (self._samples, secrets.token_hex(8)),
            )
            (samples,) = self._writer.execute("SELECT samples FROM about").fetchone()
            if samples != self._samples:
                self._refuse(f"it is about {samples}")
            self._writer.execute(
                "DELETE FROM gone WHERE revision < (SELECT revision FROM about) - ?",
                (REMEMBERED_GONE,),
            )
            self._reader = self._connection()
            self._reader.execute("PRAGMA query_only = ON")
            self._reader.execute(f"PRAGMA cache_size = -{READER_KIB}")
        except BaseException:
            self._writer.close()
            raise
        self._identity = _identity(self.path)
        self.generation += 1

    def _refuse(self, why: str) -> NoReturn:
        raise _OtherIndexError(why)

    def _remove(self) -> None:
        # The log must not meet the new file: it goes first.
        for suffix in ("-wal", "-shm", ""):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _check_there(self) -> None:
        if _identity(self.path) != self._identity:
            self.close()
            self._open()
            raise IndexLostError(f"{self.path} was deleted")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Raise what SQLite raises as this package's errors; a damaged file is made anew."""
        with database_errors(self.path):
            try:
                yield
            except sqlite3.DatabaseError as error:
                with self._lock:
                    if _identity(self.path) == self._identity:
                        if getattr(error, "sqlite_errorcode", 0) not in _DAMAGED:
                            raise
                        log.warning("the index is damaged and is made anew", error=str(error))
                        self.close()
                        self._remove()
                    else:
                        self.close()
                    self._open()
                raise IndexLostError(f"{self.path} was lost: {error}") from error


class _OtherIndexError(Exception):
    """A file that is another version's, or another folder's."""


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None
