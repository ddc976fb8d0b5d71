"""Text for terminals and JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Final

import typer

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


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """A table for people, without its empty columns, drawn by Rich, which is slow to load."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE, title=Text(printable(title)) if title else None, title_justify="left")
    filled = list(rows)
    used = [any(row[place] for row in filled) for place in range(len(columns))]
    for column in compress(columns, used):
        table.add_column(column)
    for row in filled:
        # Text, not markup: a name may hold brackets.
        table.add_row(*(Text(printable(cell)) for cell in compress(row, used)))
    # A pipe has no width, and a line in it is for grep.
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)
