"""The daemon's library follows its folder by itself; tests wait for what it tells."""

import asyncio
import os
import shutil
import threading
from contextlib import suppress

import pytest

from oneshot_server.domain.library import Query
from oneshot_server.errors import DiskFullError, NotFoundError
from oneshot_server.library import living_library
from oneshot_server.library.library_statistics import statistics
from oneshot_server.library.living_library import LivingLibrary
from oneshot_server.library.sound_index import IndexLostError
from oneshot_server.library.trash import tidy
from tests.unit.library.sounds import follow, foreign, library, render


class Living(LivingLibrary):
    """A library whose changes a test waits for."""

    def __init__(self, sounds):
        super().__init__(sounds)
        self.changes = asyncio.Queue()
        self.subscribe(self.changes.put_nowait)

    def paths(self):
        return sorted(sound.path for sound in self.sounds.every(Query()))

    async def until(self, condition):
        while not condition():
            with suppress(TimeoutError):  # what nobody tells is found by a comparison
                async with asyncio.timeout(0.5):
                    await self.changes.get()


def living(home, body, **options):
    async def main():
        with library(home, **options) as sounds:
            opened = Living(sounds)
            opened.start()
            try:
                async with asyncio.timeout(60):
                    await body(opened)
            finally:
                await opened.stop()

    (home / "samples").mkdir(exist_ok=True)
    asyncio.run(main())


@pytest.fixture
def samples(tmp_path):
    (tmp_path / "samples").mkdir()
    return tmp_path / "samples"


def test_what_is_there_comes_moves_and_goes_is_told(tmp_path, samples):
    (samples / "old.wav").write_bytes(render(1))

    async def body(opened):
        await opened.until(lambda: opened.paths() == ["old.wav"])
        number = opened.sounds.sound_at("old.wav").number
        (samples / "new.wav").write_bytes(foreign(300))
        await opened.until(lambda: opened.paths() == ["new.wav", "old.wav"])
        (samples / "old.wav").rename(samples / "older.wav")
        await opened.until(lambda: opened.paths() == ["new.wav", "older.wav"])
        assert opened.sounds.sound_at("older.wav").number == number
        (samples / "new.wav").unlink()
        await opened.until(lambda: opened.paths() == ["older.wav"])
        assert opened.waiting == 0

    living(tmp_path, body)


def test_whole_folders_come_move_and_go(tmp_path, samples):
    outside = tmp_path / "pack"
    (outside / "deep").mkdir(parents=True)
    for number in range(5):
        (outside / "deep" / f"{number}.wav").write_bytes(render(number))

    async def body(opened):
        await asyncio.sleep(0)
        outside.rename(samples / "in")
        await opened.until(lambda: len(opened.paths()) == 5)
        (samples / "in").rename(samples / "inside")
        await opened.until(lambda: opened.paths()[:1] == ["inside/deep/0.wav"])
        assert len(opened.paths()) == 5
        (samples / "inside").rename(tmp_path / "out again")
        await opened.until(lambda: opened.paths() == [])

    living(tmp_path, body)


def test_stars_are_told_and_a_file_that_was_just_dropped_in_can_have_them(tmp_path, samples):
    async def body(opened):
        (samples / "a.wav").write_bytes(render(1))
        assert (await opened.mark("a.wav", stars=4)).stars == 4
        change = await opened.changes.get()
        while not change.now[0].stars:
            change = await opened.changes.get()
        assert (change.now[0].path, change.now[0].stars) == ("a.wav", 4)
        assert (await opened.played("a.wav")).plays == 1
        assert (samples / "a.wav").exists()

    living(tmp_path, body)


def test_an_index_that_is_deleted_during_a_scan_is_the_folder_in_the_end(
    tmp_path, samples, monkeypatch
):
    monkeypatch.setattr(living_library, "BACKLOG_BATCH", 4)
    monkeypatch.setattr(living_library, "GUARD_SECONDS", 0.05)
    for number in range(60):
        (samples / f"{number}.wav").write_bytes(foreign(100 + number, seconds=0.02))

    async def body(opened):
        for at in (8, 20):
            await opened.until(lambda at=at: len(opened.paths()) >= at)
            for file in tmp_path.glob("sounds.db*"):
                file.unlink(missing_ok=True)
        await opened.until(lambda: len(opened.paths()) == 60)
        assert opened.sounds.compare() == ([], [])

    living(tmp_path, body)


def test_a_folder_that_tells_nothing_is_looked_at_again_and_again(tmp_path, samples, monkeypatch):
    monkeypatch.setattr(living_library.SamplesWatch, "start", lambda _self: False)
    monkeypatch.setattr(living_library, "GUARD_SECONDS", 0.05)
    monkeypatch.setattr(living_library, "POLL_SECONDS", 0.1)

    async def body(opened):
        (samples / "a.wav").write_bytes(render(1))
        await opened.until(lambda: opened.paths() == ["a.wav"])

    living(tmp_path, body)


def test_a_drive_that_is_unplugged_and_comes_back_changes_nothing(tmp_path, samples, monkeypatch):
    monkeypatch.setattr(living_library, "GUARD_SECONDS", 0.05)
    monkeypatch.setattr(living_library, "AGAIN_SECONDS", 0.1)
    (samples / "a.wav").write_bytes(render(1))

    async def body(opened):
        await opened.until(lambda: opened.paths() == ["a.wav"])
        number = opened.sounds.sound_at("a.wav").number
        samples.rename(tmp_path / "away")
        while opened._identity is not None:  # noqa: ASYNC110 - nothing is told
            await asyncio.sleep(0.01)
        assert opened.paths() == ["a.wav"]
        (tmp_path / "away").rename(samples)
        (samples / "b.wav").write_bytes(render(2))
        await opened.until(lambda: opened.paths() == ["a.wav", "b.wav"])
        assert opened.sounds.sound_at("a.wav").number == number

    living(tmp_path, body)


def test_trouble_is_tried_again_and_the_rest_of_the_daemon_lives(tmp_path, samples, monkeypatch):
    monkeypatch.setattr(living_library, "AGAIN_SECONDS", 0.05)
    troubles = [IndexLostError("gone"), RuntimeError("a fault"), OSError("a disk")]

    async def body(opened):
        update = opened.sounds.update

        def troubled(*arguments):
            if troubles:
                raise troubles.pop()
            return update(*arguments)

        opened.sounds.update = troubled
        (samples / "a.wav").write_bytes(render(1))
        await opened.until(lambda: opened.paths() == ["a.wav"])
        assert troubles == []

    living(tmp_path, body)


def test_processes_read_a_folder_and_a_file_that_kills_its_reader_costs_itself_alone(
    tmp_path, samples, monkeypatch
):
    deadly = tmp_path / "sitecustomize.py"
    deadly.write_text(
        "import os, soundfile\n"
        "opened = soundfile.SoundFile.__init__\n"
        "def init(self, file, *a, **k):\n"
        "    file.seek(0)\n"
        "    if b'DEADLY' in file.read(100): os._exit(1)\n"
        "    file.seek(0)\n"
        "    opened(self, file, *a, **k)\n"
        "soundfile.SoundFile.__init__ = init\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    for number in range(20):
        (samples / f"{number}.wav").write_bytes(render(number))
    (samples / "deadly.wav").write_bytes(b"DEADLY")

    async def body(opened):
        await opened.until(lambda: len(opened.paths()) == 20)
        await opened.until(lambda: opened.sounds.counts().unusable == 1)
        assert "ends the process" in statistics(opened.sounds)["troubles"][0][1]
        shutil.copy(samples / "1.wav", samples / "copy.wav")
        await opened.until(lambda: "copy.wav" in opened.paths())

    living(tmp_path, body, processes=True)


@pytest.fixture
def silent(monkeypatch):
    """No watch: all that is heard of the folder is what the index says."""
    monkeypatch.setattr(living_library.SamplesWatch, "start", lambda _self: False)
    monkeypatch.setattr(living_library, "GUARD_SECONDS", 0.05)


async def told(opened, condition):
    """The change that meets a condition."""
    while not condition(change := await opened.changes.get()):
        pass
    return change


def test_a_file_found_to_be_gone_when_it_is_marked_is_told_to_be(tmp_path, samples, silent):
    (samples / "a.wav").write_bytes(render(1))

    async def body(opened):
        await opened.until(lambda: opened.paths() == ["a.wav"])
        number = opened.sounds.sound_at("a.wav").number
        (samples / "a.wav").unlink()
        with pytest.raises(NotFoundError):
            await opened.mark("a.wav", stars=4)
        await told(opened, lambda change: change.gone == (number,))

    living(tmp_path, body)


def test_a_file_that_can_no_longer_be_used_is_gone(tmp_path, samples, silent):
    (samples / "a.wav").write_bytes(render(1))

    async def body(opened):
        await opened.until(lambda: opened.paths() == ["a.wav"])
        number = opened.sounds.sound_at("a.wav").number
        (samples / "a.wav").write_bytes(b"RIFF")
        with pytest.raises(NotFoundError):
            await opened.played("a.wav")
        await told(opened, lambda change: change.gone == (number,))

    living(tmp_path, body)


def test_what_is_tidied_away_is_told_to_be_gone(tmp_path, samples, silent):
    (samples / "a.wav").write_bytes(render(1))
    os.utime(samples / "a.wav", (1000, 1000))

    async def body(opened):
        await opened.until(lambda: opened.paths() == ["a.wav"])
        number = opened.sounds.sound_at("a.wav").number
        await asyncio.to_thread(tidy, opened.sounds, tmp_path / "trash", days=1)
        await told(opened, lambda change: change.gone == (number,))

    living(tmp_path, body)


def test_a_mark_is_told_though_who_asked_for_it_has_left(tmp_path, samples, silent):
    (samples / "a.wav").write_bytes(render(1))

    async def body(opened):
        await opened.until(lambda: opened.paths() == ["a.wav"])
        mark, begun = opened.sounds.mark, threading.Event()

        def marked(*arguments, **options):
            begun.set()
            return mark(*arguments, **options)

        opened.sounds.mark = marked
        asked = asyncio.create_task(opened.mark("a.wav", stars=4))
        await asyncio.to_thread(begun.wait)
        asked.cancel()
        await told(opened, lambda change: [sound.stars for sound in change.now] == [4])

    living(tmp_path, body)


def test_what_was_read_before_a_fault_is_told(tmp_path, samples, silent):
    for number in range(3):
        (samples / f"{number}.wav").write_bytes(render(number))

    async def body(opened):
        await opened.until(lambda: len(opened.paths()) == 3)
        read = opened.sounds._reader.read

        def read_one(paths):
            yield from read(paths[:1])
            raise DiskFullError("no space left")

        opened.sounds._indexer._read = read_one
        for number in range(2):
            (samples / f"new {number}.wav").write_bytes(foreign(100 + number))
        opened._look_at_all()
        await told(opened, lambda change: [s.path[:3] for s in change.now] == ["new"])

    living(tmp_path, body)


def test_what_another_process_writes_is_told_and_known(tmp_path, samples, silent):
    (samples / "a.wav").write_bytes(foreign(60))

    async def body(opened):
        await opened.until(lambda: opened.paths() == ["a.wav"])
        number = opened.sounds.sound_at("a.wav").number
        assert opened.sounds.similar(number, 3) == []
        with library(tmp_path) as other:
            other.mark("a.wav", stars=3, tags=["theirs"])
            change = await told(opened, lambda change: change.now)
            assert [(s.path, s.stars, s.tags) for s in change.now] == [("a.wav", 3, ("theirs",))]
            (samples / "b.wav").write_bytes(foreign(63))
            follow(other)
            await told(opened, lambda change: [s.path for s in change.now] == ["b.wav"])
            assert [near.sound.path for near in opened.sounds.similar(number, 3)] == ["b.wav"]
            (samples / "b.wav").unlink()
            follow(other)
            await told(opened, lambda change: change.gone)
            assert opened.sounds.similar(number, 3) == []

    living(tmp_path, body)


def test_a_watch_that_takes_long_to_begin_and_to_end_holds_nobody_up(
    tmp_path, samples, monkeypatch
):
    begun, go = threading.Event(), threading.Event()
    ended = []

    def start(_self):
        begun.set()
        assert go.wait(30), "the event loop did not go on"
        return False

    def stop(_self):
        answered = threading.Event()
        loop.call_soon_threadsafe(answered.set)
        ended.append(answered.wait(10))

    monkeypatch.setattr(living_library.SamplesWatch, "start", start)
    monkeypatch.setattr(living_library.SamplesWatch, "stop", stop)

    async def body(opened):
        nonlocal loop
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(begun.wait)
        (samples / "a.wav").write_bytes(render(1))
        go.set()
        await opened.until(lambda: opened.paths() == ["a.wav"])

    loop = None
    living(tmp_path, body)
    assert ended == [True]
