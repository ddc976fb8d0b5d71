"""A better render takes its draft's place, with its marks; whatever else is there stays."""

import errno
import os
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from threading import Thread

import pytest

from oneshot_server.domain.library import Mark
from oneshot_server.errors import DiskFullError, ForbiddenError, NotFoundError
from oneshot_server.library import rewriting
from oneshot_server.library.audio_hash import hash_audio
from oneshot_server.library.drafts import replace_draft
from oneshot_server.library.marks import mark_render
from oneshot_server.library.wav_metadata import extract, mark_wav, read_mark
from tests.unit.library.sounds import render

DRAFT, BETTER = render(7, hertz=60.0), render(7, hertz=61.0)
STARRED = Mark(stars=4, tags=("dusty", "mine"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "kick_7.wav"
    path.write_bytes(DRAFT)
    return path


def improve(path: Path) -> None:
    replace_draft(path, BETTER, draft=hash_audio(BytesIO(DRAFT)))


def names(path: Path) -> list[str]:
    return [file.name for file in path.parent.iterdir()]


def test_the_same_file_has_the_better_sound(path):
    os.utime(path, (1.0, 1.0))
    improve(path)
    assert path.read_bytes() == BETTER
    assert path.stat().st_mtime > 1.0
    assert names(path) == ["kick_7.wav"]


def test_stars_and_tags_that_the_draft_got_are_those_of_the_better_one(path):
    mark_render(path, STARRED, path.parent)
    improve(path)
    with path.open("rb") as file:
        assert read_mark(file) == STARRED
    assert mark_wav(path.read_bytes(), Mark()) == BETTER
    assert extract(path.read_bytes()) == extract(BETTER)


def test_a_draft_that_is_gone_does_not_come_back(path):
    path.rename(path.with_name("mine.wav"))
    with pytest.raises(NotFoundError, match="is gone"):
        improve(path)
    assert names(path) == ["mine.wav"]


def test_a_draft_that_was_edited_is_left_alone(path):
    path.write_bytes(edited := render(7, hertz=62.0))
    with pytest.raises(NotFoundError, match="was changed since it was published"):
        improve(path)
    assert path.read_bytes() == edited
    assert names(path) == ["kick_7.wav"]


def test_a_link_in_its_place_is_left_alone(path):
    (path.parent / "other").write_bytes(DRAFT)
    path.unlink()
    path.symlink_to(path.parent / "other")
    with pytest.raises(NotFoundError, match="was changed"):
        improve(path)
    assert path.is_symlink()


def test_what_was_done_but_not_noted_is_done_again(path):
    improve(path)
    mark_render(path, STARRED, path.parent)
    improve(path)
    with path.open("rb") as file:
        assert read_mark(file) == STARRED


def test_on_a_full_disk_the_draft_stays_whole(path, monkeypatch):
    def full(_file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(rewriting.os, "fsync", full)
    with pytest.raises(DiskFullError):
        improve(path)
    assert path.read_bytes() == DRAFT
    assert names(path) == ["kick_7.wav"]


def test_a_star_that_comes_while_the_better_one_is_written_is_not_lost(path, monkeypatch):
    copystat, times = rewriting.shutil.copystat, []

    def star_meanwhile(source, target):
        copystat(source, target)
        if not times:
            times.append(1)
            mark_render(path, STARRED, path.parent)

    monkeypatch.setattr(rewriting.shutil, "copystat", star_meanwhile)
    improve(path)
    with path.open("rb") as file:
        assert read_mark(file) == STARRED
    assert hash_audio(BytesIO(path.read_bytes())) == hash_audio(BytesIO(BETTER))


def test_a_star_of_the_same_size_and_time_is_seen(path, monkeypatch):
    mark_render(path, Mark(stars=3), path.parent)
    size = path.stat().st_size
    copystat, times = rewriting.shutil.copystat, []

    def star_meanwhile(source, target):
        copystat(source, target)
        if not times:
            times.append(1)
            mark_render(path, Mark(stars=4), path.parent)
            assert path.stat().st_size == size

    monkeypatch.setattr(rewriting.shutil, "copystat", star_meanwhile)
    improve(path)
    with path.open("rb") as file:
        assert read_mark(file).stars == 4


def test_stars_and_the_better_one_from_several_threads_are_all_there_in_the_end(path):
    def star(stars: int) -> None:
        for _ in range(20):
            with suppress(ForbiddenError):  # told to try again
                mark_render(path, Mark(stars=stars), path.parent)

    threads = [Thread(target=star, args=(stars,)) for stars in (3, 4)]
    for thread in threads:
        thread.start()
    while True:
        try:
            improve(path)
        except ForbiddenError:
            continue
        break
    for thread in threads:
        thread.join()
    assert hash_audio(BytesIO(path.read_bytes())) == hash_audio(BytesIO(BETTER))
    with path.open("rb") as file:
        assert read_mark(file).stars in (3, 4)
    assert names(path) == ["kick_7.wav"]
