"""Map files: TOML to bindings. Complaints name file, line, key, value and what is expected."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn

import msgspec
from msgspec import Meta

from oneshot_server.domain.parameters import shown
from oneshot_server.errors import BadArgumentsError, NotFoundError, SettingsError
from oneshot_server.settings.keys import as_toml
from oneshot_server.settings.toml_file import line_of, parse_toml, read_toml_text
from oneshot_server.transports.midi.bindings import Binding, Kind, MidiMap, Source
from oneshot_server.transports.midi.messages import MOST_DATA
from oneshot_server.transports.midi.targets import Amount, parse_target

BUILT_IN: Final = Path(__file__).parent / "maps"
TABLE: Final = "bindings"
LEARNED: Final = "learned"
"""Name of the map of what was learned; it lies over whichever map is chosen."""
MOST_BINDINGS: Final = 2000

_RANGE: Final = re.compile(r"\s*(\d{1,3})\s*-\s*(\d{1,3})\s*", re.ASCII)
_NUMBERS: Final = Annotated[int, Meta(ge=0, le=MOST_DATA)] | str
_NUMBERS_WORDS: Final = f'an int from 0 to {MOST_DATA}, or a range: "36-51"'
_AMOUNT_WORDS: Final = "a number"
_KINDS: Final[tuple[Kind, ...]] = ("note", "cc", "program")
_KEYS: Final[Mapping[str, tuple[Any, str]]] = {
    "note": (_NUMBERS, _NUMBERS_WORDS),
    "cc": (_NUMBERS, _NUMBERS_WORDS),
    "program": (_NUMBERS, _NUMBERS_WORDS),
    "channel": (Annotated[int, Meta(ge=1, le=16)], "an int from 1 to 16; left out for any"),
    "to": (str, "a target as text"),
    "low": (float, _AMOUNT_WORDS),
    "high": (float, _AMOUNT_WORDS),
    "takeover": (bool, "true or false"),
    "note_off": (Literal["ignore", "choke"], '"ignore" or "choke"'),
}


def load_map(name: str, folder: Path) -> MidiMap:
    """The map of a name, under what was learned.

    Args:
        name: of a file in ``folder`` or of one that is built in, without ``.toml``.
        folder: of the home's own maps.

    Raises:
        NotFoundError: there is none of that name; the text says which there are.
        SettingsError: a file cannot be understood.
    """
    bindings = (*read_map(name, folder), *read_learned(folder))
    return MidiMap(name=name, bindings=bindings)


def map_names(folder: Path) -> list[str]:
    """The names of all maps, sorted."""
    return sorted({*_files(folder), *_files(BUILT_IN)} - {LEARNED})


def read_map(name: str, folder: Path) -> tuple[Binding, ...]:
    """The bindings of one map; a file of the home goes before one that is built in."""
    # A name from outside is compared with what is there and never made part of a path.
    files = {**_files(BUILT_IN), **_files(folder)}
    if name in files and name != LEARNED:
        return parse_map(read_toml_text(files[name]), str(files[name]))
    known = ", ".join(map_names(folder))
    raise NotFoundError(f"no MIDI map is named {shown(name)}, expected one of {known}")


def learned_path(folder: Path) -> Path:
    """The file of what was learned."""
    return folder / f"{LEARNED}.toml"


def read_learned(folder: Path) -> tuple[Binding, ...]:
    """What was learned; the latest for each target."""
    path = learned_path(folder)
    latest: dict[str, Binding] = {}
    for binding in parse_map(read_toml_text(path), str(path)):
        latest.pop(str(binding.target), None)
        latest[str(binding.target)] = binding
    return tuple(latest.values())


def parse_map(text: str, name: str) -> tuple[Binding, ...]:
    """Read the text of a map.

    Args:
        text: TOML.
        name: of the file, for complaints.

    Raises:
        SettingsError: it cannot be understood.
    """
    given = parse_toml(text, name)
    for key in given:
        if key not in {TABLE, "about"}:
            raise SettingsError(f"{name}: {key} is no known key, expected about or [[{TABLE}]]")
    rows = given.get(TABLE, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SettingsError(f"{name}: {TABLE} = {as_toml(rows)}, expected tables: [[{TABLE}]]")
    if len(rows) > MOST_BINDINGS:
        raise SettingsError(f"{name}: {len(rows)} bindings, expected at most {MOST_BINDINGS}")
    return tuple(_Row(row, number, text, name).binding() for number, row in enumerate(rows))


class _Row:
    """One ``[[bindings]]`` of a file."""

    def __init__(self, row: dict[str, Any], number: int, text: str, name: str) -> None:
        self._row = row
        self._number = number
        self._text = text
        self._name = name

    def binding(self) -> Binding:
        for key in self._row:
            if key not in _KEYS:
                self._complain(key, f"{key} is no known key, expected one of {', '.join(_KEYS)}")
        kinds = [kind for kind in _KINDS if kind in self._row]
        if len(kinds) != 1:
            came = " and ".join(kinds) or "none of them"
            self._complain("", f"{came}, expected one of {', '.join(_KINDS)} in each")
        if "to" not in self._row:
            self._complain("", 'no target, expected one: to = "pad.0"')
        first, last = self._range(kinds[0])
        try:
            target = parse_target(self._value("to"))
            ends = None
            if {"low", "high"} & self._row.keys():
                own = target.ends if isinstance(target, Amount) else (0.0, 1.0)
                ends = (self._value("low", own[0]), self._value("high", own[1]))
            return Binding(
                source=Source(
                    kind=kinds[0], first=first, last=last, channel=self._value("channel", None)
                ),
                target=target,
                ends=ends,
                takeover=self._value("takeover", None),
                chokes=self._value("note_off", "ignore") == "choke",
            )
        except BadArgumentsError as error:
            self._complain("to", str(error))

    def _range(self, kind: Kind) -> tuple[int, int]:
        value = self._value(kind)
        if isinstance(value, int):
            return value, value
        match = _RANGE.fullmatch(value)
        if match is None or not int(match[1]) < int(match[2]) <= MOST_DATA:
            self._complain(kind, f"{kind} = {as_toml(value)}, expected {_NUMBERS_WORDS}")
        return int(match[1]), int(match[2])

    def _value(self, key: str, default: object = None) -> Any:  # noqa: ANN401 - as _KEYS says
        if key not in self._row:
            return default
        kind, expected = _KEYS[key]
        try:
            return msgspec.convert(self._row[key], kind)
        except msgspec.ValidationError:
            self._complain(key, f"{key} = {as_toml(self._row[key])}, expected {expected}")

    def _complain(self, key: str, text: str) -> NoReturn:
        line = line_of(self._text, TABLE, self._number, key)
        raise SettingsError(f"{self._name}: line {line}: {TABLE}: {text}")


def _files(folder: Path) -> dict[str, Path]:
    try:
        return {path.stem: path for path in folder.glob("*.toml") if not path.name.startswith(".")}
    except OSError:  # not there, or not for us
        return {}
