"""Which sounds were made from which, told by their recipes: a parent is known by its audio."""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

MOST: Final = 200
"""Sounds of one family that are told of; the nearest ones."""

PARENTS: Final = (
    "SELECT min(sounds.number) FROM parents JOIN sounds ON sounds.content = parents.content "
    "WHERE parents.child = ? GROUP BY parents.content"
)
CHILDREN: Final = (
    "SELECT parents.child FROM sounds JOIN parents ON parents.content = sounds.content "
    "WHERE sounds.number = ?"
)

Rows = Callable[..., list[tuple[Any, ...]]]


def find_family(rows: Rows, number: int) -> tuple[list[int], list[tuple[int, int]]]:
    """The family of a sound.

    Args:
        rows: answers a statement of SQL with its values.
        number: of the sound.

    Returns:
        Numbers of its ancestors, of their other descendants, of its own and of itself, which is the
        first; and (parent, child) for each two of them.
    """
    found: dict[int, None] = {number: None}  # in the order in which they were found
    links: dict[tuple[int, int], None] = {}
    ahead = deque([number])
    while ahead:
        one = ahead.popleft()
        parents = [int(row[0]) for row in rows(PARENTS, one)]
        children = [int(row[0]) for row in rows(CHILDREN, one)]
        for parent, child in (*((p, one) for p in parents), *((one, c) for c in children)):
            other = child if parent == one else parent
            if other not in found and len(found) >= MOST:
                continue
            if other not in found:
                found[other] = None
                ahead.append(other)
            if parent != child:
                links[parent, child] = None
    return list(found), list(links)
