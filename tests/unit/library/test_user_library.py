from pathlib import Path

import pytest

from oneshot_server.errors import NotFoundError
from oneshot_server.library.user_library import find_user_library


@pytest.fixture(autouse=True)
def person(tmp_path, monkeypatch):
    """A fake home directory of a person."""
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    for variable in ("XDG_MUSIC_DIR", "XDG_DOCUMENTS_DIR"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.mark.parametrize("place", ["Music", "Documents"])
def test_it_is_found_where_live_puts_it_on_macos_and_windows(person, place):
    library = person / place / "Ableton" / "User Library"
    library.mkdir(parents=True)
    assert find_user_library("") == library


def test_documents_that_were_moved_are_followed(person, monkeypatch):
    monkeypatch.setenv("XDG_DOCUMENTS_DIR", str(person / "OneDrive"))
    library = person / "OneDrive" / "Ableton" / "User Library"
    library.mkdir(parents=True)
    assert find_user_library("") == library


def test_without_live_there_is_none(person):
    (person / "Music").mkdir()
    assert find_user_library("") is None


def test_a_file_of_that_name_is_none(person):
    (person / "Music" / "Ableton").mkdir(parents=True)
    (person / "Music" / "Ableton" / "User Library").touch()
    assert find_user_library("") is None


def test_the_setting_names_another_and_must_be_right(person):
    (person / "Music" / "Ableton" / "User Library").mkdir(parents=True)
    (person / "Studio").mkdir()
    assert find_user_library("~/Studio") == Path(person, "Studio")
    with pytest.raises(NotFoundError, match=r"samples.user_library = ~/Stage: .* no such folder"):
        find_user_library("~/Stage")
