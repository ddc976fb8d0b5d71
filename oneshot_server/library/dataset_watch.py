"""Watches ``datasets/``: says which dataset may have changed, once it has settled."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

import structlog
from watchdog.events import FileSystemEvent, FileSystemEventHandler

from oneshot_server.library.dataset_folder import dataset_names
from oneshot_server.library.folder_observer import FolderObserver, tells_nothing

log = structlog.get_logger(__name__)

ROOT_SECONDS: Final = 2.0  # between two looks whether the folder itself was replaced

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
        self._observer: FolderObserver | None = None
        self._identity: tuple[int, int] | None = None
        self._moved: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._guard: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Begin; what is there already is told as soon as it has settled."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._watch)
        self._guard = asyncio.create_task(self._guard_root(), name="datasets folder")

    async def stop(self) -> None:
        """End; nothing is told any more."""
        self._stopping.set()
        if self._guard is not None:  # a watch that it begins must not outlive this
            await self._guard
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        if self._observer is not None:
            await asyncio.to_thread(self._observer.stop)

    @property
    def polls(self) -> bool:
        """Whether it looks again and again, instead of being told."""
        return self._observer is not None and self._observer.polls

    def _watch(self) -> None:
        """In a thread: all folders are walked through.

        Raises:
            OSError: the folder cannot be made or looked at.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        self._identity = _identity(self._root)
        handler = _Handler(self._root.resolve(), self._touch_from_thread)
        self._observer = FolderObserver(self._root, handler)
        polling = self._polling or tells_nothing(self._root)
        try:
            self._observer.start(polling=polling)
        except OSError as error:  # the system's number of watches is spent
            if polling:
                raise
            log.warning("datasets are looked at again and again", why=str(error))
            self._observer.start(polling=True)
        for name in dataset_names(self._root):
            self._touch_from_thread(name)

    async def _guard_root(self) -> None:
        """Watch a folder that was put in the place of the one watched."""
        while not await _comes_within(self._stopping, ROOT_SECONDS):
            if await asyncio.to_thread(_identity, self._root) != self._identity:
                log.warning("the datasets folder was replaced", folder=str(self._root))
                if self._observer is not None:
                    await asyncio.to_thread(self._observer.stop)
                try:
                    await asyncio.to_thread(self._watch)
                except OSError as error:
                    self._identity = None
                    log.warning("datasets cannot be watched", why=str(error))

    def _touch_from_thread(self, name: str) -> None:
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop was closed meanwhile
            self._loop.call_soon_threadsafe(self._touch, name)

    def _touch(self, name: str) -> None:
        if self._stopping.is_set():
            return
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
