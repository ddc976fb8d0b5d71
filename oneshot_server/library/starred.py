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
from oneshot_server.library.dataset_folder import COLUMNS, METADATA_FILE
from oneshot_server.library.export import describe
from oneshot_server.library.file_names import LONGEST_BYTES
from oneshot_server.library.samples_folder import PART_PREFIX, PART_SUFFIX, explained
from oneshot_server.library.trash import move_aside

NAME: Final = "taste"
STARS: Final = 4
"""So many and more, unless somebody says otherwise."""

DIGITS: Final = 12
# What is in the trash may have got a number behind.
_OURS: Final = re.compile(
    rf".+_([0-9a-f]{{{DIGITS}}})(?:-\d+)?\.[a-z0-9]{{2,4}}", re.ASCII | re.DOTALL
)


def collect_starred(library: Sounds, folder: Path, trash: Path, *, stars: int) -> int:
    """Bring a dataset's folder up to what is starred.

    Copies come in, and those of sounds that lost their stars are moved to the trash; what somebody
    else put there stays. A copy stays as it is when its sound is moved or renamed.

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
    wanted = _starred(library, stars)
    if not wanted:  # or the index is being made anew: the copies stay as they are
        return 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        copies = {digits: file for file in folder.iterdir() if (digits := _digits(file.name))}
        for digits, file in copies.items():
            if digits not in wanted:
                move_aside(file, trash / NAME / file.name)
        texts = _others_texts(folder, trash)
        for digits, sound in wanted.items():
            file = copies.get(digits) or folder / _name(sound)
            if file.exists() or _copy(sound, file, library):
                texts[file.name] = describe(sound)
    except OSError as error:
        raise explained(error, folder) from error
    # Written last: what it names is collected, whatever ends this early.
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    writer.writerows(sorted(texts.items()))
    write_atomically(folder / METADATA_FILE, table.getvalue().encode())
    return sum(1 for name in texts if _digits(name))


def count_new(library: Sounds, folder: Path, trash: Path, *, stars: int) -> int:
    """How many starred sounds were never collected; arguments as of ``collect_starred``.

    Sounds are told by their audio: one that was moved, renamed or copied is not new, and neither is
    one that lost its stars and got them back.
    """
    _, texts = _read_table(folder / METADATA_FILE)
    names = [*texts, *(file.name for file in (trash / NAME).glob("*"))]
    return len(_starred(library, stars).keys() - {_digits(name) for name in names})


def _starred(library: Sounds, stars: int) -> dict[str, Sound]:
    """One sound for each audio, whatever it is called and however often it is there."""
    return {sound.content[:DIGITS]: sound for sound in library.every(Query(stars=stars))}


def _digits(name: str) -> str:
    """What the name of a copy says of its sound's audio; empty for another's file."""
    match = _OURS.fullmatch(name)
    return match[1] if match else ""


def _name(sound: Sound) -> str:
    stem, _, suffix = sound.path.rpartition("/")[2].rpartition(".")
    short = stem.encode()[:LONGEST_BYTES].decode(errors="ignore")
    return f"{short}_{sound.content[:DIGITS]}.{suffix.lower()}"


def _copy(sound: Sound, target: Path, library: Sounds) -> bool:
    part = target.with_name(f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}")
    try:
        with suppress(NotFoundError, FileNotFoundError):  # gone meanwhile
            shutil.copyfile(library.file(sound.number), part)
            part.rename(target)
            return True
    finally:
        part.unlink(missing_ok=True)
    return False


def _others_texts(folder: Path, trash: Path) -> dict[str, str]:
    """What somebody else wrote about files of their own; a table that is not ours is kept."""
    table = folder / METADATA_FILE
    columns, texts = _read_table(table)
    if table.exists() and columns != COLUMNS:
        move_aside(table, trash / NAME / METADATA_FILE)
    return {name: text for name, text in texts.items() if not _digits(name)}


def _read_table(table: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Columns, and name to text; both empty if there is none or it cannot be read."""
    with suppress(OSError, UnicodeDecodeError, csv.Error):
        text = table.read_bytes().decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        name, words = COLUMNS
        texts = {row[name]: row[words] or "" for row in rows if row.get(name) and words in row}
        return tuple(rows.fieldnames or ()), texts
    return (), {}
