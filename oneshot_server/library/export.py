"""Copies of some sounds as a folder of their own, with what is known of them beside: a sample pack.

The table has the columns of a dataset, so the folder can be trained on.
"""

import csv
import secrets
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from oneshot_server.domain.kinds import text_to_words
from oneshot_server.domain.library import Sound
from oneshot_server.errors import ForbiddenError, NotFoundError, OneshotError
from oneshot_server.library.dataset_folder import METADATA_FILE
from oneshot_server.library.file_names import numbered
from oneshot_server.library.samples_folder import PART_PREFIX, explained
from oneshot_server.library.sound_library import SoundLibrary

COLUMNS: Final = (
    *("file_name", "text", "kind", "key", "seconds", "level_db", "brightness_hz"),
    *("stars", "tags", "prompt", "seed", "model"),
)


def export(sounds: Iterable[Sound], library: SoundLibrary, folder: Path) -> int:
    """Copy sounds into a new folder, all of them or none.

    Args:
        sounds: of the library.
        library: knows where their files are.
        folder: that is not there yet, or is empty.

    Returns:
        How many were copied; those whose file is gone meanwhile are left out.

    Raises:
        ForbiddenError: something is in the folder, or it cannot be written.
        DiskFullError: no space left.
    """
    _check_empty(folder)
    part = folder.with_name(f"{PART_PREFIX}{secrets.token_hex(8)}")
    try:
        part.mkdir(parents=True)
        try:
            count = _fill(part, sounds, library)
            if folder.exists():
                folder.rmdir()
            part.rename(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    except OSError as error:
        raise _without_advice(error, folder) from error
    return count


def describe(sound: Sound) -> str:
    """What a sound is, in the words that a LoRA learns it by."""
    words = sound.caption or " ".join(
        (sound.kind.replace("_", " "), *text_to_words(sound.path.rpartition("/")[2][:-4]))
    )
    return " ".join(dict.fromkeys([*words.split(), *" ".join(sound.tags).split()]))


def _fill(part: Path, sounds: Iterable[Sound], library: SoundLibrary) -> int:
    taken = {METADATA_FILE}
    with (part / METADATA_FILE).open("x", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for sound in sounds:
            name = next(
                name
                for name in numbered(sound.path.rpartition("/")[2])
                if name.casefold() not in taken
            )
            with suppress(NotFoundError, FileNotFoundError):
                shutil.copy2(library.file(sound.number), part / name)
                taken.add(name.casefold())
                table.writerow(_row(name, sound))
    return len(taken) - 1


def _row(name: str, sound: Sound) -> tuple[object, ...]:
    return (
        name,
        describe(sound),
        sound.kind,
        sound.key,
        round(sound.seconds, 3),
        round(sound.level_db, 1),
        round(sound.brightness_hz),
        sound.stars,
        "; ".join(sound.tags),
        sound.prompt,
        "" if sound.seed is None else sound.seed,
        sound.model,
    )


def _check_empty(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise ForbiddenError(f"{folder} is not empty, expected a folder that is new or empty")


def _without_advice(error: OSError, folder: Path) -> OneshotError:
    """As for the samples folder, but which setting to change is not said."""
    problem = explained(error, folder)
    return type(problem)(str(problem).partition(" Mend that,")[0])
