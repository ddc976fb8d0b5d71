"""One key of ``config.toml`` in words, read off the structs."""

import json
from dataclasses import dataclass
from typing import Any, Final, get_args

import msgspec
from msgspec import inspect

LONGEST_SHOWN: Final = 60


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key of a section.

    Attributes:
        name: as it stands in the file.
        type: the annotated type, for ``msgspec.convert``.
        default: what stands without it.
        help: one line.
        expected: type and range in words: ``an int from 1 to 65535``.
    """

    name: str
    type: Any
    default: object
    help: str
    expected: str


def keys_of(section: type[msgspec.Struct]) -> dict[str, Key]:
    """The keys of a section by name, in the file's order."""
    keys: dict[str, Key] = {}
    for info in msgspec.structs.fields(section):
        described = inspect.type_info(info.type)
        assert isinstance(described, inspect.Metadata)
        about = described.extra_json_schema or {}
        examples = [f", as in {as_toml(example)}" for example in about.get("examples", ())]
        keys[info.name] = Key(
            name=info.name,
            type=info.type,
            default=info.default,
            help=about["description"],
            expected="".join((_expected(info.type, described.type), *examples)),
        )
    return keys


def sections_of(settings: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct]]:
    """The sections by name, in the file's order."""
    return {info.name: info.type for info in msgspec.structs.fields(settings)}


def as_toml(value: object) -> str:
    """A value as TOML writes it, never longer than a line."""
    # For what settings hold, JSON's notation is TOML's; anything stranger only needs to be shown.
    text = str(value) if isinstance(value, float) else json.dumps(value, default=str)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def _one_of_several(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(map(as_toml, kind.values))
    return _expected(None, kind)


def _expected(annotated: Any, kind: inspect.Type) -> str:  # noqa: ANN401 - any annotation
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            return f"an int from {low} to {high}"
        case inspect.FloatType(ge=low, le=high):
            return f"a float from {low:g} to {high:g}"
        case inspect.LiteralType():
            # msgspec sorts the values; people read them in the order in which they were written.
            *most, last = map(as_toml, get_args(get_args(annotated)[0]))
            return f"{', '.join(most)} or {last}"
        case inspect.StrType(min_length=low, max_length=high):
            return f"a string of {low or 0} to {high} characters"
        case inspect.VarTupleType(max_length=most):
            return f"a list of up to {most} strings"
        case inspect.UnionType(types=types):
            return " or ".join(_one_of_several(part) for part in types)
    raise TypeError(f"no words for {kind}")
