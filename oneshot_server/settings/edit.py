"""Change one key of ``config.toml`` and nothing else: comments and order are the user's."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from oneshot_server.errors import SettingsError


def with_value(text: str, section: str, key: str, value: str, *, path: Path) -> str:
    """The file's text with ``section.key`` set to ``value``.

    A line that sets the key is changed; else the line that shows its default is made one, else one
    is put at the section's beginning, else the section at the end. The result is read again: if it
    would say anything else than before but for this key, nothing is changed.

    Args:
        text: of the file, as it is.
        section: as in ``engine``.
        key: as in ``model``.
        value: to write.
        path: of the file, for the complaint.

    Raises:
        SettingsError: it cannot be done safely; the text says what to write by hand.
    """
    line = f"{key} = {_quoted(value)}"
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(ending)
    edited = ending.join(_edited(lines, section, key, line))
    if not _differs_only_in(text, edited, section, key, value):
        raise SettingsError(
            f"{path} is written in a way that is not safe to change: in the section [{section}] "
            f"write {line}"
        )
    return edited


def _edited(lines: list[str], section: str, key: str, line: str) -> list[str]:
    heads = [number for number, text in enumerate(lines) if re.match(r"[\s\ufeff]*\[", text)]
    wanted = rf"[\s\ufeff]*\[\s*{re.escape(section)}\s*\]\s*(#.*)?"
    begin = next((number for number in heads if re.fullmatch(wanted, lines[number])), None)
    if begin is None:
        while lines and not lines[-1].strip():
            lines = lines[:-1]
        return [*lines, "", f"[{section}]", "", line, ""]
    end = next((number for number in heads if number > begin), len(lines))
    for mark in ("", "#"):
        pattern = rf"(\s*){mark}\s*{re.escape(key)}\s*=\s*(\"(?:[^\"\\]|\\.)*\"|'[^']*')\s*(#.*)?"
        for number in range(begin + 1, end):
            if match := re.fullmatch(pattern, lines[number]):
                comment = f"  {match[3]}" if match[3] else ""
                changed = f"{match[1]}{line}{comment}"
                return [*lines[:number], changed, *lines[number + 1 :]]
    return [*lines[: begin + 1], line, *lines[begin + 1 :]]


def _differs_only_in(before: str, after: str, section: str, key: str, value: str) -> bool:
    try:
        old, new = (_loads(text) for text in (before, after))
        found = new[section].pop(key)
    except (tomllib.TOMLDecodeError, KeyError, AttributeError, TypeError):
        return False
    old.setdefault(section, {}).pop(key, None)
    return bool(found == value and old == new)


def _loads(text: str) -> dict[str, Any]:
    return tomllib.loads(text.lstrip("\ufeff").replace("\r\n", "\n"))


def _quoted(value: str) -> str:
    """A TOML string."""
    if "\\" in value and "'" not in value and value.isprintable():
        return f"'{value}'"  # a path of Windows stays readable
    # JSON's notation of a string is TOML's, but for the last control character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
