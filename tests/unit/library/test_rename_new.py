"""A rename that never takes the place of a file."""

import errno
import os

import pytest

from oneshot_server.library import rename_new as module
from oneshot_server.library.rename_new import rename_new


@pytest.fixture(params=["by the system", "refused by the file system", "unknown to the system"])
def files(request, tmp_path, monkeypatch):
    if request.param == "refused by the file system":
        monkeypatch.setattr(module, "_exclusive", lambda: lambda *_: errno.EINVAL)
    elif request.param == "unknown to the system":
        monkeypatch.setattr(module, "_exclusive", lambda: None)
    (tmp_path / "source").write_bytes(b"new")
    return tmp_path / "source", tmp_path / "target"


def test_a_file_gets_a_name_that_nothing_has(files):
    source, target = files
    rename_new(source, target)
    assert target.read_bytes() == b"new"
    assert not source.exists()


def test_what_has_the_name_stays(files):
    source, target = files
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        rename_new(source, target)
    target.unlink()
    target.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        rename_new(source, target)
    assert (source.read_bytes(), target.is_symlink()) == (b"new", True)


def test_what_is_not_there_is_said(files):
    source, target = files
    source.unlink()
    with pytest.raises(FileNotFoundError):
        rename_new(source, target)


@pytest.mark.skipif(os.name != "posix", reason="Windows never replaces")
def test_this_system_does_both_at_once():
    assert module._exclusive() is not None
