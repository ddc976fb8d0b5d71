import asyncio
import shutil
import threading
from types import SimpleNamespace

import pytest

from oneshot_server.library import dataset_watch, folder_observer
from oneshot_server.library.dataset_watch import DatasetWatch
from oneshot_server.library.folder_observer import FolderObserver, tells_nothing

SETTLE_SECONDS = 0.4


def watching(root, body, **options):
    """Run ``body(settled, watch)`` beside a watch; ``settled`` are the names told so far."""

    async def main():
        settled = []
        watch = DatasetWatch(root, SETTLE_SECONDS, settled.append, **options)
        await watch.start()
        try:
            async with asyncio.timeout(60):
                await body(settled, watch)
        finally:
            await watch.stop()

    asyncio.run(main())


async def until(condition):
    while not condition():  # noqa: ASYNC110 - files raise no event here
        await asyncio.sleep(0.02)


async def quiet():
    await asyncio.sleep(SETTLE_SECONDS * 3)


def put(folder, name, content=b"sound"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


@pytest.fixture(params=[False, True], ids=["told", "polling"])
def polling(request, monkeypatch):
    monkeypatch.setattr(folder_observer, "POLL_SECONDS", 0.1)
    return request.param


def test_what_is_there_and_what_changes_is_told_once_each(tmp_path, polling):
    root = tmp_path / "datasets"
    put(root / "old", "1.wav")

    async def body(settled, watch):
        assert watch.polls == polling
        await until(lambda: settled == ["old"])
        put(root / "new", "1.wav")
        put(root / "new", "2.wav")
        await until(lambda: settled == ["old", "new"])
        put(root / "old" / "deep", "3.wav")
        await until(lambda: settled == ["old", "new", "old"])
        (root / "old" / "1.wav").unlink()
        await until(lambda: len(settled) == 4)
        await quiet()
        assert settled == ["old", "new", "old", "old"]

    watching(root, body, polling=polling)


def test_a_slow_copy_is_one_change(tmp_path):
    async def body(settled, watch):
        put(tmp_path / "big", "1.wav", b"")
        with (tmp_path / "big" / "1.wav").open("ab", buffering=0) as file:
            for _ in range(12):
                file.write(b"x" * 1000)
                await asyncio.sleep(SETTLE_SECONDS / 4)
                assert settled == []
        await until(lambda: settled)
        await quiet()
        assert settled == ["big"]

    watching(tmp_path, body)


def test_reading_is_no_change(tmp_path):
    put(tmp_path / "a", "1.wav")

    async def body(settled, watch):
        await until(lambda: settled)
        for _ in range(5):
            (tmp_path / "a" / "1.wav").read_bytes()
            list((tmp_path / "a").iterdir())
        await quiet()
        assert settled == ["a"]

    watching(tmp_path, body)


def test_a_renamed_folder_is_told_under_both_names(tmp_path):
    put(tmp_path / "a", "1.wav")

    async def body(settled, watch):
        await until(lambda: settled == ["a"])
        (tmp_path / "a").rename(tmp_path / "b")
        await until(lambda: sorted(settled) == ["a", "a", "b"])

    watching(tmp_path, body)


def test_loose_and_hidden_files_are_no_dataset(tmp_path):
    async def body(settled, watch):
        (tmp_path / "loose.wav").write_bytes(b"x")
        put(tmp_path / ".hidden", "1.wav")
        await quiet()
        assert settled == []

    watching(tmp_path, body)


def test_a_folder_that_was_replaced_is_watched_again(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_watch, "ROOT_SECONDS", 0.05)
    root = tmp_path / "datasets"

    async def body(settled, watch):
        shutil.rmtree(root)
        await until(root.is_dir)
        await asyncio.sleep(0.2)
        put(root / "a", "1.wav")
        await until(lambda: settled == ["a"])

    watching(root, body)


def test_it_polls_when_no_watch_is_left(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(folder_observer, "Observer", full)

    async def body(settled, watch):
        assert watch.polls

    watching(tmp_path, body)


def test_a_watch_that_takes_long_to_begin_and_to_end_holds_nobody_up(tmp_path, monkeypatch):
    answers = []

    def slow(action):
        def act(*arguments, **options):
            answered = threading.Event()
            loop.call_soon_threadsafe(answered.set)
            answers.append(answered.wait(10))
            return action(*arguments, **options)

        return act

    monkeypatch.setattr(FolderObserver, "start", slow(FolderObserver.start))
    monkeypatch.setattr(FolderObserver, "stop", slow(FolderObserver.stop))
    monkeypatch.setattr(dataset_watch, "ROOT_SECONDS", 0.05)
    loop = None

    async def main():
        nonlocal loop
        loop = asyncio.get_running_loop()
        watch = DatasetWatch(tmp_path / "datasets", SETTLE_SECONDS, print)
        await watch.start()
        (tmp_path / "datasets").rename(tmp_path / "old")
        await until(lambda: len(answers) == 3)
        await watch.stop()

    asyncio.run(main())
    assert answers == [True] * 4  # a start, a stop and a start of the folder's successor, a stop


def test_network_drives_tell_nothing(tmp_path, monkeypatch):
    def mounted(*kinds):
        places = ("/", str(tmp_path.parent), str(tmp_path))
        return lambda **_: [
            SimpleNamespace(mountpoint=place, fstype=kind)
            for place, kind in zip(places, kinds, strict=True)
        ]

    monkeypatch.setattr(folder_observer.psutil, "disk_partitions", mounted("ext4", "ext4", "nfs4"))
    assert tells_nothing(tmp_path / "datasets")
    monkeypatch.setattr(folder_observer.psutil, "disk_partitions", mounted("9p", "CIFS", "ext4"))
    assert not tells_nothing(tmp_path / "datasets")
