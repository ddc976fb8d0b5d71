"""Which files of the samples folder are sounds; links and hidden files are none."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from oneshot_server.errors import ForbiddenError, NotFoundError
from oneshot_server.library.dataset_folder import SUFFIXES
from oneshot_server.library.sound_contents import Stamp, stamp_of


def walk(samples: Path) -> Iterator[tuple[str, Stamp]]:
    """Every file that is named as a sound; hidden ones, links and what links lead to left out."""
    folders = [""]
    while folders:
        folder = folders.pop()
        # What cannot be read has nothing for us; it may be gone already.
        with suppress(OSError), os.scandir(samples / folder) as entries:
            for entry in entries:
                path = f"{folder}{entry.name}"
                with suppress(OSError):
                    if entry.name.startswith(".") or entry.is_symlink():
                        continue
                    if entry.is_dir():
                        folders.append(f"{path}/")
                    elif is_sound_path(path):
                        status = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode):
                            yield path, stamp_of(status)


def is_sound_path(path: str) -> bool:
    """Whether a relative path is that of a visible file with a sound's suffix."""
    parts = path.split("/")
    if any(part.startswith(".") or not part for part in parts):
        return False
    if os.path.splitext(path)[1].lower() not in SUFFIXES:  # noqa: PTH122 - 100,000 paths a scan
        return False
    try:  # names that are no text, which some file systems allow, cannot be told to anybody
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_inside(path: str, samples: Path) -> bool:
    """Whether no folder on the way from the samples folder to a relative path is a link."""
    folder = samples
    for part in PurePosixPath(path).parts[:-1]:
        folder /= part
        if folder.is_symlink():
            return False
    return True


def relative_path(path: str, samples: Path) -> str:
    """A path from outside as the index has it.

    Args:
        path: absolute, or relative to the samples folder.
        samples: the folder.

    Raises:
        ForbiddenError: it leads outside of the samples folder.
        NotFoundError: it is no sound's.
    """
    asked = Path(path)
    with suppress(ValueError):
        asked = asked.relative_to(samples)
    if asked.is_absolute():
        with suppress(ValueError, OSError):
            asked = asked.relative_to(samples.resolve())
    relative = asked.as_posix()
    if asked.is_absolute() or asked.drive or ".." in asked.parts or "\0" in path:
        raise ForbiddenError(f"{path[:200]!r} is not in {samples}")
    if not is_sound_path(relative):
        raise NotFoundError(f"{path[:200]!r} is no sound of the library")
    if not is_inside(relative, samples) or (samples / asked).is_symlink():
        raise ForbiddenError(f"{path[:200]!r} is a link, expected a file in {samples}")
    return relative
