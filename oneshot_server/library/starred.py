"""The starred sounds as a dataset, so that a LoRA can learn what a listener likes."""

import csv
import io
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from oneshot_server.domain.library import Query, Sound, Sounds
from oneshot_server.errors import NotFoundError
from oneshot_server.library.atomic_file import write_atomically
from oneshot_server.library.dataset_folder import METADATA_FILE
from oneshot_server.library.export import describe
from oneshot_server.library.samples_folder import PART_PREFIX, PART_SUFFIX, explained
from oneshot_server.library.trash import move_aside

NAME: Final = "taste"
DIGITS: Final = 12
_OURS: Final = re.compile(rf".+_[0-9a-f]{{{DIGITS}}}\.[a-z0-9]{{2,4}}", re.ASCII | re.DOTALL)


def collect_starred(library: Sounds, folder: Path, trash: Path, *, stars: int) -> int:
    """Bring a dataset's folder up to what is starred.

    Copies come in, and those of sounds that lost their stars are moved to the trash; what somebody
    else put there stays.

    Args:
        library: knows the stars.
        folder: of the dataset; made if missing.
        trash: where copies go.
        stars: at least so many.

    Returns:
        How many sounds it has by the stars.

    Raises:
        DiskFullError: no space left.
        ForbiddenError: the folder cannot be written.
    """
    # One copy of each audio, whatever it is called and however often it is there.
    wanted = {sound.content: sound for sound in library.every(Query(stars=stars))}
    if not wanted:  # or the index is being made anew: the copies stay as they are
        return 0
    names = {_name(sound): sound for sound in wanted.values()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir():
            if _OURS.fullmatch(file.name) and file.name not in names:
                move_aside(file, trash / NAME / file.name)
        there = {
            name: sound for name, sound in names.items() if _copy(sound, name, library, folder)
        }
    except OSError as error:
        raise explained(error, folder) from error
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(("file_name", "text"))
    writer.writerows((name, describe(sound)) for name, sound in sorted(there.items()))
    write_atomically(folder / METADATA_FILE, table.getvalue().encode())
    return len(there)


def _name(sound: Sound) -> str:
    stem, _, suffix = sound.path.rpartition("/")[2].rpartition(".")
    return f"{stem}_{sound.content[:DIGITS]}.{suffix.lower()}"


def _copy(sound: Sound, name: str, library: Sounds, folder: Path) -> bool:
    target = folder / name
    if target.exists():
        return True
    part = folder / f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"
    try:
        with suppress(NotFoundError, FileNotFoundError):  # gone meanwhile
            shutil.copyfile(library.file(sound.number), part)
            part.rename(target)
            return True
    finally:
        part.unlink(missing_ok=True)
    return False
