"""Where stars and tags live.

A render carries them in its own metadata: they go wherever the file goes, and other programs show
them. A file that somebody else made is never written to: its mark is a small JSON file in the
hidden folder ``.oneshot-marks`` of the samples folder, named by the hash of its audio. So it
follows the file when that is moved or renamed, and comes back when a deleted file comes back.
"""

from pathlib import Path
from typing import Final

import msgspec

from oneshot_server.domain.library import Mark
from oneshot_server.errors import BadArgumentsError
from oneshot_server.library.atomic_file import write_atomically
from oneshot_server.library.rewriting import rewrite_file
from oneshot_server.library.wav_metadata import extract, mark_wav

FOLDER: Final = ".oneshot-marks"


class _Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """What a mark's file holds; the name is for people, it may have changed since."""

    name: str
    stars: int = 0
    tags: tuple[str, ...] = ()


def mark_render(path: Path, mark: Mark, samples: Path) -> None:
    """Write a mark into a render; its audio, its recipe and its time stay as they are.

    Args:
        path: of the file.
        mark: replaces the one inside.
        samples: the samples folder, where the new file is written before it takes the old's place.

    Raises:
        MetadataError: it is no render.
        NotFoundError: it is gone.
        DiskFullError: no space left.
        ForbiddenError: it cannot be written, or somebody writes it again and again.
    """

    def change(wav: bytes) -> bytes:
        extract(wav)
        return mark_wav(wav, mark)

    rewrite_file(path, change, samples, keep_time=True)


def mark_foreign(samples: Path, content: str, name: str, mark: Mark) -> None:
    """Keep the mark of a file that is not ours.

    Args:
        samples: the samples folder.
        content: hash of the file's audio.
        name: of the file.
        mark: replaces the one that is kept.

    Raises:
        DiskFullError: no space left.
        ForbiddenError: it cannot be written.
    """
    sidecar = _Sidecar(name=name, stars=mark.stars, tags=mark.tags)
    write_atomically(_sidecar(samples, content), msgspec.json.format(msgspec.json.encode(sidecar)))


def foreign_mark(samples: Path, content: str) -> Mark | None:
    """The mark that is kept for audio of this hash, if there is one that can be read."""
    try:
        sidecar = msgspec.json.decode(_sidecar(samples, content).read_bytes(), type=_Sidecar)
        return Mark(stars=sidecar.stars, tags=sidecar.tags)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, BadArgumentsError):
        return None


def _sidecar(samples: Path, content: str) -> Path:
    return samples / FOLDER / f"{content}.json"
