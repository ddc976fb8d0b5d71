"""Everything that is ever written into ``sounds.db``, in one transaction."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from oneshot_server.library.index_comparison import Known
from oneshot_server.library.index_rows import (
    contents_to_row,
    path_to_kind,
    row_to_words,
    stamp_columns,
    tags_to_text,
)
from oneshot_server.library.sound_contents import Contents, Stamp

WORDS: Final = ("path", "kind", "key", "prompt", "caption", "tags")


class IndexWriter:
    """Writes while a transaction of ``SoundIndex.writing`` lasts.

    Another process may have written since a row was read: what is meant for the file of a row is
    done only if the row is still that file's.

    Args:
        connection: of the transaction.
        revision: of the transaction; rows that are written get it.
    """

    def __init__(self, connection: sqlite3.Connection, revision: int) -> None:
        self._connection = connection
        self._revision = revision

    def put(self, path: str, contents: Contents, *, plays: int) -> None:
        """Write a file's row, a new one or in place of that of its path."""
        execute = self._connection.execute
        row = contents_to_row(path, contents, plays=plays)
        values = {**row.columns, "revision": self._revision}
        known = execute("SELECT number FROM sounds WHERE path = ?", (path,)).fetchone()
        if known is None:
            names, marks = ", ".join(values), ", ".join("?" * len(values))
            number = execute(
                f"INSERT INTO sounds ({names}) VALUES ({marks})",  # noqa: S608 - own names
                tuple(values.values()),
            ).lastrowid
            assert number is not None
        else:
            number = int(known[0])
            changes = ", ".join(f"{name} = ?" for name in values)
            execute(
                f"UPDATE sounds SET {changes} WHERE number = ?",  # noqa: S608 - own names
                (*values.values(), number),
            )
            self._forget_details(number)
        if contents.recipe:
            execute("INSERT INTO recipes VALUES (?, ?)", (number, contents.recipe))
            for parent in row.parents:
                execute("INSERT OR IGNORE INTO parents VALUES (?, ?)", (number, parent))
        if contents.embedding:
            execute("INSERT INTO embeddings VALUES (?, ?)", (number, contents.embedding))
        if not contents.trouble:
            self._insert_words(number, [str(values[name]) for name in WORDS])

    def move(self, row: Known, path: str, stamp: Stamp) -> bool:
        """Let a row be that of another path: the file was moved.

        Returns:
            Whether the path has a row now.
        """
        execute = self._connection.execute
        if execute("SELECT 1 FROM sounds WHERE path = ?", (path,)).fetchone():
            self.remove(row)
            return True
        told = execute(
            "SELECT caption || ' ' || prompt FROM sounds WHERE number = ? AND path = ?",
            (row.number, row.path),
        ).fetchone()
        if told is None:
            return False
        stamps = stamp_columns(stamp)
        changes = ", ".join(f"{name} = ?" for name in stamps)
        execute(
            f"UPDATE sounds SET path = ?, kind = ?, {changes}, revision = ? WHERE number = ?",  # noqa: S608 - own names
            (path, path_to_kind(path, told[0]), *stamps.values(), self._revision, row.number),
        )
        self._write_words(row.number)
        return True

    def remove(self, row: Known) -> None:
        """Forget a row; that there was one is remembered."""
        execute = self._connection.execute
        deleted = execute(
            "DELETE FROM sounds WHERE number = ? AND path = ?", (row.number, row.path)
        ).rowcount
        if deleted:
            execute("INSERT INTO gone VALUES (?, ?)", (row.number, self._revision))
            self._forget_details(row.number)

    def mark_foreign(self, content: str, *, stars: int, tags: Sequence[str]) -> None:
        """Write stars and tags to the rows of all copies of a file that is no render."""
        rows = self._connection.execute(
            "UPDATE sounds SET stars = ?, tags = ?, revision = ? "
            "WHERE content = ? AND NOT rendered RETURNING number",
            (stars, tags_to_text(tags), self._revision, content),
        ).fetchall()
        for (number,) in rows:
            self._write_words(number)

    def count_plays(self, content: str, plays: int) -> None:
        """Write how often a sound was auditioned to the rows of all its copies."""
        self._connection.execute(
            "UPDATE sounds SET plays = ?, revision = ? WHERE content = ?",
            (plays, self._revision, content),
        )

    def _write_words(self, number: int) -> None:
        self._connection.execute("DELETE FROM words WHERE rowid = ?", (number,))
        words = self._connection.execute(
            f"SELECT {', '.join(WORDS)} FROM sounds WHERE number = ? AND trouble = ''",  # noqa: S608 - own names
            (number,),
        ).fetchone()
        if words is not None:
            self._insert_words(number, words)

    def _insert_words(self, number: int, words: Sequence[str]) -> None:
        self._connection.execute(
            "INSERT INTO words (rowid, text) VALUES (?, ?)", (number, row_to_words(*words))
        )

    def _forget_details(self, number: int) -> None:
        for statement in (
            "DELETE FROM recipes WHERE number = ?",
            "DELETE FROM parents WHERE child = ?",
            "DELETE FROM embeddings WHERE number = ?",
            "DELETE FROM words WHERE rowid = ?",
        ):
            self._connection.execute(statement, (number,))
