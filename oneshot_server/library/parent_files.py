"""Sounds that others are made from: which may be read, and what is known of them beforehand."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from oneshot_server.domain import parameters
from oneshot_server.domain.recipe import Recipe
from oneshot_server.domain.reshape import Parent
from oneshot_server.errors import BadArgumentsError, ForbiddenError, MetadataError, NotFoundError
from oneshot_server.library.audio_hash import hash_audio
from oneshot_server.library.dataset_folder import SUFFIXES, name_to_words
from oneshot_server.library.wav_metadata import read_recipe

LARGEST_BYTES: Final = 100 * 1024**2  # two minutes of stereo 32-bit audio at 96 kHz


class SoundFolders:
    """Finds files that clients name, and never leads out of a few folders.

    Args:
        folders: what may be read, with all that is in it; a name without a folder is looked for in
            the first.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(Path(os.path.abspath(folder)) for folder in folders)  # noqa: PTH100 - no link is followed yet

    def find(self, text: str) -> Path:
        """The file that a client means.

        Args:
            text: an absolute path, or one that begins in the first folder.

        Returns:
            The file itself, whatever links led to it.

        Raises:
            ForbiddenError: outside the folders, by its name or by a link. Whether there is such a
                file is not told, nor looked for.
            NotFoundError: no such file.
            BadArgumentsError: no regular file, or too large.
        """
        if "\0" in text:
            raise BadArgumentsError(f"{parameters.shown(text)} is no path")
        named = Path(os.path.normpath(self._folders[0] / text))
        real_folders = [folder.resolve() for folder in self._folders]
        if not _within(named, (*self._folders, *real_folders)):
            raise self._forbidden(text)
        try:
            path = named.resolve()
        except (OSError, RuntimeError):  # a name too long, a link that leads to itself
            raise NotFoundError(f"{parameters.shown(text)}: no such file") from None
        if not _within(path, real_folders):
            raise self._forbidden(text)
        check_parent_file(path, text)
        return path

    def _forbidden(self, text: str) -> ForbiddenError:
        folders = ", ".join(map(str, dict.fromkeys(self._folders)))
        return ForbiddenError(f"{parameters.shown(text)}: expected a sound in {folders}")


def _within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def check_parent_file(path: Path, text: str) -> None:
    """Make sure that a file can be read without harm; ``text`` is how an error calls it.

    Raises:
        NotFoundError: no such file.
        BadArgumentsError: no regular file, or too large.
    """
    try:
        status = path.stat()
    except OSError:
        raise NotFoundError(f"{parameters.shown(text)}: no such file") from None
    if not stat.S_ISREG(status.st_mode):
        raise BadArgumentsError(f"{parameters.shown(text)} is no file, expected a sound")
    if status.st_size > LARGEST_BYTES:
        raise BadArgumentsError(
            f"{parameters.shown(text)} has {status.st_size / 1e6:.0f} MB, "
            f"expected {LARGEST_BYTES / 1e6:.0f} at most"
        )


def read_parent(path: Path) -> tuple[Parent, Recipe | None]:
    """What a file says of itself, its audio unread; and its recipe if it is one of ours.

    The model is told what it was told when it made the sound. Of other files the name's words.
    """
    recipe = None
    with suppress(MetadataError):
        recipe = read_recipe(path)
    told = recipe.caption if recipe else name_to_words(path.stem)
    name = path.name.encode(errors="replace").decode()
    return Parent(name=name, told=told[: int(parameters.PROMPT.high)]), recipe


def find_parent(parent: Parent, folders: Iterable[Path], beside: Path) -> Path | None:
    """The file with a parent's audio, wherever it was moved within folders and however renamed.

    Args:
        parent: with its hash.
        folders: where every sound is read, those of the parent's name first.
        beside: a file; one of the parent's name is looked for beside it, too.
    """
    files = [file for folder in dict.fromkeys(folders) for file in _sounds_in(folder)]
    files.sort(key=lambda file: file.name != parent.name)
    for file in (beside.with_name(Path(parent.name).name or beside.name), *files):
        with suppress(OSError, ValueError, NotFoundError, BadArgumentsError):
            check_parent_file(file, file.name)
            with file.open("rb") as stream:
                if hash_audio(stream) == parent.sha256:
                    return file
    return None


def _sounds_in(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES:
                yield Path(where) / name
