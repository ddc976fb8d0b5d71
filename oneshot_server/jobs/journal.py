"""The journal: accepted jobs outlive the daemon, and no sound is published twice."""

import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobEvent,
    JobId,
    SampleImproved,
    SamplePublished,
)
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import ErrorCode, OneshotError
from oneshot_server.library.database import database_errors

log = structlog.get_logger(__name__)

KEPT_JOBS: Final = 1000


@dataclass(frozen=True, kw_only=True)
class JournalledSound:
    """A sound of a job that is in the folder.

    Attributes:
        index: which of the job's.
        path: of its file.
        seed: of the sound.
        seconds: its duration.
        draft: SHA-256 of the audio that it was published with as a draft; empty if it was none.
        improved: whether the better one has taken the draft's place.
    """

    index: int
    path: str
    seed: int
    seconds: float
    draft: str = ""
    improved: bool = False

    def event(self, job: JobId) -> SamplePublished:
        """What was told of it when it was published, as a sound of this job."""
        return SamplePublished(
            job=job,
            index=self.index,
            path=self.path,
            seed=self.seed,
            seconds=self.seconds,
            draft=bool(self.draft),
        )

    def events(self, job: JobId) -> list[SamplePublished | SampleImproved]:
        """All that was told of it."""
        published = self.event(job)
        return [published, published.improved(self.seconds)] if self.improved else [published]


@dataclass(frozen=True, kw_only=True)
class JournalledJob:
    """A job that was accepted, at a time in seconds since 1970, and has not ended."""

    id: JobId
    request: GenerateRequest
    engine_deaths: int
    accepted: float
    sounds: tuple[JournalledSound, ...]


class Journal:
    """Jobs and their sounds in the database; what a method writes is committed when it returns.

    What is about to be done (``accept``, ``intend``) is refused when it cannot be written down.
    What has happened (``published``, ``improved``, ``engine_died``, ``end``) cannot be refused: it
    is written down as soon as the disk lets us. Until then a restart may do it again, and the
    intents keep it from publishing twice.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._owed: list[tuple[str, tuple[object, ...]]] = []

    def accept(self, job: JobId, request: GenerateRequest) -> None:
        """Write down a job. It will end, whatever happens to this process.

        Raises:
            DiskFullError: no space left.
            ForbiddenError: the database cannot be written.
        """
        with database_errors():
            self._connection.execute(
                "INSERT INTO jobs (id, request, accepted) VALUES (?, ?, ?)",
                (job, msgspec.json.encode(request).decode(), time.time()),
            )

    def intend(self, job: JobId, sound: JournalledSound) -> None:
        """Write down where a sound will be, before it is there.

        Raises:
            DiskFullError: no space left.
            ForbiddenError: the database cannot be written.
        """
        with database_errors():
            self._connection.execute(
                "INSERT OR REPLACE INTO sounds (job, sound, path, seed, seconds, draft) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (job, sound.index, sound.path, sound.seed, sound.seconds, sound.draft),
            )

    def published(self, job: JobId, index: int, path: str) -> None:
        """The sound is there, at ``path``."""
        self._note(
            "UPDATE sounds SET published = 1, path = ? WHERE job = ? AND sound = ?",
            (path, job, index),
        )

    def improved(self, job: JobId, index: int, seconds: float) -> None:
        """The better one has taken the draft's place."""
        self._note(
            "UPDATE sounds SET improved = 1, seconds = ? WHERE job = ? AND sound = ?",
            (seconds, job, index),
        )

    def engine_died(self, job: JobId) -> None:
        """The job was with an engine that died."""
        self._note("UPDATE jobs SET engine_deaths = engine_deaths + 1 WHERE id = ?", (job,))

    def end(self, job: JobId, how: str) -> None:
        """The job has ended, and how: ``done``, ``cancelled`` or an error's code."""
        self._owed.append(("UPDATE jobs SET ended = ? WHERE id = ?", (how, job)))
        self._note(
            "DELETE FROM jobs WHERE ended IS NOT NULL AND number <= "
            "(SELECT max(number) FROM jobs) - ?",
            (KEPT_JOBS,),
        )

    def hit(self, job: JobId, request: GenerateRequest, sound: JournalledSound) -> None:
        """A job was accepted, its one sound published and its end told, all in a moment."""
        self._owed += [
            (
                "INSERT INTO jobs (id, request, accepted, ended) VALUES (?, ?, ?, 'done')",
                (job, msgspec.json.encode(request).decode(), time.time()),
            ),
            (
                "INSERT INTO sounds (job, sound, path, seed, seconds, published) "
                "VALUES (?, ?, ?, ?, ?, 1)",
                (job, sound.index, sound.path, sound.seed, sound.seconds),
            ),
        ]
        self.end(job, "done")

    def _note(self, statement: str, values: tuple[object, ...]) -> None:
        self._owed.append((statement, values))
        try:
            self._connection.execute("BEGIN")
            for owed in self._owed:
                self._connection.execute(*owed)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            log.warning("the journal is behind", statements=len(self._owed), error=str(error))
            if self._connection.in_transaction:
                self._connection.rollback()
        else:
            self._owed.clear()

    def unfinished(self) -> list[JournalledJob]:
        """Jobs that were accepted and have not ended, oldest first.

        A sound that was intended and whose file is there was published a moment before the daemon
        was killed. A job that this version cannot read is ended: it would stop every start.

        Raises:
            ForbiddenError: the database cannot be read.
        """
        with database_errors():
            rows = self._connection.execute(
                "SELECT id, request, engine_deaths, accepted FROM jobs "
                "WHERE ended IS NULL ORDER BY number"
            ).fetchall()
            sounds = {job: self._sounds_of(job) for job, *_ in rows}
        jobs = []
        for job, text, deaths, accepted in rows:
            try:
                request = msgspec.json.decode(text, type=GenerateRequest)
            except (msgspec.MsgspecError, OneshotError):
                log.exception("a job cannot be read and is given up", job=job, request=text)
                self.end(JobId(job), "unreadable")
                continue
            jobs.append(
                JournalledJob(
                    id=JobId(job),
                    request=request,
                    engine_deaths=deaths,
                    accepted=accepted,
                    sounds=sounds[job],
                )
            )
        return jobs

    def _sounds_of(self, job: str) -> tuple[JournalledSound, ...]:
        rows = self._connection.execute(
            "SELECT sound, path, seed, seconds, draft, improved, published FROM sounds "
            "WHERE job = ? ORDER BY sound",
            (job,),
        )
        return tuple(
            JournalledSound(
                index=index,
                path=path,
                seed=seed,
                seconds=seconds,
                draft=draft,
                improved=bool(improved),
            )
            for index, path, seed, seconds, draft, improved, published in rows
            # ``Path.exists`` raises where a folder may not be looked into
            if published or os.path.exists(path)  # noqa: PTH110
        )

    def history(self, job: JobId) -> Sequence[JobEvent]:
        """What lasts of a job, in the order in which it happened; empty for one that is not here.

        Raises:
            ForbiddenError: the database cannot be read.
        """
        with database_errors():
            row = self._connection.execute("SELECT ended FROM jobs WHERE id = ?", (job,)).fetchone()
            if row is None:
                return ()
            sounds = self._sounds_of(job)
        events: list[JobEvent] = [Accepted(job=job)]
        events += [event for sound in sounds for event in sound.events(job)]
        match row[0]:
            case None:
                pass
            case "done":
                events.append(Done(job=job, count=len(sounds), milliseconds=0))
            case "cancelled":
                events.append(Cancelled(job=job))
            case code:
                known = code if code in set(ErrorCode) else ErrorCode.ENGINE_FAILED
                text = f"the job has ended: {code}"
                events.append(Failed(job=job, code=ErrorCode(known), text=text))
        return events

    def recent(self, count: int) -> Sequence[JournalledSound]:
        """The sounds published last, newest first."""
        with database_errors():
            rows = self._connection.execute(
                "SELECT sound, path, seed, seconds FROM sounds WHERE published "
                "ORDER BY rowid DESC LIMIT ?",
                (count,),
            ).fetchall()
        return [
            JournalledSound(index=index, path=path, seed=seed, seconds=seconds)
            for index, path, seed, seconds in rows
        ]
