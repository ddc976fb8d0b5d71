"""Finished sounds that wait to be played: a hidden folder beside the samples.

Each file's name says all that must be known of it, so the folder is its own index, whole however
the daemon ended: ``KEY-NUMBER-SEED-MICROSECONDS.reserve``. The name does not end in ``.wav``: no
DAW shows what is not published yet.
"""

import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oneshot_server.library.samples_folder import explained

FOLDER: Final = ".oneshot-reserve"
_NAME: Final = re.compile(r"([0-9a-f]{16})-(\d{1,15})-(\d{1,10})-(\d{1,12})\.reserve", re.ASCII)
_PART: Final = re.compile(r"[0-9a-f]{16}\.part", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A sound in reserve.

    Attributes:
        path: of its file.
        key: hash of all that it was made from but the seed, 16 hexadecimal digits.
        number: ascending in the order in which sounds came.
        seed: of the sound.
        seconds: its duration.
        size: bytes of the file.
    """

    path: Path
    key: str
    number: int
    seed: int
    seconds: float
    size: int


class ReserveFolder:
    """The folder; made when it is first needed. Threads may share one.

    Args:
        samples: the folder in which sounds are published: a rename gets from here to there.
    """

    def __init__(self, samples: Path) -> None:
        self._samples = samples
        self.folder = samples / FOLDER

    def contents(self) -> list[Waiting]:
        """What waits, oldest first. What a killed daemon left half written is removed."""
        found = []
        with suppress(OSError):
            for path in self.folder.iterdir():
                if _PART.fullmatch(path.name):
                    path.unlink(missing_ok=True)
                elif match := _NAME.fullmatch(path.name):
                    found.append(
                        Waiting(
                            path=path,
                            key=match[1],
                            number=int(match[2]),
                            seed=int(match[3]),
                            seconds=int(match[4]) / 1e6,
                            size=path.stat().st_size,
                        )
                    )
        return sorted(found, key=lambda waiting: waiting.number)

    def store(self, wav: bytes, *, key: str, number: int, seed: int, seconds: float) -> Waiting:
        """Keep a sound; it is safe on the disk when this returns.

        Raises:
            DiskFullError: no space left.
            ForbiddenError: the folder cannot be written.
        """
        path = self.folder / f"{key}-{number}-{seed}-{round(seconds * 1e6)}.reserve"
        part = self.folder / f"{secrets.token_hex(8)}.part"
        try:
            self._samples.mkdir(exist_ok=True)
            self.folder.mkdir(exist_ok=True)
            try:
                with part.open("xb") as file:
                    file.write(wav)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise explained(error, self.folder) from error
        return Waiting(path=path, key=key, number=number, seed=seed, seconds=seconds, size=len(wav))


def throw_away(waiting: Waiting) -> None:
    """Remove a sound that nobody has heard, and nobody will."""
    with suppress(OSError):
        waiting.path.unlink()
