import errno
import os

import pytest

from oneshot_server.errors import DiskFullError, ForbiddenError
from oneshot_server.library.atomic_file import write_atomically


def test_a_file_and_its_folder_are_made_and_replaced(tmp_path):
    path = tmp_path / "a" / "b.bin"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [file.name for file in path.parent.iterdir()] == ["b.bin"]


def test_a_name_may_be_as_long_as_a_name_can_be(tmp_path):
    path = tmp_path / ("é" * 127)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_full_disk_names_the_folder_and_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "b.bin"
    write_atomically(path, b"old")

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match=str(tmp_path)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["b.bin"]


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "a").write_text("a file")
    with pytest.raises(ForbiddenError, match="cannot be written"):
        write_atomically(tmp_path / "a" / "b.bin", b"new")
