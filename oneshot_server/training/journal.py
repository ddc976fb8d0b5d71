"""Trainings that were accepted and have not ended outlive the daemon."""

import sqlite3
import time
from dataclasses import dataclass
from typing import Final

from oneshot_server.domain.events import JobId
from oneshot_server.library.database import database_errors

DECLINED: Final = ("cancelled", "bad_arguments")


@dataclass(frozen=True, kw_only=True)
class JournalledTraining:
    """A training that was accepted, at a time in seconds since 1970."""

    job: JobId
    dataset: str
    accepted: float


class TrainingJournal:
    """Trainings in the database; what a method writes is committed when it returns.

    Every method raises DiskFullError or ForbiddenError when the database cannot be used.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def accept(self, job: JobId, dataset: str) -> JournalledTraining:
        """Write down a training."""
        training = JournalledTraining(job=job, dataset=dataset, accepted=time.time())
        with database_errors():
            self._connection.execute(
                "INSERT INTO trainings (job, dataset, accepted) VALUES (?, ?, ?)",
                (training.job, training.dataset, training.accepted),
            )
        return training

    def end(self, job: JobId, how: str, dataset_hash: str) -> None:
        """It has ended, and how: ``done``, ``cancelled`` or an error's code; "" if hash unknown."""
        with database_errors():
            self._connection.execute(
                "UPDATE trainings SET ended = ?, dataset_hash = ? WHERE job = ?",
                (how, dataset_hash, job),
            )

    def is_declined(self, dataset: str, dataset_hash: str) -> bool:
        """Whether it ended in vain with these very files, and trying again by itself is no help."""
        with database_errors():
            row = self._connection.execute(
                "SELECT ended FROM trainings WHERE dataset = ? AND dataset_hash = ? "
                "AND ended IS NOT NULL ORDER BY number DESC LIMIT 1",
                (dataset, dataset_hash),
            ).fetchone()
        return row is not None and row[0] in DECLINED

    def unfinished(self) -> list[JournalledTraining]:
        """Trainings that have not ended, oldest first."""
        with database_errors():
            rows = self._connection.execute(
                "SELECT job, dataset, accepted FROM trainings WHERE ended IS NULL ORDER BY number"
            ).fetchall()
        return [
            JournalledTraining(job=JobId(job), dataset=dataset, accepted=accepted)
            for job, dataset, accepted in rows
        ]
