"""Files from outside: written part by part, checked, and published whole under a free name."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import soundfile

from oneshot_server.errors import BadArgumentsError, ForbiddenError, OneshotError
from oneshot_server.library.dataset_folder import SUFFIXES
from oneshot_server.library.file_names import check_file_name
from oneshot_server.library.named_folders import find_folder
from oneshot_server.library.samples_folder import PART_PREFIX, PART_SUFFIX, SamplesFolder, explained


class TooLargeError(BadArgumentsError):
    """A file that is larger than it may be."""

    def __init__(self, name: str, most_bytes: int) -> None:
        super().__init__(f"{name[:60]} is too large, expected at most {most_bytes // 10**6} MB")


def check_sound_name(name: str) -> None:
    """Refuse what is not the name of a sound.

    Raises:
        ForbiddenError: a path, a hidden file, or characters that some system cannot store.
        BadArgumentsError: it does not end as sounds do.
    """
    check_file_name(name)
    if Path(name).suffix.lower() not in SUFFIXES:
        known = ", ".join(sorted(SUFFIXES))
        raise BadArgumentsError(f"{name[:60]} is no sound, expected a name that ends in {known}")


def folder_for(root: Path, name: str) -> Path:
    """A sub-folder, made if it is not there.

    Raises:
        ForbiddenError: the name cannot be a folder's, or what has it leads elsewhere.
    """
    check_file_name(name)
    folder = find_folder(root, name)
    if folder is not None:
        return folder
    folder = root / name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise ForbiddenError(f"{name[:60]} in {root} is no folder of its own") from None
    except OSError as error:
        raise ForbiddenError(f"{folder} cannot be made: {error.strerror}") from None
    return folder


async def receive(
    chunks: AsyncIterator[bytes], folder: SamplesFolder, name: str, *, most_bytes: int
) -> Path:
    """Take a sound in; nothing of one that is refused or cut short stays.

    Args:
        chunks: the file's content.
        folder: that is there; whoever else publishes into it must share this one.
        name: wanted; a file of that name is left alone, and this one gets a number.
        most_bytes: that a file may have.

    Returns:
        Where the file is.

    Raises:
        TooLargeError: more than ``most_bytes`` came.
        BadArgumentsError: no sound that can be read.
        ForbiddenError: a name that is none, or the folder cannot be written.
        DiskFullError: no space left.
    """
    check_sound_name(name)
    part = folder.folder / f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"
    try:
        with part.open("xb") as file:
            size = 0
            async for chunk in chunks:
                size += len(chunk)
                if size > most_bytes:
                    raise TooLargeError(name, most_bytes)
                await asyncio.to_thread(file.write, chunk)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        await asyncio.to_thread(_check_sound, part, name)
        return await asyncio.to_thread(folder.adopt, part, name)
    except OSError as error:
        raise explained(error, folder.folder) from error
    finally:
        part.unlink(missing_ok=True)


def _check_sound(part: Path, name: str) -> None:
    try:
        # Opened here, as libsndfile goes by a file's name, and this one ends in .part.
        with part.open("rb") as file, soundfile.SoundFile(file) as sound:
            if sound.frames > 0:
                return
    except (soundfile.SoundFileError, OneshotError):
        pass
    raise BadArgumentsError(f"{name[:60]} is no sound that can be read")
