"""The group of commands: errors that were raised on purpose end as one line."""

import sys
from typing import Any, Final

import typer
from typer.core import TyperGroup

from oneshot_server.cli.output import printable
from oneshot_server.errors import OneshotError, SettingsError

FAILED: Final = 1
BROKEN_SETTINGS: Final = 2


class OneshotGroup(TyperGroup):
    """Typer's group; a broken config file exits with 2, every other expected error with 1."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's own click is not for importing
        """Run the command."""
        try:
            return super().invoke(ctx)
        except OneshotError as error:
            typer.echo(f"oneshot: {printable(str(error))}", err=True)
            code = BROKEN_SETTINGS if isinstance(error, SettingsError) else FAILED
            raise typer.Exit(code) from None


def make_streams_tolerant() -> None:
    """A name that the terminal cannot show must not end the program that made it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
