"""A query to SQL: full text first where words are given, columns for the rest."""

import re
from collections.abc import Sequence
from typing import Final, get_args

from oneshot_server.domain.library import Found, Query, Sort
from oneshot_server.errors import BadArgumentsError
from oneshot_server.library.index_rows import SELECT, TAG_END, rows_to_sounds
from oneshot_server.library.sound_index import SoundIndex

MOST_SOUNDS: Final = 1000
MANY: Final = 2000
IN_WORDS: Final = "number IN (SELECT rowid FROM words WHERE words MATCH ?)"
WITH_WORDS: Final = "words CROSS JOIN sounds ON number = words.rowid WHERE words MATCH ? AND"
COUNT_WORDS: Final = "SELECT count(*) FROM words WHERE words MATCH ?"
ASIDE: Final = ("number", "seconds", "brightness_hz")
MOST_WORDS: Final = 16
LONGEST_QUERY: Final = 500

_ORDER: Final[dict[Sort, str]] = {
    "newest": "changed_ns DESC, number DESC",
    "oldest": "changed_ns, number",
    "name": "path",
    "stars": "stars DESC, changed_ns DESC",
    "plays": "plays DESC, changed_ns DESC",
    "shortest": "seconds, number",
    "longest": "seconds DESC, number",
    "darkest": "brightness_hz, number",
    "brightest": "brightness_hz DESC, number",
}
_WORD: Final = re.compile(r"[^\W_]+")
_KEY: Final = re.compile(r"[A-G]#?(?:-?\d)?")


def search(index: SoundIndex, query: Query) -> Found:
    """The sounds that a query asks for; see ``domain.library.Library``."""
    _check(query)
    match, order = words_to_match(query.text), _ORDER[query.sort]
    where, values = _conditions(query)
    if match and len(where) == 1:
        total = index.counted(COUNT_WORDS, (match,))
    else:
        total = index.counted(
            f"SELECT count(*) FROM {WITH_WORDS if match else 'sounds WHERE'} {' AND '.join(where)}",  # noqa: S608 - own terms
            (match, *values) if match else tuple(values),
        )
    if match:
        where.append(IN_WORDS)
        values.append(match)
    if total >= MANY:
        where = [_looked_at(condition, order) for condition in where]
    # Rows are wide: they are sorted by their numbers, and only those that are shown are read.
    chosen = (
        f"SELECT number FROM sounds WHERE {' AND '.join(where)} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
    )
    with index.reading() as connection:
        rows = connection.execute(
            f"{SELECT} WHERE number IN ({chosen}) ORDER BY {order}",
            (*values, query.limit, query.offset),
        ).fetchall()
    return Found(total=total, sounds=rows_to_sounds(rows))


def words_to_match(text: str) -> str:
    """What a producer types as FTS5 reads it: every word, or its beginning, must be there."""
    words = _WORD.findall(text)[:MOST_WORDS]
    return " AND ".join(f'"{word}"*' for word in words)


def _looked_at(condition: str, order: str) -> str:
    """A condition that SQLite does not begin with, unless it goes in the order.

    Of few sounds each is found by an index; of many the first ones in the order are soon met, where
    an index of something else would find them all, to be sorted.
    """
    column = condition.split()[0]
    return f"+{condition}" if column in ASIDE and not order.startswith(column) else condition


def _check(query: Query) -> None:
    if query.sort not in get_args(Sort):
        raise BadArgumentsError(f"sort = {query.sort!r}, expected one of {', '.join(_ORDER)}")
    if not 1 <= query.limit <= MOST_SOUNDS or query.offset < 0:
        raise BadArgumentsError(
            f"limit = {query.limit}, offset = {query.offset}, "
            f"expected a limit from 1 to {MOST_SOUNDS} and an offset of 0 or more"
        )
    if len(query.text) > LONGEST_QUERY:
        raise BadArgumentsError(f"text of {len(query.text)}, expected {LONGEST_QUERY} characters")
    if query.key and not _KEY.fullmatch(query.key):
        raise BadArgumentsError(f"key = {query.key[:20]!r}, expected a note: F# or F#1")


def _conditions(query: Query) -> tuple[list[str], list[object]]:
    where: list[str] = ["trouble = ''"]
    values: list[object] = []
    if query.key:
        octave = query.key[-1].isdigit()
        where.append("key = ?" if octave else "rtrim(key, '-0123456789') = ?")
        values.append(query.key)
    if query.tag:
        where.append("instr(tags, ?) > 0")
        values.append(f"{TAG_END}{query.tag}{TAG_END}")
    limits: Sequence[tuple[str, object]] = (
        ("kind = ?", query.kind or None),
        ("stars >= ?", query.stars or None),
        ("rendered = ?", None if query.rendered is None else int(query.rendered)),
        ("seconds >= ?", query.shortest),
        ("seconds <= ?", query.longest),
        ("brightness_hz >= ?", query.darkest),
        ("brightness_hz <= ?", query.brightest),
    )
    for condition, value in limits:
        if value is not None:
            where.append(condition)
            values.append(value)
    return where, values
