"""The system's word of what happens in a folder and all below it."""

from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

import psutil
from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

# Reading a file tells events too: they are no changes.
CHANGES: Final = [
    *(DirCreatedEvent, DirDeletedEvent, DirMovedEvent),
    *(FileClosedEvent, FileCreatedEvent, FileDeletedEvent, FileModifiedEvent, FileMovedEvent),
]
POLL_SECONDS: Final = 2.0
JOIN_SECONDS: Final = 2.0
SILENT_FILE_SYSTEMS: Final = (
    *("nfs", "cifs", "smb", "afp", "9p", "drvfs", "vboxsf", "vmhgfs"),
    *("fuse.sshfs", "fuse.rclone", "fuse.vmhgfs", "davfs", "prl_fs", "virtiofs"),
)
"""Beginnings of the names of file systems that tell nothing of what other machines do."""


class FolderObserver:
    """Tells a handler of changes, in a thread of its own.

    To begin walks through all folders, and to end waits for that thread: both may take seconds, so
    an event loop does them in threads, in any order.

    Args:
        folder: is resolved.
        handler: is told paths below the resolved folder.
    """

    def __init__(self, folder: Path, handler: FileSystemEventHandler) -> None:
        self._folder = folder
        self._handler = handler
        self._observer: BaseObserver | None = None
        self._stopped = False
        self._lock = Lock()

    @property
    def polls(self) -> bool:
        """Whether it looks again and again, instead of being told."""
        return isinstance(self._observer, PollingObserver)

    def start(self, *, polling: bool = False) -> None:
        """Begin, unless it was stopped already.

        Args:
            polling: look again and again, where the system tells nothing.

        Raises:
            OSError: the folder is not there, or the system's number of watches is spent.
        """
        with self._lock:
            if self._stopped:
                return
            observer = PollingObserver(timeout=POLL_SECONDS) if polling else Observer()
            folder = str(self._folder.resolve())
            observer.schedule(self._handler, folder, recursive=True, event_filter=CHANGES)
            observer.start()
            self._observer = observer

    def stop(self) -> None:
        """End, for good; nothing is told any more."""
        self._stopped = True
        with self._lock:
            if self._observer is not None:
                self._observer.stop()
                with suppress(RuntimeError):
                    self._observer.join(timeout=JOIN_SECONDS)


def tells_nothing(folder: Path) -> bool:
    """Whether the folder is on a file system that tells no events of what others write."""
    resolved = folder.resolve()
    mounts = [
        (len(mount.parts), partition.fstype.lower())
        for partition in psutil.disk_partitions(all=True)
        if resolved.is_relative_to(mount := Path(partition.mountpoint))
    ]
    return bool(mounts) and max(mounts)[1].startswith(SILENT_FILE_SYSTEMS)
