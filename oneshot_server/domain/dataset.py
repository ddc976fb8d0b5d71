"""A dataset: a folder of a producer's sounds, as the daemon and the trainer know it."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DatasetFile:
    """One sound of a dataset.

    Attributes:
        path: relative to the dataset's folder, with forward slashes.
        sha256: of the file's bytes, in hexadecimal.
        caption: words about it, from a caption file or from its name and folders; may be empty.
    """

    path: str
    sha256: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class IgnoredFile:
    """A file that looks like a sound and is not taken.

    Attributes:
        path: relative to the dataset's folder, with forward slashes.
        why: in words.
    """

    path: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a dataset's folder holds.

    Attributes:
        name: of the folder.
        files: its sounds, sorted by path.
        ignored: what was not taken.
    """

    name: str
    files: tuple[DatasetFile, ...]
    ignored: tuple[IgnoredFile, ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 over the sounds and their captions; neither names, dates nor order count."""
        lines = sorted(f"{file.sha256} {file.caption}" for file in self.files)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
