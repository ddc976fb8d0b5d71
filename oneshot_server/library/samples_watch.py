"""Watches the samples folder, and says which paths something happened to."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
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

from oneshot_server.library.folder_observer import FolderObserver, tells_nothing
from oneshot_server.library.sound_paths import is_sound_path

log = structlog.get_logger(__name__)

WRITTEN: Final = (FileCreatedEvent, FileModifiedEvent, FileClosedEvent)


class SamplesWatch(FileSystemEventHandler):
    """Calls back in a thread of its own; to start and to stop may take seconds.

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
        self._observer = FolderObserver(samples, self)

    def start(self) -> bool:
        """Begin; False if the system tells nothing of this folder, or nothing more."""
        if tells_nothing(self._samples):
            return False
        try:
            self._observer.start()
        except OSError as error:  # the system's number of watches is spent
            log.warning("the samples folder is looked at again and again", why=str(error))
            return False
        return True

    def stop(self) -> None:
        """End, for good; nothing is told any more."""
        self._observer.stop()

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
