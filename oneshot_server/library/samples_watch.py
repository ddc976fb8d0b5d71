"""Watches the samples folder, and says which paths something happened to."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

import structlog
from watchdog.events import (
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

from oneshot_server.library.dataset_watch import CHANGES, tells_nothing
from oneshot_server.library.sound_paths import is_sound_path

log = structlog.get_logger(__name__)

JOIN_SECONDS: Final = 2.0
WRITTEN: Final = (FileCreatedEvent, FileModifiedEvent, FileClosedEvent)


class SamplesWatch(FileSystemEventHandler):
    """Calls back in a thread of its own; ``start`` and ``stop`` are for a thread, too.

    Args:
        samples: the folder.
        on_file: told the path of a file, relative to the folder, and whether it is whole now.
        on_gone: told the path of a file that is there no longer.
        on_folder: told that something happened to a folder: look at everything.
    """

    def __init__(
        self,
        samples: Path,
        *,
        on_file: Callable[[str, bool], None],
        on_gone: Callable[[str], None],
        on_folder: Callable[[], None],
    ) -> None:
        self._samples = samples.resolve()
        self._on_file = on_file
        self._on_gone = on_gone
        self._on_folder = on_folder
        self._observer: BaseObserver | None = None
        self._stopped = False
        self._lock = Lock()

    def start(self) -> bool:
        """Begin; False if the system tells nothing of this folder, or nothing more.

        Walks through all folders, which may take seconds.
        """
        with self._lock:
            return not self._stopped and self._start()

    def stop(self) -> None:
        """End, for good; nothing is told any more. Waits for the thread, up to seconds."""
        self._stopped = True
        with self._lock:
            if self._observer is not None:
                self._observer.stop()
                with suppress(RuntimeError):
                    self._observer.join(timeout=JOIN_SECONDS)
                self._observer = None

    def _start(self) -> bool:
        if tells_nothing(self._samples):
            return False
        observer = Observer()
        try:
            observer.schedule(self, str(self._samples), recursive=True, event_filter=CHANGES)
            observer.start()
        except OSError as error:  # the system's number of watches is spent
            log.warning("the samples folder is looked at again and again", why=str(error))
            return False
        self._observer = observer
        return True

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Watchdog's: something happened."""
        source, target = self._relative(event.src_path), self._relative(event.dest_path)
        if event.is_directory:
            if any(path and not _is_hidden(path) for path in (source, target)):
                self._on_folder()
        elif isinstance(event, FileMovedEvent):
            if is_sound_path(source):
                self._on_gone(source)
            if is_sound_path(target):
                self._on_file(target, True)
        elif isinstance(event, FileDeletedEvent) and is_sound_path(source):
            self._on_gone(source)
        elif isinstance(event, WRITTEN) and is_sound_path(source):
            self._on_file(source, isinstance(event, FileClosedEvent))

    def _relative(self, path: bytes | str) -> str:
        with suppress(ValueError):
            return Path(os.fsdecode(path)).relative_to(self._samples).as_posix()
        return ""


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))
