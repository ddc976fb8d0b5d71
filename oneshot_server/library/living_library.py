"""The library of a running daemon: it follows the samples folder by itself."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from oneshot_server.domain.library import LibraryChange, Sound
from oneshot_server.errors import OneshotError
from oneshot_server.library.samples_watch import SamplesWatch
from oneshot_server.library.sound_index import IndexLostError
from oneshot_server.library.sound_library import SoundLibrary

log = structlog.get_logger(__name__)

BATCH: Final = 32  # that were told
BACKLOG_BATCH: Final = 256  # a third of a second, which a mark may have to wait
WHOLE_SECONDS: Final = 0.02  # a few files that come together are looked at together
GROWING_SECONDS: Final = 0.15  # a file that may still be written to
GUARD_SECONDS: Final = 1.0
POLL_SECONDS: Final = 10.0
AGAIN_SECONDS: Final = 5.0


class LivingLibrary:
    """Looks at what is new or changed, first what is told, then what a comparison has found.

    Everything runs on the event loop, and whatever may wait for a disk in threads; see
    ``domain.library.Library``. Listeners are told what the index says has been written since they
    were told last, so it does not matter who wrote it: a scan, a mark, or another process.

    Args:
        sounds: what is kept up to date.

    Attributes:
        sounds: the same.
        settled: set when all that was in the folder at the start is known.
    """

    def __init__(self, sounds: SoundLibrary) -> None:
        self.sounds = sounds
        self.settled = asyncio.Event()
        self._samples = sounds.samples
        self._listeners: list[Callable[[LibraryChange], None]] = []
        self._due: dict[str, tuple[float, bool]] = {}
        self._backlog: list[str] = []
        self._missing: list[str] = []
        self._compare_at: float | None = 0.0
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._watch: SamplesWatch | None = None
        self._watched = asyncio.Event()
        self._told = False
        self._identity: tuple[int, int] | None = None
        self._generation = 0
        self._seen = sounds.revision()
        self._telling = asyncio.Lock()

    def start(self) -> None:
        """Watch the folder, and compare all of it with the index in the background."""
        self._tasks = [
            asyncio.create_task(self._keep(), name="library"),
            asyncio.create_task(self._guard(), name="library guard"),
        ]

    async def stop(self) -> None:
        """End; what was begun is dropped, and found again at the next start."""
        self.sounds.interrupt()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._watch is not None:
            await asyncio.to_thread(self._watch.stop)
        await asyncio.to_thread(self.sounds.close)

    @property
    def waiting(self) -> int:
        """See ``domain.library.Library``."""
        return len(self._backlog) + len(self._missing) + len(self._due)

    async def mark(
        self, path: str, *, stars: int | None = None, tags: Sequence[str] | None = None
    ) -> Sound:
        """See ``domain.library.Library``."""
        sound = await asyncio.to_thread(self.sounds.mark, path, stars=stars, tags=tags)
        return await self._after_telling(sound)

    async def played(self, path: str) -> Sound:
        """See ``domain.library.Library``."""
        return await self._after_telling(await asyncio.to_thread(self.sounds.count_play, path))

    def subscribe(self, listener: Callable[[LibraryChange], None]) -> Callable[[], None]:
        """See ``domain.library.Library``."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def _keep(self) -> None:
        # What is written before the watch begins is found by the comparison after it.
        await self._watched.wait()
        complaint = ""
        while True:
            self._wake.clear()
            try:
                seconds = await self._step()
                complaint = ""
            except IndexLostError as error:
                log.info("the index was lost and is made again from the folder", why=str(error))
                seconds = self._compare_later(0.0)
            except OneshotError as error:  # a full disk, an unplugged drive: it may come back
                if str(error) != complaint:
                    complaint = str(error)
                    log.warning("the library cannot follow the folder", error=complaint)
                seconds = self._compare_later(AGAIN_SECONDS)
            except Exception:  # the outer loop: what is wrong now may be right in a moment
                log.exception("the library stumbled")
                seconds = self._compare_later(AGAIN_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()

    async def _step(self) -> float | None:
        """Do what is due; returns the seconds until the next step, ``None`` for a quiet time."""
        now = time.monotonic()
        if self._compare_at is not None and now >= self._compare_at:
            self._compare_at = None
            self._generation = await asyncio.to_thread(self.sounds.generation)
            began = now
            self._backlog, self._missing = await asyncio.to_thread(self.sounds.compare)
            now = time.monotonic()
            log.info(
                "samples folder compared",
                seconds=round(now - began, 2),
                changed=len(self._backlog),
                gone=len(self._missing),
            )
        paths = [path for path, (when, _) in self._due.items() if when <= now][:BATCH]
        told = [(path, self._due.pop(path)[1]) for path in paths]
        looked = [path for path, missing in told if not missing]
        gone = [path for path, missing in told if missing]
        if not paths and self._backlog:
            looked = self._backlog[-BACKLOG_BATCH:]
            del self._backlog[-BACKLOG_BATCH:]
        elif not paths and self._missing:
            # After what is new: a file that was moved is new in one place and missing in another.
            gone = self._missing[-BACKLOG_BATCH:]
            del self._missing[-BACKLOG_BATCH:]
        if looked or gone:
            await asyncio.to_thread(self.sounds.update, looked, gone)
            await self._tell()
            return 0.0
        if self._compare_at is None:
            self.settled.set()
        await asyncio.to_thread(self.sounds.rest)
        times = [when for when, _ in self._due.values()]
        times += [] if self._compare_at is None else [self._compare_at]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _compare_later(self, seconds: float) -> float:
        self._compare_at = time.monotonic() + seconds
        return seconds

    async def _guard(self) -> None:
        """Notice what nobody tells, again and again."""
        polled = time.monotonic()
        while True:
            try:
                await self._look_around()
            except OneshotError:
                pass  # who follows the folder says so
            except Exception:  # the outer loop: what is wrong now may be right in a moment
                log.exception("the library's guard stumbled")
            if not self._told and time.monotonic() - polled >= POLL_SECONDS:
                polled = time.monotonic()
                self._look_at_all()
            self._watched.set()
            await asyncio.sleep(GUARD_SECONDS)

    async def _look_around(self) -> None:
        """Another folder in the place of this one, a lost index, what another process wrote."""
        identity = await asyncio.to_thread(_identity, self._samples)
        if self._watch is None:
            await self._begin_watch(identity)
        elif identity != self._identity:
            log.warning("the samples folder is another one", folder=str(self._samples))
            await asyncio.to_thread(self._watch.stop)
            await self._begin_watch(identity)
            self._look_at_all()
        generation = await asyncio.to_thread(self.sounds.generation)
        if self._watched.is_set() and generation != self._generation:
            self._look_at_all()
        await self._tell()

    async def _begin_watch(self, identity: tuple[int, int] | None) -> None:
        loop = asyncio.get_running_loop()

        def soon(action: Callable[..., None], *arguments: object) -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(action, *arguments)

        self._identity = identity
        self._watch = SamplesWatch(
            self._samples,
            on_file=lambda path, whole: soon(self._note, path, whole, False),
            on_gone=lambda path: soon(self._note, path, False, True),
            on_folder=lambda: soon(self._look_at_all),
        )
        # It walks through all folders: in a large library that takes longer than a hit may wait.
        self._told = await asyncio.to_thread(self._watch.start)

    def _note(self, path: str, whole: bool, gone: bool) -> None:  # noqa: FBT001 - for call_soon
        wait = WHOLE_SECONDS if whole else GROWING_SECONDS
        self._due[path] = (time.monotonic() + wait, gone)
        self._wake.set()

    def _look_at_all(self) -> None:
        if self._compare_at is None:
            self._compare_later(GROWING_SECONDS)
            self._wake.set()

    async def _after_telling(self, sound: Sound) -> Sound:
        with suppress(OneshotError):  # the sound is marked: the guard tells it when it can
            await self._tell()
        return sound

    async def _tell(self) -> None:
        """Tell all that was written since this was called last."""
        async with self._telling:
            while True:
                change, seen = await asyncio.to_thread(self.sounds.changes_since, self._seen)
                if seen == self._seen:
                    return
                self._seen = seen
                if change.now or change.gone:
                    for listener in tuple(self._listeners):
                        listener(change)


def _identity(folder: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        status = folder.stat()
        return status.st_dev, status.st_ino
    return None
