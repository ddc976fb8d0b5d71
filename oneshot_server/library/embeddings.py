"""All embeddings in memory: which sounds are alike, and where each is on the map."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt

from oneshot_server.errors import NotFoundError
from oneshot_server.library.index_changes import Revision, revision_of
from oneshot_server.library.projection import EMBEDDING

Matrix = npt.NDArray[np.float32]

BLOCK: Final = 4096
MAP_DEVIATIONS: Final = 2.5
"""So many standard deviations along the first axis reach 1."""


class Embeddings:
    """A matrix that follows the index, whoever writes it. Threads may share one.

    Args:
        reading: a connection to the index, for a few queries.
    """

    def __init__(self, reading: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._reading = reading
        self._lock = Lock()
        self._numbers = np.zeros(0, np.int64)
        self._matrix: Matrix = np.zeros((0, EMBEDDING), np.float32)
        self._used = 0
        self._rows: dict[int, int] = {}
        self._seen = Revision(identity="", number=0)

    def nearest(self, number: int, count: int) -> list[tuple[int, float]]:
        """The sounds nearest to one, without it: number and distance, ascending.

        Raises:
            NotFoundError: the sound has no embedding.
        """
        with self._lock:
            self._follow()
            row = self._rows.get(number)
            if row is None:
                raise NotFoundError(f"no sound has the number {number}")
            return self._closest(self._matrix[row], count, without=row)

    def nearest_to(self, embedding: Matrix, count: int) -> list[tuple[int, float]]:
        """The sounds nearest to one that is not in the library, (EMBEDDING,); see ``nearest``."""
        with self._lock:
            self._follow()
            return self._closest(embedding, count, without=None)

    def map(self) -> tuple[npt.NDArray[np.int64], Matrix]:
        """Numbers, ascending, (sounds,), and their places, (sounds, 2); see ``plane``."""
        with self._lock:
            self._follow()
            places = plane(self._matrix[: self._used])
            order = np.argsort(self._numbers[: self._used])
            return self._numbers[order], places[order]

    def _closest(
        self, vector: Matrix, count: int, *, without: int | None
    ) -> list[tuple[int, float]]:
        distances = distances_to(self._matrix[: self._used], vector)
        if without is not None:
            distances[without] = np.inf
        most = min(count, self._used - (without is not None))
        if most <= 0:
            return []
        chosen = np.argpartition(distances, most - 1)[:most]
        chosen = chosen[np.argsort(distances[chosen], kind="stable")]
        return [(int(self._numbers[i]), float(distances[i])) for i in chosen]

    def _follow(self) -> None:
        """Read what has been written since the last time."""
        with self._reading() as connection:
            last = revision_of(connection)
            if last.identity != self._seen.identity:
                self._load_all(connection)
            elif last != self._seen:
                self._load_some(connection)
        self._seen = last

    def _load_all(self, connection: sqlite3.Connection) -> None:
        (count,) = connection.execute("SELECT count(*) FROM embeddings").fetchone()
        self._numbers = np.zeros(count, np.int64)
        self._matrix = np.zeros((count, EMBEDDING), np.float32)
        self._used = 0
        for number, blob in connection.execute("SELECT number, embedding FROM embeddings"):
            self._append(number, blob)
        self._rows = {int(number): row for row, number in enumerate(self._numbers[: self._used])}

    def _load_some(self, connection: sqlite3.Connection) -> None:
        since = (self._seen.number,)
        for (number,) in connection.execute("SELECT number FROM gone WHERE revision > ?", since):
            self._drop(number)
        for number, blob in connection.execute(
            "SELECT sounds.number, embedding FROM sounds LEFT JOIN embeddings USING (number) "
            "WHERE revision > ?",
            since,
        ):
            if blob is None:
                self._drop(number)
            elif number in self._rows:
                self._matrix[self._rows[number]] = to_vector(blob)
            else:
                self._append(number, blob)
                self._rows[number] = self._used - 1

    def _append(self, number: int, blob: bytes) -> None:
        if self._used == len(self._numbers):
            room = max(256, self._used // 4)
            self._numbers = np.concatenate((self._numbers, np.zeros(room, np.int64)))
            self._matrix = np.concatenate((self._matrix, np.zeros((room, EMBEDDING), np.float32)))
        self._numbers[self._used] = number
        self._matrix[self._used] = to_vector(blob)
        self._used += 1

    def _drop(self, number: int) -> None:
        """Put the last row in the place of one that is gone."""
        row = self._rows.pop(number, None)
        if row is None:
            return
        last = self._used - 1
        if row != last:
            self._numbers[row], self._matrix[row] = self._numbers[last], self._matrix[last]
            self._rows[int(self._numbers[row])] = row
        self._used = last


def distances_to(matrix: Matrix, vector: Matrix) -> Matrix:
    """How far each row is from a vector; (rows,)."""
    distances = np.empty(len(matrix), np.float32)
    for start in range(0, len(matrix), BLOCK):  # so that nothing as large as the matrix is made
        difference = matrix[start : start + BLOCK] - vector
        distances[start : start + BLOCK] = np.einsum("ij,ij->i", difference, difference)
    return np.sqrt(distances, out=distances)


def plane(matrix: Matrix) -> Matrix:
    """Rows on the plane of their two main components, (rows, 2), about -1 to 1."""
    if len(matrix) < 2:
        return np.zeros((len(matrix), 2), np.float32)
    mean = matrix.mean(axis=0)
    covariance = (matrix.T @ matrix) / len(matrix) - np.outer(mean, mean)
    _, axes = np.linalg.eigh(covariance)
    main = axes[:, [-1, -2]]
    # An axis may point either way: the same map must come out after every start.
    main = main * np.sign(main[np.abs(main).argmax(axis=0), [0, 1]])
    places = matrix @ main - mean @ main
    result: Matrix = places / max(MAP_DEVIATIONS * float(places[:, 0].std()), 1e-9)
    return np.clip(result, -1.0, 1.0).astype(np.float32)


def to_vector(blob: bytes) -> Matrix:
    """What the index has of an embedding, as numbers, (EMBEDDING,)."""
    vector = np.frombuffer(blob, np.float16)
    return (
        vector.astype(np.float32) if len(vector) == EMBEDDING else np.zeros(EMBEDDING, np.float32)
    )
