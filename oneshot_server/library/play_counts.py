"""How often each sound was auditioned, in ``library.db``: no file is written to for a listening."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from oneshot_server.library.database import database_errors, open_database


class PlayCounts:
    """Counts by the hash of the audio, so they stay when a file is moved.

    Args:
        database: ``library.db``; a connection of its own is opened, for a thread of its own.

    Raises:
        DiskFullError: no space left.
        ForbiddenError: it cannot be opened.
    """

    def __init__(self, database: Path | str) -> None:
        self._connection = open_database(database)

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def add(self, content: str) -> int:
        """Count one more; returns how many there are.

        Raises:
            DiskFullError: no space left.
            ForbiddenError: the database cannot be written.
        """
        with database_errors(), closing(self._connection.cursor()) as cursor:
            cursor.execute(
                "INSERT INTO plays VALUES (?, 1) "
                "ON CONFLICT (content) DO UPDATE SET count = count + 1",
                (content,),
            )
            row = cursor.execute("SELECT count FROM plays WHERE content = ?", (content,)).fetchone()
        return int(row[0])

    def of(self, contents: Iterable[str]) -> dict[str, int]:
        """The counts of some sounds; those that were never played are not there.

        Raises:
            ForbiddenError: the database cannot be read.
        """
        found = {}
        with database_errors():
            for content in contents:
                row = self._connection.execute(
                    "SELECT count FROM plays WHERE content = ?", (content,)
                ).fetchone()
                if row is not None:
                    found[content] = int(row[0])
        return found
