from contextlib import closing

import pytest

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
