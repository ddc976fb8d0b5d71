"""What was read in a file to the columns of its row, and a row to a sound."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from oneshot_server.domain.kinds import text_to_kind, text_to_words
from oneshot_server.domain.library import Sound
from oneshot_server.library.sound_contents import Contents, Stamp

LONGEST_TEXT: Final = 2000  # characters of a stranger's recipe that are kept apart
TAG_END: Final = "\n"

COLUMNS: Final = (
    *("number", "path", "content", "kind", "key", "seconds", "level_db", "brightness_hz"),
    *("stars", "tags", "plays", "changed_ns", "size", "rendered"),
    *("prompt", "caption", "seed", "model", "parent"),
)
SELECT: Final = f"SELECT {', '.join(f'sounds.{column}' for column in COLUMNS)} FROM sounds"  # noqa: S608 - own names


class _ParentLine(msgspec.Struct, frozen=True):
    name: str = ""
    sha256: str = ""


class _ReshapeLine(msgspec.Struct, frozen=True):
    parents: tuple[_ParentLine, ...] = ()


class _RecipeLine(msgspec.Struct, frozen=True):
    """What of a recipe has a column of its own."""

    prompt: str = ""
    caption: str = ""
    seed: int | None = None
    model: str = ""
    reshape: _ReshapeLine | None = None


_lines: Final = msgspec.json.Decoder(_RecipeLine)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is written of a file.

    Attributes:
        columns: of its row in ``sounds``, by their names.
        parents: hashes of the sounds that it was made from.
    """

    columns: Mapping[str, object]
    parents: tuple[str, ...]


def contents_to_row(path: str, contents: Contents, *, plays: int) -> Row:
    """What was read in a file to what is written of it.

    Args:
        path: relative to the samples folder.
        contents: of the file.
        plays: how often it was auditioned.
    """
    line = _lines.decode(contents.recipe) if contents.recipe else _RecipeLine()
    parents = line.reshape.parents if line.reshape else ()
    columns = {
        "path": path,
        **stamp_columns(contents.stamp),
        "trouble": contents.trouble,
        "content": contents.content,
        "kind": path_to_kind(path, f"{line.caption} {line.prompt}"),
        "key": contents.key,
        "seconds": contents.seconds,
        "level_db": contents.level_db,
        "brightness_hz": contents.brightness_hz,
        "stars": contents.stars,
        "tags": tags_to_text(contents.tags),
        "plays": plays,
        "rendered": int(bool(contents.recipe)),
        "prompt": line.prompt[:LONGEST_TEXT],
        "caption": line.caption[:LONGEST_TEXT],
        "seed": line.seed,
        "model": line.model[:LONGEST_TEXT],
        "parent": ", ".join(parent.name for parent in parents)[:LONGEST_TEXT],
    }
    return Row(columns=columns, parents=tuple(p.sha256 for p in parents if p.sha256))


def stamp_columns(stamp: Stamp) -> Mapping[str, int]:
    """The columns that tell whether a file is the one that was read."""
    return msgspec.structs.asdict(stamp)


def path_to_kind(path: str, told: str) -> str:
    """What the recipe says; of a foreign file what its name says, or the nearest folder's.

    Args:
        path: relative to the samples folder.
        told: caption and prompt of the recipe.
    """
    names = [part.rpartition(".")[0] or part for part in reversed(path.split("/"))]
    return next(filter(None, (text_to_kind(text) for text in (told, *names))), "")


def row_to_words(path: str, kind: str, key: str, prompt: str, caption: str, tags: str) -> str:
    """What full-text search finds a sound by, of the columns of these names."""
    return " ".join(
        (*text_to_words(path), path, kind.replace("_", " "), key, prompt, caption, tags)
    )


def tags_to_text(tags: Sequence[str]) -> str:
    """Tags as the column has them: each between two line ends, so that one can be looked for."""
    return TAG_END + TAG_END.join(tags) + TAG_END if tags else ""


def text_to_tags(text: str) -> tuple[str, ...]:
    """The tags in what the column has."""
    return tuple(filter(None, text.split(TAG_END)))


def rows_to_sounds(rows: Iterable[Sequence[Any]]) -> tuple[Sound, ...]:
    """What ``SELECT`` gives, as sounds."""
    return tuple(_sound(dict(zip(COLUMNS, row, strict=True))) for row in rows)


def _sound(row: dict[str, Any]) -> Sound:
    row["changed"] = row.pop("changed_ns") / 1e9
    row["rendered"] = bool(row["rendered"])
    row["tags"] = text_to_tags(row["tags"])
    return Sound(**row)
