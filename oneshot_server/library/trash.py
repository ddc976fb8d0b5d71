"""Renders that nobody wants, moved out of the way. Nothing is deleted, and nothing that is wanted.

Only files with a recipe inside are moved, without a star and without a tag; both are read from the
file itself, for the index may be behind.
"""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oneshot_server.domain.library import Mark, Query, Sound
from oneshot_server.errors import MetadataError, NotFoundError
from oneshot_server.library.file_names import numbered
from oneshot_server.library.rename_new import rename_new
from oneshot_server.library.riff import walk
from oneshot_server.library.samples_folder import PART_PREFIX, PART_SUFFIX, explained
from oneshot_server.library.sound_index import IndexLostError
from oneshot_server.library.sound_library import SoundLibrary
from oneshot_server.library.wav_metadata import mark_in, recipe_in

DAY_SECONDS: Final = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A render, and where it is now."""

    sound: Sound
    path: Path


def unwanted(library: SoundLibrary, *, before: float) -> Iterator[Sound]:
    """Renders without stars and tags, the oldest first.

    Args:
        library: is asked.
        before: only what was written before, seconds since 1970.
    """
    for sound in library.every(Query(rendered=True, sort="oldest")):
        if sound.changed >= before:
            return
        if not sound.stars and not sound.tags:
            yield sound


def tidy(library: SoundLibrary, trash: Path, *, days: float) -> list[Moved]:
    """Move what is unwanted and older than some days.

    Raises:
        DiskFullError: no space left.
        ForbiddenError: a file cannot be moved.
    """
    before = time.time() - days * DAY_SECONDS
    moved = [move_to_trash(sound, library, trash) for sound in [*unwanted(library, before=before)]]
    found = [one for one in moved if one is not None]
    with suppress(IndexLostError):  # the new one never knew them here
        library.update([one.sound.path for one in found])
    return found


def move_to_trash(sound: Sound, library: SoundLibrary, trash: Path) -> Moved | None:
    """Move a render; its folders come along.

    Args:
        sound: as ``unwanted`` gave it.
        library: knows where it is.
        trash: where to; made if missing.

    Returns:
        ``None`` if it is gone, wanted after all, or no render.

    Raises:
        DiskFullError: no space left.
        ForbiddenError: it cannot be moved.
    """
    try:
        file = library.file(sound.number)
        with file.open("rb") as stream:
            chunks = [*walk(stream)]
            recipe_in(stream, chunks)
            if mark_in(stream, chunks) != Mark():
                return None
        if file.stat().st_size != sound.size:
            return None
    except (NotFoundError, MetadataError, OSError):
        return None
    try:
        return Moved(sound=sound, path=move_aside(file, trash / sound.path))
    except FileNotFoundError:  # somebody was quicker
        return None
    except OSError as error:
        raise explained(error, trash) from error


def move_aside(file: Path, wanted: Path) -> Path:
    """Move a file to a place, or beside what is there already; returns where it is.

    Raises:
        OSError: it cannot be moved.
    """
    wanted.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _rename_beside(file, wanted)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    # The samples are on another disk: what is there is let go when it is safe here.
    part = wanted.with_name(f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}")
    try:
        shutil.copy2(file, part)
        with part.open("rb+") as copied:
            os.fsync(copied.fileno())
        target = _rename_beside(part, wanted)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    file.unlink()
    return target


def _rename_beside(file: Path, wanted: Path) -> Path:
    for target in map(wanted.with_name, numbered(wanted.name)):
        with suppress(FileExistsError):
            rename_new(file, target)
            return target
    raise AssertionError("there is always one more name")
