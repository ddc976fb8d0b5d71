"""Text for terminals and JSON for programs."""

import json
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:  # drawn late: ``serve`` is to start at once
    from rich.table import Table


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

    Console().print(table)
