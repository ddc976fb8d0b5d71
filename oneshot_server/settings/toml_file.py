"""TOML files that people write: read with a bound, and every complaint names file and line."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

from oneshot_server.errors import SettingsError

LARGEST_BYTES: Final = 1_000_000
_LINE = re.compile(r"line (\d+)")
_TABLE = re.compile(r"\s*\[")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a file; one that is not there is empty.

    Raises:
        SettingsError: it cannot be read, or is no TOML; the text names file and line.
    """
    return parse_toml(read_toml_text(path), path)


def read_toml_text(path: Path) -> str:
    """The text of a file; a file that is not there is empty.

    Raises:
        SettingsError: it cannot be read, is too large or no text in UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_BYTES:
        raise SettingsError(f"{path}: more than {LARGEST_BYTES} bytes, expected settings")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}: line {line}: expected text in UTF-8") from None


def parse_toml(text: str, name: object) -> dict[str, Any]:
    """Read a text.

    Args:
        text: of the file.
        name: of the file, for complaints.

    Raises:
        SettingsError: it is no TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # "(at end of document)" has no line: what is missing there began on the last line.
        found = _LINE.search(str(error))
        line = int(found[1]) if found else text.rstrip().count("\n") + 1
        what = re.sub(r" \(at .*\)$", "", str(error))
        raise SettingsError(f"{name}: line {line}: {what}") from None
    except RecursionError:
        raise SettingsError(f"{name}: nested too deeply, expected settings") from None


def line_of(text: str, table: str, number: int, key: str = "") -> int:
    """The line on which a key of an array of tables stands, for a complaint about its value.

    Args:
        text: of the file.
        table: name of the array: ``bindings`` for ``[[bindings]]``.
        number: which of its tables, from 0.
        key: of the table; empty for its head.

    Returns:
        From 1. The table's head if the key is not found there; 1 if that is not found either.
    """
    head = re.compile(rf"\s*\[\[\s*[\"']?{re.escape(table)}[\"']?\s*\]\]")
    entry = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
    begin = 1
    for line, content in enumerate(text.splitlines(), start=1):
        if head.match(content):
            number -= 1
            begin = line if number == -1 else begin
        elif number == -1 and _TABLE.match(content):
            break
        elif key and number == -1 and entry.match(content):
            return line
    return begin
