"""What a listener likes, learned from stars: of two candidates for the reserve the better one.

A small model on the sounds' embeddings: those with three stars and more against those that were
auditioned and got none, or one or two. It is fitted in the engine, where the candidates are, from
the library's index, and again when stars have changed.
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
REGULARISATION: Final = 0.3
"""Best, and by little, for ten kinds of listeners who star 40 sounds of the starter; an embedding's
numbers deviate by less than 0.1 within a kind."""

KIND_REGULARISATION: Final = 0.1
ITERATIONS: Final = 50
MOST_SOUNDS: Final = 2500  # liked ones, and as many others: the newest of each

Vector = npt.NDArray[np.float32]
Row = tuple[bytes, str, int]
"""Embedding, kind, stars."""

# A sound that is there twice is one sound, with the most stars that it has anywhere. The + keeps
# SQLite from going through all sounds by their content for that.
QUERY: Final = (
    "SELECT embedding, kind, max(stars) AS most FROM sounds JOIN embeddings USING (number) "
    "WHERE trouble = '' AND (stars > 0 OR plays > 0) GROUP BY +content "
    "HAVING (most >= ?) = ? ORDER BY changed_ns DESC LIMIT ?"
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
        self._seen: object = None
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
        """Which of some embeddings will be liked most.

        Args:
            candidates: (EMBEDDING,) each, of sounds of one kind.

        Returns:
            The first one where several are as good, and while nothing is known.
        """
        if self._weights is None:
            return 0
        return int(np.argmax(np.stack(candidates) @ self._weights))

    def _learn(self, index: Path) -> None:
        try:
            with index_reader(index) as reader:
                written = reader.execute("SELECT identity, revision FROM about").fetchone()
                if written == self._seen:
                    return
                liked, others = (
                    _usable(reader.execute(QUERY, (LIKED, yes, MOST_SOUNDS)).fetchall())
                    for yes in (1, 0)
                )
        except sqlite3.Error as error:
            log.info("the library cannot be asked: %s", error)
            return
        self._seen, self._weights = written, None
        if min(len(liked), len(others)) >= LEAST_STARS:
            rows = [*liked, *others]
            self._weights = fit(
                np.stack([_vector(embedding) for embedding, _, _ in rows]),
                np.repeat([1, 0], [len(liked), len(others)]),
                np.array([kind for _, kind, _ in rows]),
            )


def fit(
    vectors: npt.NDArray[np.float64], liked: npt.NDArray[np.int64], kinds: npt.NDArray[np.str_]
) -> npt.NDArray[np.float64]:
    """Logistic regression with an L2 penalty, both outcomes weighing the same, by Newton's method.

    Each kind has a constant of its own: candidates are of one kind, so which kinds are liked more
    must not pass for what is liked about a sound.

    Args:
        vectors: (sounds, numbers).
        liked: (sounds,), 1 or 0, some of each.
        kinds: (sounds,).

    Returns:
        (numbers,): weights; the constants change no comparison.

    Reference: Hastie, Tibshirani and Friedman, 2009, "The Elements of Statistical Learning", 4.4.1.
    """
    count = vectors.shape[1]
    design = np.hstack((vectors, kinds[:, None] == np.unique(kinds)))
    share = liked.mean()
    balance = np.where(liked == 1, 0.5 / share, 0.5 / (1 - share))
    penalty = np.full(design.shape[1], KIND_REGULARISATION)
    penalty[:count] = REGULARISATION
    weights = np.zeros(design.shape[1])
    for _ in range(ITERATIONS):
        likely = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -30.0, 30.0)))
        slope = design.T @ (balance * (likely - liked)) + penalty * weights
        curve = (design * (balance * likely * (1 - likely))[:, None]).T @ design
        step = np.linalg.solve(curve + np.diag(penalty), slope)
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    return weights[:count]


def _usable(rows: list[Row]) -> list[Row]:
    """Those with an embedding of the projection that is used now, and no number out of range."""
    return [
        row
        for row in rows
        if len(row[0]) == 2 * EMBEDDING and bool(np.isfinite(_vector(row[0])).all())
    ]


def _vector(embedding: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(embedding, np.float16).astype(np.float64)
