"""What a listener likes, learned from stars: of two candidates for the reserve the better one.

A small model on the sounds' embeddings: those with three stars and more against those that were
auditioned and got none, or one or two. It is fitted in the engine, where the candidates are, from
the library's index, in milliseconds, and again when stars have changed.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from oneshot_server.library.projection import EMBEDDING
from oneshot_server.library.sound_index import index_reader

log = logging.getLogger(__name__)

LEAST_STARS: Final = 20
LIKED: Final = 3
LOOK_SECONDS: Final = 5.0
REGULARISATION: Final = 1.0
ITERATIONS: Final = 20
MOST_SOUNDS: Final = 5000

Vector = npt.NDArray[np.float32]

QUERY: Final = (
    "SELECT embedding, stars >= ? FROM sounds JOIN embeddings USING (number) "
    "WHERE trouble = '' AND (stars > 0 OR plays > 0) ORDER BY changed_ns DESC LIMIT ?"
)


class Taste:
    """Scores sounds.

    Args:
        index: path of ``sounds.db``; ``None`` knows no stars.
        clock: seconds that only rise.
    """

    def __init__(
        self, index: Path | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._index = index
        self._clock = clock
        self._looked = -LOOK_SECONDS
        self._learned_from: tuple[bytes, ...] = ()
        self._weights: npt.NDArray[np.float64] | None = None

    @property
    def knows(self) -> bool:
        """Whether enough sounds have stars, and enough were passed over."""
        now = self._clock()
        if self._index is not None and now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._learn(self._index)
        return self._weights is not None

    def best(self, candidates: Sequence[Vector]) -> int:
        """Which of some embeddings will be liked most; the first one while nothing is known."""
        if self._weights is None:
            return 0
        return int(np.argmax(np.stack(candidates) @ self._weights[:-1]))

    def _learn(self, index: Path) -> None:
        try:
            with index_reader(index) as reader:
                rows = reader.execute(QUERY, (LIKED, MOST_SOUNDS)).fetchall()
        except sqlite3.Error as error:
            log.info("the library cannot be asked: %s", error)
            return
        known = [(blob, liked) for blob, liked in rows if len(blob) == 2 * EMBEDDING]
        liked = sum(yes for _, yes in known)
        if liked < LEAST_STARS or len(known) - liked < LEAST_STARS:
            self._weights, self._learned_from = None, ()
            return
        seen = tuple(blob + bytes([yes]) for blob, yes in known)
        if seen != self._learned_from:
            vectors = np.stack([np.frombuffer(blob, np.float16) for blob, _ in known])
            self._weights = fit(vectors.astype(np.float64), np.array([yes for _, yes in known]))
            self._learned_from = seen


def fit(vectors: npt.NDArray[np.float64], liked: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Logistic regression with an L2 penalty, both outcomes weighing the same, by Newton's method.

    Args:
        vectors: (sounds, numbers).
        liked: (sounds,), 1 or 0, some of each.

    Returns:
        (numbers + 1,): weights, and the constant.

    Reference: Hastie, Tibshirani and Friedman, 2009, "The Elements of Statistical Learning", 4.4.1.
    """
    design = np.hstack((vectors, np.ones((len(vectors), 1))))
    share = liked.mean()
    balance = np.where(liked == 1, 0.5 / share, 0.5 / (1 - share))
    penalty = np.full(design.shape[1], REGULARISATION)
    penalty[-1] = 0.0
    weights = np.zeros(design.shape[1])
    for _ in range(ITERATIONS):
        likely = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -30.0, 30.0)))
        slope = design.T @ (balance * (likely - liked)) + penalty * weights
        curve = (design * (balance * likely * (1 - likely) + 1e-9)[:, None]).T @ design
        step = np.linalg.solve(curve + np.diag(penalty + 1e-9), slope)
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    return weights
