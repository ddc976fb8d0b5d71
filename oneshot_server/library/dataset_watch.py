"""Watches ``datasets/``: says which dataset may have changed, once it has settled."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

import psutil
import structlog
from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

from oneshot_server.library.dataset_folder import dataset_names

log = structlog.get_logger(__name__)

# Reading a file tells events too: they are no changes.
CHANGES: Final = [
    *(DirCreatedEvent, DirDeletedEvent, DirMovedEvent),
    *(FileClosedEvent, FileCreatedEvent, FileDeletedEvent, FileModifiedEvent, FileMovedEvent),
]
POLL_SECONDS: Final = 2.0
ROOT_SECONDS: Final = 2.0  # between two looks whether the folder itself was replaced
SILENT_FILE_SYSTEMS: Final = (
    *("nfs", "cifs", "smb", "afp", "9p", "drvfs", "vboxsf", "vmhgfs"),
    *("fuse.sshfs", "fuse.rclone", "fuse.vmhgfs", "davfs", "prl_fs", "virtiofs"),
)
"""Beginnings of the names of file systems that tell nothing of what other machines do."""

Snapshot = tuple[tuple[str, int, int], ...]


class DatasetWatch:
    """Calls back on the event loop it was started on.

    A dataset has settled when no event came for the given time and no file has grown in its second
    half: a slow copy, which may pause, is one change.

    Args:
        root: whose sub-folders are datasets.
        settle_seconds: how long nothing may move.
        on_settled: is told a dataset's name; the folder may have gone.
        polling: look again and again; by itself only where the file system tells nothing.
    """

    def __init__(
        self,
        root: Path,
        settle_seconds: float,
        on_settled: Callable[[str], None],
        *,
        polling: bool = False,
    ) -> None:
        self._root = root
        self._settle_seconds = settle_seconds
        self._on_settled = on_settled
        self._polling = polling
        self._observer: BaseObserver | None = None
        self._identity: tuple[int, int] | None = None
        self._moved: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._guard: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin; what is there already is told as soon as it has settled."""
        self._loop = asyncio.get_running_loop()
        self._watch()
        self._guard = asyncio.create_task(self._guard_root(), name="datasets folder")

    def stop(self) -> None:
        """End; nothing is told any more."""
        for task in filter(None, [self._guard, *self._tasks.values()]):
            task.cancel()
        self._tasks.clear()
        self._unwatch()

    @property
    def polls(self) -> bool:
        """Whether it looks again and again, instead of being told."""
        return isinstance(self._observer, PollingObserver)

    def _watch(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        self._identity = _identity(self._root)
        polling = self._polling or tells_nothing(self._root)
        try:
            self._observer = self._observe(polling=polling)
        except OSError as error:  # the system's number of watches is spent
            if polling:
                raise
            log.warning("datasets are looked at again and again", why=str(error))
            self._observer = self._observe(polling=True)
        for name in dataset_names(self._root):
            self._touch(name)

    def _observe(self, *, polling: bool) -> BaseObserver:
        observer: BaseObserver = PollingObserver(timeout=POLL_SECONDS) if polling else Observer()
        handler = _Handler(self._root.resolve(), self._touch_from_thread)
        observer.schedule(handler, str(self._root.resolve()), recursive=True, event_filter=CHANGES)
        observer.start()
        return observer

    def _unwatch(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            with suppress(RuntimeError):
                self._observer.join(timeout=POLL_SECONDS)
            self._observer = None

    async def _guard_root(self) -> None:
        """Watch a folder that was put in the place of the one watched."""
        while True:
            await asyncio.sleep(ROOT_SECONDS)
            if _identity(self._root) != self._identity:
                log.warning("the datasets folder was replaced", folder=str(self._root))
                self._unwatch()
                try:
                    self._watch()
                except OSError as error:
                    self._identity = None
                    log.warning("datasets cannot be watched", why=str(error))

    def _touch_from_thread(self, name: str) -> None:
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop was closed meanwhile
            self._loop.call_soon_threadsafe(self._touch, name)

    def _touch(self, name: str) -> None:
        self._moved.setdefault(name, asyncio.Event()).set()
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(self._settle(name), name=f"settle {name}")

    async def _settle(self, name: str) -> None:
        half = self._settle_seconds / 2
        moved = self._moved[name]
        while True:
            moved.clear()
            if await _comes_within(moved, half):
                continue
            before = await asyncio.to_thread(_snapshot, self._root / name)
            if await _comes_within(moved, half):
                continue
            if before == await asyncio.to_thread(_snapshot, self._root / name):
                break
        del self._tasks[name], self._moved[name]
        self._on_settled(name)


class _Handler(FileSystemEventHandler):
    """Names of datasets in which something happens, told in the observer's thread."""

    def __init__(self, root: Path, tell: Callable[[str], None]) -> None:
        self._root = root
        self._tell = tell

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in filter(None, (event.src_path, event.dest_path)):
            with suppress(ValueError):
                parts = Path(os.fsdecode(cast("str | bytes", path))).relative_to(self._root).parts
                inside = len(parts) > 1 or event.is_directory
                if parts and inside and not parts[0].startswith("."):
                    self._tell(parts[0])


def tells_nothing(folder: Path) -> bool:
    """Whether the folder is on a file system that tells no events of what others write."""
    resolved = folder.resolve()
    mounts = [
        (len(mount.parts), partition.fstype.lower())
        for partition in psutil.disk_partitions(all=True)
        if resolved.is_relative_to(mount := Path(partition.mountpoint))
    ]
    return bool(mounts) and max(mounts)[1].startswith(SILENT_FILE_SYSTEMS)


async def _comes_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _snapshot(folder: Path) -> Snapshot:
    """Path, size and time of every file."""
    found = []
    for where, _, files in os.walk(folder):
        for name in files:
            path = Path(where) / name
            with suppress(OSError):
                status = path.lstat()
                found.append((str(path), status.st_size, status.st_mtime_ns))
    return tuple(sorted(found))
