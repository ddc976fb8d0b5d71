"""``sounds.db``: what is known of every file in the samples folder.

It may be deleted at any moment, also while a daemon uses it: all that it holds is in the folder
(audio, recipes, stars, tags) or in ``library.db`` (plays), and is read from there again. So there
are no migrations: a file of another version, of another folder, or a damaged one is made anew.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any, Final, NoReturn

import msgspec
import structlog

from oneshot_server.domain.kinds import text_to_kind, text_to_words
from oneshot_server.domain.library import Sound
from oneshot_server.library.database import database_errors
from oneshot_server.library.sound_contents import Contents, Stamp

log = structlog.get_logger(__name__)

VERSION: Final = 2
LONGEST_TEXT: Final = 2000  # characters of a stranger's recipe that are kept apart
TAG_END: Final = "\n"
MOST_COUNTS: Final = 200
READER_KIB: Final = 24_000  # what most searches go through, of 100,000 sounds
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS about (samples TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sounds (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    changed_ns INTEGER NOT NULL,
    entry_changed_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    trouble TEXT NOT NULL,
    content TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    seconds REAL NOT NULL,
    level_db REAL NOT NULL,
    brightness_hz REAL NOT NULL,
    stars INTEGER NOT NULL,
    tags TEXT NOT NULL,
    plays INTEGER NOT NULL,
    rendered INTEGER NOT NULL,
    prompt TEXT NOT NULL,
    caption TEXT NOT NULL,
    seed INTEGER,
    model TEXT NOT NULL,
    parent TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_content ON sounds (content);
CREATE INDEX IF NOT EXISTS by_inode ON sounds (inode);
CREATE INDEX IF NOT EXISTS by_time ON sounds (changed_ns, number) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS by_kind ON sounds (kind, changed_ns) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS by_kind_seconds ON sounds (kind, seconds) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS by_kind_brightness ON sounds (kind, brightness_hz) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS by_stars ON sounds (stars, changed_ns) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS by_seconds ON sounds (seconds) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS by_brightness ON sounds (brightness_hz) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS with_tags ON sounds (tags) WHERE tags != '';
CREATE TABLE IF NOT EXISTS parents (
    child INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY (child, content)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_parent ON parents (content);
CREATE TABLE IF NOT EXISTS recipes (number INTEGER PRIMARY KEY, recipe TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS embeddings (number INTEGER PRIMARY KEY, embedding BLOB NOT NULL);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (text, prefix = '2 3');
PRAGMA user_version = {VERSION};
"""

COLUMNS: Final = (
    *("number", "path", "content", "kind", "key", "seconds", "level_db", "brightness_hz"),
    *("stars", "tags", "plays", "changed_ns", "size", "rendered"),
    *("prompt", "caption", "seed", "model", "parent"),
)
SELECT: Final = f"SELECT {', '.join(f'sounds.{column}' for column in COLUMNS)} FROM sounds"  # noqa: S608 - own names

KNOWN: Final = "SELECT number, path, size, changed_ns, entry_changed_ns, inode FROM sounds"


class IndexLostError(Exception):
    """The file was deleted or damaged; an empty one is in its place, and all must be read again."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A row, as far as it tells whether its file must be read again."""

    number: int
    path: str
    stamp: Stamp


class _ParentLine(msgspec.Struct, frozen=True):
    name: str = ""
    sha256: str = ""


class _ReshapeLine(msgspec.Struct, frozen=True):
    parents: tuple[_ParentLine, ...] = ()


class _RecipeLine(msgspec.Struct, frozen=True):
    """What of a recipe has a column of its own."""

    prompt: str = ""
    caption: str = ""
    seed: int | None = None
    model: str = ""
    reshape: _ReshapeLine | None = None

    @property
    def parents(self) -> tuple[_ParentLine, ...]:
        """The sounds that it was made from."""
        return self.reshape.parents if self.reshape else ()


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

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
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
                yield self._writer
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.rollback()
                raise
            self._writer.execute("COMMIT")

    def check_there(self) -> None:
        """Begin a new file if somebody has deleted this one.

        Raises:
            IndexLostError: that was so.
        """
        with self._lock:
            self._check_there()

    def known_at(self, paths: Sequence[str]) -> dict[str, Known]:
        """The rows of some paths."""
        return self._known_where("path", paths)

    def known_by_inode(self, inodes: Sequence[int]) -> list[Known]:
        """The rows of files with these numbers."""
        return list(self._known_where("inode", inodes).values())

    def known_by_content(self, contents: Sequence[str]) -> dict[str, list[Known]]:
        """The rows of files with this audio, by its hash."""
        found: dict[str, list[Known]] = {}
        with self.reading() as connection:
            for content in dict.fromkeys(contents):
                rows = connection.execute(f"{KNOWN} WHERE content = ?", (content,))
                found[content] = [_known(row) for row in rows]
        return found

    def differences(self, files: Iterable[tuple[str, Stamp]]) -> tuple[list[str], list[str]]:
        """Compare all rows with all files.

        Args:
            files: path and stamp of every file that should have a row.

        Returns:
            Paths of files that must be looked at, and paths of rows whose file is gone.

        Raises:
            IndexLostError: it was deleted or damaged.
        """
        # A connection of its own: others read and write meanwhile.
        with self._guarded(), closing(self._connection()) as connection:
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute(
                "CREATE TEMP TABLE seen (path TEXT PRIMARY KEY, size INTEGER, changed_ns INTEGER, "
                "entry_changed_ns INTEGER, inode INTEGER) WITHOUT ROWID"
            )
            connection.executemany(
                "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)",
                ((path, *_stamp(stamp).values()) for path, stamp in files),
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

    def _connection(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA busy_timeout = 10000")
        return connection

    def _known_where(self, column: str, values: Sequence[object]) -> dict[str, Known]:
        found = {}
        with self.reading() as connection:
            for value in values:
                for row in connection.execute(f"{KNOWN} WHERE {column} = ?", (value,)):
                    found[row[1]] = _known(row)
        return found

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
                "INSERT INTO about SELECT ? WHERE NOT EXISTS (SELECT 1 FROM about)",
                (self._samples,),
            )
            (samples,) = self._writer.execute("SELECT samples FROM about").fetchone()
            if samples != self._samples:
                self._refuse(f"it is about {samples}")
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


def put(connection: sqlite3.Connection, path: str, contents: Contents, *, plays: int) -> int:
    """Write a file's row, a new one or in place of that of its path; returns its number."""
    row = connection.execute("SELECT number FROM sounds WHERE path = ?", (path,)).fetchone()
    values = _row(path, contents, plays)
    if row is None:
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        number = connection.execute(
            f"INSERT INTO sounds ({names}) VALUES ({marks})",  # noqa: S608 - own names
            tuple(values.values()),
        ).lastrowid
        assert number is not None
    else:
        number = int(row[0])
        changes = ", ".join(f"{name} = ?" for name in values)
        connection.execute(
            f"UPDATE sounds SET {changes} WHERE number = ?",  # noqa: S608 - own names
            (*values.values(), number),
        )
        _forget_details(connection, number)
    if contents.recipe:
        connection.execute("INSERT INTO recipes VALUES (?, ?)", (number, contents.recipe))
        connection.executemany(
            "INSERT OR IGNORE INTO parents VALUES (?, ?)",
            [(number, parent.sha256) for parent in _line(contents).parents if parent.sha256],
        )
    if contents.embedding:
        connection.execute("INSERT INTO embeddings VALUES (?, ?)", (number, contents.embedding))
    if not contents.trouble:
        write_words(connection, number)
    return number


def write_words(connection: sqlite3.Connection, number: int) -> None:
    """Make what full-text search finds a sound by, from its row."""
    row = connection.execute(
        "SELECT path, kind, key, prompt, caption, tags FROM sounds WHERE number = ?", (number,)
    ).fetchone()
    path, kind, key, prompt, caption, tags = row
    text = " ".join(
        (*text_to_words(path), path, kind.replace("_", " "), key, prompt, caption, tags)
    )
    connection.execute("DELETE FROM words WHERE rowid = ?", (number,))
    connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, text))


def move(connection: sqlite3.Connection, number: int, path: str, stamp: Stamp) -> None:
    """Let a row be that of another path: the file was moved."""
    (prompt,) = connection.execute(
        "SELECT caption || ' ' || prompt FROM sounds WHERE number = ?", (number,)
    ).fetchone()
    connection.execute(
        "UPDATE sounds SET path = ?, kind = ?, size = ?, changed_ns = ?, entry_changed_ns = ?, "
        "inode = ? WHERE number = ?",
        (path, _kind(path, prompt), *_stamp(stamp).values(), number),
    )
    write_words(connection, number)


def remove(connection: sqlite3.Connection, number: int) -> None:
    """Forget a row."""
    connection.execute("DELETE FROM sounds WHERE number = ?", (number,))
    _forget_details(connection, number)


def rows_to_sounds(rows: Iterable[Sequence[Any]]) -> tuple[Sound, ...]:
    """What ``SELECT`` gives, as sounds."""
    return tuple(_sound(dict(zip(COLUMNS, row, strict=True))) for row in rows)


def tags_to_text(tags: Sequence[str]) -> str:
    """Tags as the column has them: each between two line ends, so that one can be looked for."""
    return TAG_END + TAG_END.join(tags) + TAG_END if tags else ""


def _forget_details(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("DELETE FROM recipes WHERE number = ?", (number,))
    connection.execute("DELETE FROM parents WHERE child = ?", (number,))
    connection.execute("DELETE FROM embeddings WHERE number = ?", (number,))
    connection.execute("DELETE FROM words WHERE rowid = ?", (number,))


def _row(path: str, contents: Contents, plays: int) -> Mapping[str, object]:
    line = _line(contents)
    return {
        "path": path,
        **_stamp(contents.stamp),
        "trouble": contents.trouble,
        "content": contents.content,
        "kind": _kind(path, f"{line.caption} {line.prompt}"),
        "key": contents.key,
        "seconds": contents.seconds,
        "level_db": contents.level_db,
        "brightness_hz": contents.brightness_hz,
        "stars": contents.stars,
        "tags": tags_to_text(contents.tags),
        "plays": plays,
        "rendered": int(bool(contents.recipe)),
        "prompt": line.prompt[:LONGEST_TEXT],
        "caption": line.caption[:LONGEST_TEXT],
        "seed": line.seed,
        "model": line.model[:LONGEST_TEXT],
        "parent": ", ".join(parent.name for parent in line.parents)[:LONGEST_TEXT],
    }


def _line(contents: Contents) -> _RecipeLine:
    if not contents.recipe:
        return _RecipeLine()
    return msgspec.json.decode(contents.recipe, type=_RecipeLine)


def _stamp(stamp: Stamp) -> Mapping[str, int]:
    return msgspec.structs.asdict(stamp)


def _kind(path: str, told: str) -> str:
    """What the recipe says; of a foreign file what its name says, or the nearest folder's."""
    names = [part.rpartition(".")[0] or part for part in reversed(path.split("/"))]
    return next(filter(None, (text_to_kind(text) for text in (told, *names))), "")


def _known(row: Sequence[Any]) -> Known:
    number, path, size, changed_ns, entry_changed_ns, inode = row
    stamp = Stamp(size=size, changed_ns=changed_ns, entry_changed_ns=entry_changed_ns, inode=inode)
    return Known(number=number, path=path, stamp=stamp)


def _sound(row: dict[str, Any]) -> Sound:
    row["changed"] = row.pop("changed_ns") / 1e9
    row["rendered"] = bool(row["rendered"])
    row["tags"] = tuple(filter(None, row["tags"].split(TAG_END)))
    return Sound(**row)


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None
