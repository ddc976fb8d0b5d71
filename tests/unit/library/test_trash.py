"""What is moved to the trash, and what never is."""

import errno
import os
from pathlib import Path

import pytest

from oneshot_server.library import trash as module
from oneshot_server.library.trash import move_to_trash, tidy, unwanted
from tests.unit.library.sounds import follow, foreign, library, paths, render

OLD = 1000.0
LIMIT = 2000.0


@pytest.fixture
def samples(tmp_path):
    (tmp_path / "samples" / "deep").mkdir(parents=True)
    return tmp_path / "samples"


def put(path: Path, wav: bytes, time: float = OLD) -> None:
    path.write_bytes(wav)
    os.utime(path, (time, time))


def collect(opened, trash):
    return [move_to_trash(sound, opened, trash) for sound in unwanted(opened, before=LIMIT)]


def test_only_old_renders_without_stars_and_tags_are_moved(tmp_path, samples):
    put(samples / "deep" / "old.wav", render(1))
    put(samples / "new.wav", render(2), time=3000.0)
    put(samples / "starred.wav", render(3))
    put(samples / "tagged.wav", render(4))
    put(samples / "foreign.wav", foreign(100))
    put(samples / "broken.wav", b"RIFF")
    with library(tmp_path) as opened:
        opened.mark("starred.wav", stars=1)
        opened.mark("tagged.wav", tags=["keep"])
        follow(opened)
        assert [moved.path for moved in collect(opened, tmp_path / "trash")] == [
            tmp_path / "trash" / "deep" / "old.wav"
        ]
        follow(opened)
        assert paths(opened) == ["foreign.wav", "new.wav", "starred.wav", "tagged.wav"]
    assert (tmp_path / "trash" / "deep" / "old.wav").read_bytes() == render(1)
    assert (samples / "broken.wav").exists()


def test_tidying_goes_by_days_and_the_index_knows(tmp_path, samples):
    put(samples / "old.wav", render(1))
    (samples / "new.wav").write_bytes(render(2))
    with library(tmp_path) as opened:
        follow(opened)
        (moved,) = tidy(opened, tmp_path / "trash", days=1)
        assert moved.sound.path == "old.wav"
        assert paths(opened) == ["new.wav"]
        assert opened.compare() == ([], [])


def test_what_was_starred_behind_the_index_stays(tmp_path, samples):
    put(samples / "a.wav", render(1))
    with library(tmp_path) as opened:
        follow(opened)
        (sound,) = unwanted(opened, before=LIMIT)
        with library(tmp_path) as other:
            other.mark("a.wav", stars=1)
        assert move_to_trash(sound, opened, tmp_path / "trash") is None
        put(samples / "a.wav", foreign(100))
        assert move_to_trash(sound, opened, tmp_path / "trash") is None
        (samples / "a.wav").unlink()
        assert move_to_trash(sound, opened, tmp_path / "trash") is None


def test_nothing_in_the_trash_is_overwritten(tmp_path, samples):
    with library(tmp_path) as opened:
        for seed in (1, 2):
            put(samples / "a.wav", render(seed))
            follow(opened)
            collect(opened, tmp_path / "trash")
    assert (tmp_path / "trash" / "a.wav").read_bytes() == render(1)
    assert (tmp_path / "trash" / "a-2.wav").read_bytes() == render(2)


def test_a_trash_on_another_disk_has_the_file_before_it_is_let_go(tmp_path, samples, monkeypatch):
    put(samples / "a.wav", render(1))
    rename_new = module.rename_new

    def across(source, target):
        if source.parent == samples:
            raise OSError(errno.EXDEV, "another disk")
        rename_new(source, target)

    monkeypatch.setattr(module, "rename_new", across)
    with library(tmp_path) as opened:
        follow(opened)
        (moved,) = collect(opened, tmp_path / "trash")
    assert moved.path.read_bytes() == render(1)
    assert moved.path.stat().st_mtime == OLD
    assert not (samples / "a.wav").exists()
    assert [file.name for file in (tmp_path / "trash").iterdir()] == ["a.wav"]
