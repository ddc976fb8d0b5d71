"""Read ``config.toml``; every complaint names file, key, value and what is expected."""

from pathlib import Path
from typing import Any

import msgspec

from oneshot_server.errors import SettingsError
from oneshot_server.settings.keys import Key, as_toml, keys_of, sections_of
from oneshot_server.settings.toml_file import read_toml
from oneshot_server.settings.values import Settings


def load_settings(path: Path) -> Settings:
    """Read the settings; a file that is not there means all defaults.

    Raises:
        SettingsError: the file cannot be read, is no TOML, or says what is not understood.
    """
    sections = sections_of(Settings)
    given = read_toml(path)
    checked: dict[str, msgspec.Struct] = {}
    for name, values in given.items():
        if name not in sections:
            raise SettingsError(
                f"{path}: [{name}] is no known section, expected one of {', '.join(sections)}"
            )
        if not isinstance(values, dict):
            raise SettingsError(f"{path}: {name} = {as_toml(values)}, expected a section: [{name}]")
        keys = keys_of(sections[name])
        for key in values:
            if key not in keys:
                raise SettingsError(
                    f"{path}: {name}.{key} is no known key, expected one of {', '.join(keys)}"
                )
        checked[name] = sections[name](
            **{
                key: convert_value(f"{path}: {name}.{key}", keys[key], value)
                for key, value in values.items()
            }
        )
    return msgspec.structs.replace(Settings(), **checked)


def override(settings: Settings, name: str, value: object, *, origin: str) -> Settings:
    """Settings with one key changed, as a command's option asks.

    Args:
        settings: what the file says.
        name: ``osc.port``.
        value: instead of the file's; ``None`` changes nothing.
        origin: what a complaint names: ``--port``.

    Raises:
        SettingsError: the value is not what the key expects.
    """
    if value is None:
        return settings
    section, _, key = name.partition(".")
    wanted = keys_of(sections_of(Settings)[section])[key]
    values = {key: convert_value(origin, wanted, value)}
    changed = msgspec.structs.replace(getattr(settings, section), **values)
    return msgspec.structs.replace(settings, **{section: changed})


def convert_value(where: str, key: Key, value: object) -> Any:  # noqa: ANN401 - of the key's type
    """A value as the key's type.

    Raises:
        SettingsError: it is not what the key expects; the text begins with ``where``.
    """
    try:
        return msgspec.convert(value, key.type)
    except msgspec.ValidationError:
        raise SettingsError(f"{where} = {as_toml(value)}, expected {key.expected}") from None
