import sqlite3
from contextlib import closing

import pytest

from oneshot_server.errors import ForbiddenError
from oneshot_server.jobs.journal import Journal
from oneshot_server.library.database import MIGRATIONS, open_database


def test_a_new_database_has_the_newest_layout(tmp_path):
    with closing(open_database(tmp_path / "library.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_opening_again_changes_nothing(tmp_path):
    with closing(open_database(tmp_path / "library.db")) as connection:
        connection.execute("INSERT INTO jobs (id, request) VALUES ('a', '{}')")
    with closing(open_database(tmp_path / "library.db")) as connection:
        assert connection.execute("SELECT id FROM jobs").fetchall() == [("a",)]


@pytest.mark.parametrize(
    "content", [b"this is no database" * 500, b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_damaged_file_is_moved_aside_and_kept(tmp_path, content):
    path = tmp_path / "library.db"
    path.write_bytes(content)
    open_database(path).close()
    assert (tmp_path / "library.db.broken-1").read_bytes() == content
    path.write_bytes(content)
    open_database(path).close()
    assert (tmp_path / "library.db.broken-2").read_bytes() == content


def test_damage_beyond_the_first_page_is_found_when_the_file_is_opened(tmp_path):
    path = tmp_path / "library.db"
    with closing(open_database(path)) as connection:
        for number in range(300):
            connection.execute("INSERT INTO jobs (id, request) VALUES (?, ?)", (number, "x" * 200))
    content = bytearray(path.read_bytes())
    content[3 * 4096 : 9 * 4096] = b"\xa5" * (6 * 4096)
    path.write_bytes(content)
    with closing(open_database(path)) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
    assert (tmp_path / "library.db.broken-1").read_bytes() == content


def test_a_file_that_cannot_be_opened_stays_where_it_is(tmp_path):
    (tmp_path / "library.db").mkdir()
    with pytest.raises(
        ForbiddenError, match=r"library\.db cannot be used: unable to open"
    ) as error:
        open_database(tmp_path / "library.db")
    assert isinstance(error.value.__cause__, sqlite3.OperationalError)
    assert [path.name for path in tmp_path.iterdir()] == ["library.db"]


def test_sounds_of_before_there_were_drafts_are_none(tmp_path):
    path = tmp_path / "library.db"
    with closing(sqlite3.connect(path)) as old:
        for number, script in enumerate(MIGRATIONS[:6], start=1):
            old.executescript(f"{script} PRAGMA user_version = {number};")
        old.execute("INSERT INTO jobs (id, request) VALUES ('a', '{\"prompt\": \"kick\"}')")
        old.execute("INSERT INTO sounds VALUES ('a', 0, '/k.wav', 7, 0.5, 1)")
        old.commit()
    with closing(open_database(path)) as connection:
        (job,) = Journal(connection).unfinished()
        (sound,) = job.sounds
        assert (sound.draft, sound.improved, sound.path) == ("", False, "/k.wav")
        assert job.request.quality == "quick"
