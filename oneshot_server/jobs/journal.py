"""The journal: accepted jobs outlive the daemon, and no sound is published twice."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from oneshot_server.domain.events import JobId
from oneshot_server.domain.requests import GenerateRequest

KEPT_JOBS: Final = 1000


@dataclass(frozen=True, kw_only=True)
class JournalledSound:
    """A sound of a job that is in the folder."""

    index: int
    path: str
    seed: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class JournalledJob:
    """A job that was accepted and has not ended."""

    id: JobId
    request: GenerateRequest
    engine_deaths: int
    sounds: tuple[JournalledSound, ...]


class Journal:
    """Jobs and their sounds in the database; every method is one committed transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def accept(self, job: JobId, request: GenerateRequest) -> None:
        """Write down a job. It will end, whatever happens to this process."""
        self._connection.execute(
            "INSERT INTO jobs (id, request) VALUES (?, ?)",
            (job, msgspec.json.encode(request).decode()),
        )

    def intend(self, job: JobId, sound: JournalledSound) -> None:
        """Write down where a sound will be, before it is there."""
        self._connection.execute(
            "INSERT OR REPLACE INTO sounds (job, sound, path, seed, seconds) "
            "VALUES (?, ?, ?, ?, ?)",
            (job, sound.index, sound.path, sound.seed, sound.seconds),
        )

    def published(self, job: JobId, index: int, path: str) -> None:
        """The sound is there, at ``path``."""
        self._connection.execute(
            "UPDATE sounds SET published = 1, path = ? WHERE job = ? AND sound = ?",
            (path, job, index),
        )

    def engine_died(self, job: JobId) -> None:
        """The job was with an engine that died."""
        self._connection.execute(
            "UPDATE jobs SET engine_deaths = engine_deaths + 1 WHERE id = ?", (job,)
        )

    def end(self, job: JobId, how: str) -> None:
        """The job has ended, and how: ``done``, ``cancelled`` or an error's code."""
        self._connection.execute("UPDATE jobs SET ended = ? WHERE id = ?", (how, job))
        self._connection.execute(
            "DELETE FROM jobs WHERE ended IS NOT NULL AND number <= "
            "(SELECT max(number) FROM jobs) - ?",
            (KEPT_JOBS,),
        )

    def unfinished(self) -> list[JournalledJob]:
        """Jobs that were accepted and have not ended, oldest first.

        A sound that was intended and whose file is there was published a moment before the daemon
        was killed.
        """
        rows = self._connection.execute(
            "SELECT id, request, engine_deaths FROM jobs WHERE ended IS NULL ORDER BY number"
        ).fetchall()
        jobs = []
        for job, request, deaths in rows:
            sounds = self._connection.execute(
                "SELECT sound, path, seed, seconds, published FROM sounds WHERE job = ?", (job,)
            ).fetchall()
            there = [
                JournalledSound(index=index, path=path, seed=seed, seconds=seconds)
                for index, path, seed, seconds, published in sounds
                if published or Path(path).exists()
            ]
            jobs.append(
                JournalledJob(
                    id=JobId(job),
                    request=msgspec.json.decode(request, type=GenerateRequest),
                    engine_deaths=deaths,
                    sounds=tuple(sorted(there, key=lambda sound: sound.index)),
                )
            )
        return jobs

    def recent(self, count: int) -> Sequence[JournalledSound]:
        """The sounds published last, newest first."""
        rows = self._connection.execute(
            "SELECT sound, path, seed, seconds FROM sounds WHERE published ORDER BY rowid DESC "
            "LIMIT ?",
            (count,),
        )
        return [
            JournalledSound(index=index, path=path, seed=seed, seconds=seconds)
            for index, path, seed, seconds in rows
        ]
