"""Mel profiles as data: a TOML file each, built in or in the home's ``profiles``."""

import re
from pathlib import Path
from typing import Final

import msgspec

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.errors import NotFoundError, SettingsError
from oneshot_server.settings.keys import as_toml, keys_of
from oneshot_server.settings.reader import convert_value
from oneshot_server.settings.toml_file import read_toml

BUILT_IN: Final = Path(__file__).parent / "profiles"
SUFFIX: Final = ".toml"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def profile_names(folder: Path) -> tuple[str, ...]:
    """Names of the profiles that there are.

    Args:
        folder: of the user's own.
    """
    files = (*BUILT_IN.glob(f"*{SUFFIX}"), *folder.glob(f"*{SUFFIX}"))
    return tuple(sorted({file.stem for file in files if _NAME.fullmatch(file.stem)}))


def find_profile(name: str, folder: Path) -> MelProfile:
    """The profile of a name; the user's own before a built-in one.

    Args:
        name: a file's name without ``.toml``.
        folder: of the user's own.

    Raises:
        NotFoundError: there is none; the text lists those that there are.
        SettingsError: its file is broken.
    """
    if _NAME.fullmatch(name):
        for file in (folder / f"{name}{SUFFIX}", BUILT_IN / f"{name}{SUFFIX}"):
            if file.is_file():
                return read_profile(file)
    raise NotFoundError(
        f"mel profile {as_toml(name)} not found: expected one of "
        f"{', '.join(profile_names(folder))}, or {name or 'its name'}{SUFFIX} in {folder}"
    )


def read_profile(path: Path) -> MelProfile:
    """Read a profile; its name is the file's.

    Raises:
        SettingsError: the file cannot be read, is no TOML, or says what is not understood; the text
            names file and key.
    """
    keys = keys_of(MelProfile)
    name = convert_value(f"{path}: the file's name", keys.pop("name"), path.stem)
    given = read_toml(path)
    for found in given:
        if found not in keys:
            raise SettingsError(
                f"{path}: {as_toml(found)} is no known key, expected one of {', '.join(keys)}"
            )
    for key in keys.values():
        if key.default is msgspec.NODEFAULT and key.name not in given:
            raise SettingsError(f"{path}: {key.name} is missing, expected {key.expected}")
    values = {
        found: convert_value(f"{path}: {found}", keys[found], value)
        for found, value in given.items()
    }
    try:
        return MelProfile(name=name, **values)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from None
