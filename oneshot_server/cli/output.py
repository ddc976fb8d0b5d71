"""Text for terminals and JSON for programs."""

import json

import typer


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
