"""A producer's folder of sounds: which files it holds, and the words about each.

A folder in ``datasets/`` is one dataset. Captions are, first found: ``kick.txt`` beside
``kick.wav``, a row ``file_name,text`` in a ``metadata.csv`` (the convention of Hugging Face's
*audiofolder*), else the words of the file's name, its sub-folders and the dataset's folder.
"""

import csv
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final

from oneshot_server.domain.dataset import DatasetFile, IgnoredFile, Manifest
from oneshot_server.errors import NotFoundError
from oneshot_server.library.named_folders import find_folder, visible_folders

SUFFIXES: Final = frozenset(
    (".wav", ".wave", ".aif", ".aiff", ".aifc", ".flac", ".ogg", ".oga", ".mp3")
)
METADATA_FILE: Final = "metadata.csv"
COLUMNS: Final = ("file_name", "text")
LARGEST_SOUND_BYTES: Final = 1024**3
LARGEST_CAPTION_BYTES: Final = 64 * 1024
LARGEST_METADATA_BYTES: Final = 16 * 1024**2
LONGEST_CAPTION: Final = 500  # characters
KEPT_HASHES: Final = 20_000
OTHER_FOLDERS: Final = frozenset(("__MACOSX",))  # what macOS packs into archives beside

# Where a name's words begin: "KickLong_01" is kick, long. Numbers of three digits and more are
# names themselves: 808, 909.
_WORDS: Final = re.compile(r"[^\W\d_]+|\d{3,}")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def dataset_names(root: Path) -> list[str]:
    """The datasets in ``datasets/``, sorted."""
    return [folder.name for folder in visible_folders(root)]


def dataset_path(root: Path, name: str) -> Path:
    """Where a dataset is.

    Raises:
        NotFoundError: there is none of that name; the text lists those that there are.
    """
    folder = find_folder(root, name)
    if folder is None:
        known = ", ".join(dataset_names(root)) or "there is none yet"
        raise NotFoundError(f'no folder "{name[:80]}" in {root}, expected one of: {known}')
    return folder


def read_dataset(folder: Path) -> Manifest:
    """List a dataset's sounds; the folder is only read, and no sound is decoded.

    Files that vanish while it is read are left out.

    Raises:
        NotFoundError: no such folder.
    """
    if not folder.is_dir():
        raise NotFoundError(f"{folder} is no folder, expected one with sounds; was it removed?")
    files: list[DatasetFile] = []
    ignored: list[IgnoredFile] = []
    captions = _read_metadata(folder, ignored)
    for path in _walk(folder, ignored):
        relative = path.relative_to(folder).as_posix()
        why = _reason_to_ignore(path, folder)
        if why:
            ignored.append(IgnoredFile(path=relative, why=why))
            continue
        try:
            status = path.stat()
            digest = _sha256(path, status.st_size, status.st_mtime_ns, status.st_ino)
        except OSError as error:
            ignored.append(IgnoredFile(path=relative, why=_unreadable(error)))
            continue
        caption = _caption_beside(path) or captions.get(relative) or _words(relative, folder.name)
        files.append(DatasetFile(path=relative, sha256=digest, caption=caption))
    return Manifest(
        name=folder.name,
        files=tuple(sorted(files, key=lambda file: file.path)),
        ignored=tuple(sorted(ignored, key=lambda file: file.path)),
    )


def count_sounds(folder: Path, most: int) -> int:
    """How many sounds a dataset has, by the names of its files alone; no more than ``most``."""
    return sum(1 for _ in islice(_walk(folder, []), most))


def _walk(folder: Path, ignored: list[IgnoredFile]) -> Iterator[Path]:
    """Visible files that are named as sounds."""
    for where, names, files in os.walk(folder):
        for name in list(names):
            if name.startswith(".") or name in OTHER_FOLDERS:
                names.remove(name)
            elif (Path(where) / name).is_symlink():  # os.walk does not follow it
                relative = (Path(where) / name).relative_to(folder).as_posix()
                ignored.append(IgnoredFile(path=relative, why="a link to a folder"))
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(where) / name


def _reason_to_ignore(path: Path, folder: Path) -> str:
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            return "a link that leads outside the dataset"
        status = path.stat()
    except OSError as error:
        return _unreadable(error)
    if not stat.S_ISREG(status.st_mode):
        return "no regular file"  # reading a pipe would wait for ever
    if status.st_size > LARGEST_SOUND_BYTES:
        return f"{status.st_size / 1024**3:.1f} GiB, larger than 1 GiB"
    return ""


def _unreadable(error: OSError) -> str:
    return f"unreadable: {error.strerror or error}"


@lru_cache(maxsize=KEPT_HASHES)
def _sha256(path: Path, _size: int, _modified: int, _inode: int) -> str:
    """Of the content, hexadecimal; a file that has not changed is not read again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _caption_beside(path: Path) -> str:
    for beside in (path.with_suffix(".txt"), path.with_name(f"{path.name}.txt")):
        text = _read_text(beside, LARGEST_CAPTION_BYTES)
        if text and text.strip():
            return _plain(text)
    return ""


def _read_metadata(folder: Path, ignored: list[IgnoredFile]) -> Mapping[str, str]:
    """Path of a sound, relative to the dataset, to its caption in a ``metadata.csv``."""
    captions: dict[str, str] = {}
    for path in sorted(folder.rglob(METADATA_FILE)):
        relative = path.relative_to(folder)
        if any(part.startswith(".") for part in relative.parts):
            continue
        text = _read_text(path, LARGEST_METADATA_BYTES)
        try:
            rows = csv.DictReader((text or "").splitlines(), strict=True)
            if not set(COLUMNS) <= set(rows.fieldnames or ()):
                why = f"captions without the columns {' and '.join(COLUMNS)}"
                ignored.append(IgnoredFile(path=relative.as_posix(), why=why))
                continue
            for row in rows:
                name, caption = (row[column] or "" for column in COLUMNS)
                if name.strip() and caption.strip():
                    where = PurePosixPath(relative.parent.as_posix()) / name.strip()
                    captions[where.as_posix()] = _plain(caption)
        except csv.Error as error:
            why = f"captions that cannot be read: {error}"
            ignored.append(IgnoredFile(path=relative.as_posix(), why=why))
    return captions


def _read_text(path: Path, most_bytes: int) -> str | None:
    """A text file of any encoding that a producer's editor writes; ``None`` if there is none."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > most_bytes:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8-sig", errors="replace")


def _plain(text: str) -> str:
    """One line, no control characters."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:LONGEST_CAPTION]


def _words(relative: str, dataset: str) -> str:
    """Words of the names, the nearest first: what the file itself says comes before its folder."""
    path = PurePosixPath(relative)
    return name_to_words(path.stem, *reversed(path.parent.parts), dataset)


def name_to_words(*names: str) -> str:
    """The words of files' and folders' names, each once: ``KickLong_01`` is kick long."""
    words = (word.lower() for name in names for word in _WORDS.findall(_CAMEL.sub(" ", name)))
    return " ".join(dict.fromkeys(words))[:LONGEST_CAPTION]
