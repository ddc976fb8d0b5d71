import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobId,
    SamplePublished,
)
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import DiskFullError, ErrorCode, ForbiddenError
from oneshot_server.jobs import journal as module
from oneshot_server.jobs.journal import Journal, JournalledSound
from oneshot_server.library.database import open_database

JOB = JobId("a")
KICK = GenerateRequest(prompt="kick", count=2, seed=7)


@pytest.fixture
def connection(tmp_path: Path):
    with closing(open_database(tmp_path / "library.db")) as connection:
        yield connection


def sound(path: Path, index: int = 0) -> JournalledSound:
    return JournalledSound(index=index, path=str(path), seed=7 + index, seconds=0.5)


def fill_disk(connection: sqlite3.Connection) -> None:
    """Let SQLite believe that not one page more fits; its error is the one of a full disk."""
    connection.execute("CREATE TABLE ballast (bytes BLOB)")
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    for size in (500, 50, 5):
        with suppress(sqlite3.OperationalError):
            while True:
                connection.execute("INSERT INTO ballast VALUES (zeroblob(?))", (size,))
    # Tables have room left in their last pages; rows that do not fit there need another.
    for table in ("jobs (id, request)", "sounds (job, sound, path, seed, seconds)"):
        blanks = ", ".join(["hex(randomblob(8))"] * (table.count(",") + 1))
        with suppress(sqlite3.Error):
            connection.execute("PRAGMA foreign_keys = OFF")
            while True:
                connection.execute(f"INSERT INTO {table} VALUES ({blanks})")
    connection.execute("PRAGMA foreign_keys = ON")


def free_disk(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA max_page_count = 1000000")
    connection.execute("DELETE FROM jobs WHERE length(id) = 16")


class FullWhenWriting:
    """A connection whose disk is full for every statement that writes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.full = False

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction

    def rollback(self) -> None:
        self.connection.rollback()

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        if self.full and statement.startswith(("UPDATE", "DELETE", "COMMIT")):
            raise sqlite3.OperationalError("database or disk is full")
        return self.connection.execute(statement, values)


def test_a_job_is_unfinished_until_it_ends(connection):
    journal = Journal(connection)
    journal.accept(JOB, KICK)
    assert [(job.id, job.request) for job in journal.unfinished()] == [(JOB, KICK)]
    journal.end(JOB, "done")
    assert journal.unfinished() == []


def test_a_full_disk_refuses_a_job_and_takes_it_when_there_is_room(connection):
    journal = Journal(connection)
    fill_disk(connection)
    with pytest.raises(DiskFullError, match="no space left"):
        journal.accept(JOB, KICK)
    free_disk(connection)
    journal.accept(JOB, KICK)
    assert [job.id for job in journal.unfinished()] == [JOB]


def test_a_full_disk_refuses_the_intent_to_publish(connection, tmp_path):
    journal = Journal(connection)
    journal.accept(JOB, KICK)
    fill_disk(connection)
    with pytest.raises(DiskFullError):
        journal.intend(JOB, sound(tmp_path / ("long" * 1000)))


def test_an_end_that_cannot_be_written_is_written_with_the_next_one(connection, tmp_path):
    disk = FullWhenWriting(connection)
    journal = Journal(disk)  # type: ignore[arg-type]
    for name in ("a", "b"):
        journal.accept(JobId(name), KICK)
    journal.intend(JOB, sound(tmp_path / "kick.wav"))
    disk.full = True
    journal.published(JOB, 0, str(tmp_path / "kick.wav"))
    journal.end(JOB, "done")
    assert not connection.in_transaction
    assert [job.id for job in journal.unfinished()] == ["a", "b"]
    disk.full = False
    journal.end(JobId("b"), "done")
    assert journal.unfinished() == []
    assert [Path(s.path).name for s in journal.recent(9)] == ["kick.wav"]


def test_a_database_that_is_gone_is_named_as_such(connection):
    journal = Journal(connection)
    connection.execute("DROP TABLE jobs")
    with pytest.raises(ForbiddenError, match="no such table"):
        journal.accept(JOB, KICK)


def test_a_job_that_cannot_be_read_is_ended_and_the_others_are_restored(connection):
    journal = Journal(connection)
    for name in ("a", "b", "c"):
        journal.accept(JobId(name), KICK)
    connection.execute("""UPDATE jobs SET request = '{"prompt": "x", "count": 0}' WHERE id = 'a'""")
    connection.execute("UPDATE jobs SET request = 'no json' WHERE id = 'b'")
    assert [job.id for job in journal.unfinished()] == ["c"]
    ended = connection.execute("SELECT id, ended FROM jobs ORDER BY id").fetchall()
    assert ended == [("a", "unreadable"), ("b", "unreadable"), ("c", None)]


def test_an_intent_counts_as_published_only_if_its_file_is_there(connection, tmp_path):
    journal = Journal(connection)
    journal.accept(JOB, KICK)
    journal.intend(JOB, sound(tmp_path / "there.wav", 1))
    journal.intend(JOB, sound(tmp_path / "not.wav", 0))
    (tmp_path / "there.wav").touch()
    assert [s.index for s in journal.unfinished()[0].sounds] == [1]


def test_what_lasts_of_a_job_is_told_as_its_events(connection, tmp_path):
    journal = Journal(connection)
    path = str(tmp_path / "kick.wav")
    for how in ("done", "cancelled", "disk_full", "unreadable"):
        job = JobId(how)
        journal.accept(job, KICK)
        journal.intend(job, sound(tmp_path / "kick.wav"))
        journal.published(job, 0, path)
        told = [
            Accepted(job=job),
            SamplePublished(job=job, index=0, path=path, seed=7, seconds=0.5),
        ]
        assert journal.history(job) == told
        journal.end(job, how)
        *first, end = journal.history(job)
        assert first == told
        match end:
            case Failed(code=code, text=text):
                assert code in {ErrorCode.DISK_FULL, ErrorCode.ENGINE_FAILED}
                assert how in text
            case Done(count=count):
                assert (how, count) == ("done", 1)
            case _:
                assert (how, end) == ("cancelled", Cancelled(job=job))
    assert journal.history(JobId("nobody")) == ()


def test_jobs_that_ended_long_ago_are_forgotten_with_their_sounds(
    connection, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "KEPT_JOBS", 3)
    journal = Journal(connection)
    journal.accept(JobId("open"), KICK)
    for number in range(9):
        job = JobId(str(number))
        journal.accept(job, KICK)
        journal.intend(job, sound(tmp_path / job))
        journal.published(job, 0, str(tmp_path / job))
        journal.end(job, "done")
    assert [s.path for s in journal.recent(9)] == [str(tmp_path / n) for n in "876"]
    assert [job.id for job in journal.unfinished()] == ["open"]
