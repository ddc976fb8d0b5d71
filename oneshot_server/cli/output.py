"""Text for terminals and JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:  # drawn late: ``serve`` is to start at once
    from rich.table import Table

PIPE_WIDTH: Final = 200


def printable(text: str) -> str:
    """Text from a stranger's file without what a terminal would obey; line breaks stay."""
    return "".join(
        character
        if character.isprintable() or character == "\n"
        else character.encode("unicode_escape").decode()
        for character in text
    )


def print_json(value: object) -> None:
    """One object on one line; ASCII, so that any pipe can carry it."""
    typer.echo(json.dumps(value))


def make_table(*columns: str) -> "Table":
    """An empty table, as every command draws them."""
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(box=SIMPLE)
    for column in columns:
        table.add_column(column)
    return table


def show_table(table: "Table") -> None:
    """Draw a table."""
    from rich.console import Console

    # A pipe has no width, and a line in it is for grep.
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def show_rows(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """Draw rows of text, without the columns that are empty."""
    from rich.text import Text

    filled = list(rows)
    used = [any(row[place] for row in filled) for place in range(len(columns))]
    table = make_table(*compress(columns, used))
    if title:
        table.title, table.title_justify = Text(printable(title)), "left"
    for row in filled:
        # Text, not markup: a name may hold brackets.
        table.add_row(*(Text(printable(cell)) for cell in compress(row, used)))
    show_table(table)
