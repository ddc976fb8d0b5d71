"""A mark is written into a render, or the file stays as it was."""

import errno

import pytest

from oneshot_server.domain.library import Mark
from oneshot_server.errors import DiskFullError, ForbiddenError
from oneshot_server.library import marks, rewriting
from oneshot_server.library.wav_metadata import read_mark
from tests.unit.library.sounds import render

STARRED = Mark(stars=4, tags=("dusty",))


def test_a_file_that_another_program_writes_meanwhile_keeps_what_that_wrote(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    path.write_bytes(render(7, "dark kick"))
    edited = path.read_bytes() + b"edited"
    monkeypatch.setattr(rewriting.shutil, "copystat", lambda *_: path.write_bytes(edited))
    with pytest.raises(ForbiddenError, match="another program"):
        marks.mark_render(path, STARRED, tmp_path)
    assert path.read_bytes() == edited
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]


def test_on_a_full_disk_the_file_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    path.write_bytes(before := render(7, "dark kick"))

    def full(_file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(rewriting.os, "fsync", full)
    with pytest.raises(DiskFullError):
        marks.mark_render(path, STARRED, tmp_path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]


def test_a_mark_can_be_read_and_taken_away_again(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(before := render(7, "dark kick"))
    marks.mark_render(path, STARRED, tmp_path)
    with path.open("rb") as file:
        assert read_mark(file) == STARRED
    marks.mark_render(path, Mark(), tmp_path)
    assert path.read_bytes() == before
