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

from oneshot_server.library.embeddings import Embeddings, distances_to
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
        self._library = Embeddings(lambda: index_reader(index)) if index else None
        self._rendered: deque[Vector] = deque(maxlen=REMEMBERED)

    def furthest(self, candidates: Sequence[Vector]) -> int:
        """Which of some embeddings is furthest from its nearest neighbour; it is remembered."""
        chosen = 0
        if len(candidates) > 1:
            chosen = int(np.argmax([self._to_nearest(vector) for vector in candidates]))
        self._rendered.append(candidates[chosen])
        return chosen

    def _to_nearest(self, vector: Vector) -> float:
        """How far the nearest sound is; infinitely if there is none."""
        near = [np.inf]
        if self._rendered:
            near.append(float(distances_to(np.stack(self._rendered), vector).min()))
        if self._library is not None:
            try:
                near += [distance for _, distance in self._library.nearest_to(vector, 1)]
            except sqlite3.Error as error:
                log.info("the library cannot be asked: %s", error)
        return min(near)
