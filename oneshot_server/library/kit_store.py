"""Kits: a TOML file each in the home's ``kits``, and a few that are built in.

A file in the home stands for the built-in kit of its name. Nothing here overwrites a file: what is
saved over is kept as ``kits/.backups/NAME-1.toml``, ``-2``, ….
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Final

from oneshot_server.domain import parameters
from oneshot_server.domain.pads import Kit, Pad
from oneshot_server.errors import (
    BadArgumentsError,
    ForbiddenError,
    NotFoundError,
    OneshotError,
    SettingsError,
)
from oneshot_server.library.atomic_file import write_atomically
from oneshot_server.library.file_names import check_file_name
from oneshot_server.settings.toml_file import read_toml

BUILT_IN: Final = Path(__file__).parent / "kits"
SUFFIX: Final = ".toml"
BACKUPS: Final = ".backups"
LONGEST_NAME: Final = 80
_ABOUT: Final = parameters.Parameter(
    name="about", kind=str, low=0, high=500, default='""', help="a line about the kit"
)


class KitStore:
    """The kits by name.

    Args:
        folder: of the producer's own.
        built_in: those that come with the product.
    """

    def __init__(self, folder: Path, built_in: Path = BUILT_IN) -> None:
        self._folder = folder
        self._built_in = built_in

    def names(self) -> list[str]:
        """Every kit, sorted."""
        return sorted({*_stems(self._folder), *_stems(self._built_in)}, key=str.casefold)

    def is_built_in(self, name: str) -> bool:
        """Whether the name means a kit that comes with the product."""
        return name not in _stems(self._folder) and name in _stems(self._built_in)

    def read(self, name: str) -> Kit:
        """A kit.

        Raises:
            NotFoundError: there is none of this name; the text says which there are.
            BadArgumentsError: its file is not understood; the text names file, pad and key.
        """
        return read_kit(self._path(name))

    def save(self, kit: Kit) -> Path | None:
        """Write a kit; returns where the one that was there is now, if one was.

        Raises:
            ForbiddenError: its name cannot be that of a file, or the folder cannot be written.
            DiskFullError: no space left; the one that was there still is.
        """
        path = self._new_path(kit.name)
        kept = self._back_up(path)
        write_atomically(path, kit_to_toml(kit).encode())
        return kept

    def rename(self, name: str, new_name: str) -> None:
        """Give a kit another name.

        Raises:
            NotFoundError: there is none of this name.
            ForbiddenError: it is built in, the new name is taken, or it cannot be that of a file.
        """
        path = self._path(name)
        if self.is_built_in(name):
            raise ForbiddenError(
                f'the kit "{name}" is built in and keeps its name: load it and save it as another'
            )
        new_path = self._new_path(new_name)
        taken = new_name.casefold() in {known.casefold() for known in self.names()}
        if taken and new_name.casefold() != name.casefold():
            raise ForbiddenError(f'a kit is named "{new_name}" already: expected a new name')
        try:
            path.rename(new_path)
        except OSError as error:
            raise ForbiddenError(f"{path} cannot be renamed: {error.strerror}") from error

    def _path(self, name: str) -> Path:
        for folder in (self._folder, self._built_in):
            if name in _stems(folder):  # never a path: it is one of the names that are there
                return folder / f"{name}{SUFFIX}"
        raise NotFoundError(
            f"no kit is named {parameters.shown(name)}, expected one of: {', '.join(self.names())}"
        )

    def _new_path(self, name: str) -> Path:
        if name != name.strip() or len(name) > LONGEST_NAME:
            raise ForbiddenError(
                f"{parameters.shown(name)} cannot be the name of a kit, expected at most "
                f"{LONGEST_NAME} characters without a space at either end"
            )
        check_file_name(f"{name}{SUFFIX}")
        return self._folder / f"{name}{SUFFIX}"

    def _back_up(self, path: Path) -> Path | None:
        try:
            old = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ForbiddenError(f"{path} cannot be read: {error.strerror}") from error
        backups = self._folder / BACKUPS
        count = 1
        while (backups / f"{path.stem}-{count}{SUFFIX}").exists():
            count += 1
        kept = backups / f"{path.stem}-{count}{SUFFIX}"
        write_atomically(kept, old)
        return kept


def read_kit(path: Path) -> Kit:
    """Read a kit's file; its name is the kit's.

    Raises:
        BadArgumentsError: it is not understood; the text names file, pad and key, or the line.
    """
    try:
        given = read_toml(path)
    except SettingsError as error:
        raise BadArgumentsError(str(error)) from None
    unknown = given.keys() - {"about", "pads"}
    if unknown:
        raise BadArgumentsError(
            f"{path}: {parameters.shown(min(unknown))} is no known key, expected about and pads"
        )
    pads = given.get("pads", {})
    if not isinstance(pads, dict):
        raise BadArgumentsError(f"{path}: pads is no table, expected [pads.0], [pads.1], …")
    try:
        return Kit(
            name=path.stem,
            about=str(_ABOUT.check(given.get("about", ""))),
            pads={_number(text): _pad(text, values) for text, values in pads.items()},
        )
    except OneshotError as error:
        raise BadArgumentsError(f"{path}: {error}") from None


def kit_to_toml(kit: Kit) -> str:
    """A kit as its file has it: each pad with the values that are not the usual ones."""
    lines = [f"about = {_toml(kit.about)}\n"] if kit.about else []
    for number, pad in sorted(kit.pads.items()):
        lines.append(f"[pads.{number}]")
        lines += [
            f"{info.name} = {_toml(getattr(pad, info.name))}"
            for info in fields(pad)
            if getattr(pad, info.name) != info.default
        ]
        lines.append("")
    return "\n".join(lines)


def _stems(folder: Path) -> set[str]:
    try:
        return {
            path.stem
            for path in folder.iterdir()
            if path.suffix == SUFFIX and not path.name.startswith(".") and path.is_file()
        }
    except OSError:
        return set()


def _number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else text
    return int(parameters.PAD.check(number))


def _pad(number: str, values: object) -> Pad:
    where = f"pads.{number}"
    if not isinstance(values, Mapping):
        raise BadArgumentsError(f"{where} is no table, expected [{where}] and keys below it")
    pad = Pad()
    try:
        for key, value in values.items():
            pad = pad.with_value(key, value)
    except BadArgumentsError as error:
        raise BadArgumentsError(f"[{where}] {error}") from None
    return pad


def _toml(value: float | str) -> str:
    """A value as TOML writes it; JSON's strings are TOML's, but for one control character."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
