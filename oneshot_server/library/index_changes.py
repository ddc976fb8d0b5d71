"""What has been written into ``sounds.db`` since one looked last, whoever wrote it."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from oneshot_server.domain.library import LibraryChange
from oneshot_server.library.index_rows import SELECT, rows_to_sounds

MOST_REVISIONS: Final = 16
"""Transactions that are told together; what a long scan writes is more than fits into memory."""


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A moment of an index.

    Attributes:
        identity: another one after the index was made anew.
        number: of the last transaction.
    """

    identity: str
    number: int


def revision_of(connection: sqlite3.Connection) -> Revision:
    """The last moment."""
    identity, number = connection.execute("SELECT identity, revision FROM about").fetchone()
    return Revision(identity=identity, number=number)


def changes_since(connection: sqlite3.Connection, seen: Revision) -> tuple[LibraryChange, Revision]:
    """What was written in the first few transactions after a moment.

    Returns:
        The change, and the moment up to which it goes: it is the same one if nothing was written.
    """
    last = revision_of(connection)
    if last == seen:
        return LibraryChange(), seen
    after = seen.number if last.identity == seen.identity else 0
    until = min(last.number, after + MOST_REVISIONS)
    between = "revision > ? AND revision <= ?"
    rows = connection.execute(f"{SELECT} WHERE trouble = '' AND {between}", (after, until))
    now = rows_to_sounds(rows.fetchall())
    # A file that can no longer be used is gone for who listens.
    gone = connection.execute(
        f"SELECT number FROM gone WHERE {between} "  # noqa: S608 - own terms
        f"UNION SELECT number FROM sounds WHERE trouble != '' AND {between}",
        (after, until, after, until),
    ).fetchall()
    return (
        LibraryChange(now=now, gone=tuple(number for (number,) in gone)),
        Revision(identity=last.identity, number=until),
    )
