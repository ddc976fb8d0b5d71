"""Never the same kick twice: of several candidates the one furthest from all that there is.

The candidates are compared in the engine, where they are rendered, so only the chosen one becomes a
file. It is a sound of its own seed and of its own place in its batch, as any other: its recipe
makes it again whatever the library holds by then.
"""

import logging
import sqlite3
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from oneshot_server.library.projection import EMBEDDING
from oneshot_server.library.sound_index import index_reader

log = logging.getLogger(__name__)

REMEMBERED: Final = 4096

Vector = npt.NDArray[np.float32]


class Novelty:
    """Knows what the library has, and what was rendered since the engine was started.

    Args:
        index: path of ``sounds.db``; ``None``, or a file that is not there, is an empty library.
    """

    def __init__(self, index: Path | None = None) -> None:
        self._index = index
        self._identity: tuple[int, int] | None = None
        self._last = 0
        self._library: list[Vector] = []
        self._rendered: deque[Vector] = deque(maxlen=REMEMBERED)

    def furthest(self, candidates: Sequence[Vector]) -> int:
        """Which of some embeddings is furthest from its nearest neighbour; it is remembered."""
        self._follow()
        known = [*self._library, *([np.stack(self._rendered)] if self._rendered else [])]
        chosen = 0
        if known and len(candidates) > 1:
            chosen = int(np.argmax([_to_nearest(vector, known) for vector in candidates]))
        self._rendered.append(candidates[chosen])
        return chosen

    def _follow(self) -> None:
        """Read what has come into the index; what has gone from it was heard all the same."""
        if self._index is None:
            return
        try:
            status = self._index.stat()
            if (status.st_dev, status.st_ino) != self._identity:
                self._identity, self._last = (status.st_dev, status.st_ino), 0
                self._library.clear()
            with index_reader(self._index) as connection:
                rows = connection.execute(
                    "SELECT number, embedding FROM embeddings WHERE number > ? ORDER BY number",
                    (self._last,),
                ).fetchall()
        except (OSError, sqlite3.Error) as error:
            log.info("the library cannot be asked: %s", error)
            return
        vectors = [np.frombuffer(blob, np.float16) for _, blob in rows]
        vectors = [vector for vector in vectors if len(vector) == EMBEDDING]
        if vectors:
            self._library.append(np.stack(vectors).astype(np.float32))
            self._last = int(rows[-1][0])
        if len(self._library) > 1 and len(self._library[-1]) * 2 > len(self._library[-2]):
            self._library[-2:] = [np.concatenate(self._library[-2:])]


def _to_nearest(vector: Vector, known: Sequence[Vector]) -> float:
    return min(float(((matrix - vector) ** 2).sum(axis=1).min()) for matrix in known)
