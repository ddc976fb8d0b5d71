"""``oneshot osc``: the OSC protocol to read."""

import sys
from typing import Annotated, Final

import typer

from oneshot_server.errors import BadArgumentsError

PIPE_WIDTH: Final = 200


def osc(
    *,
    help_table: Annotated[
        bool, typer.Option("--help-table", help="print every address that the daemon understands")
    ] = False,
) -> None:
    """Show the OSC protocol."""
    if not help_table:
        raise BadArgumentsError("expected an option: oneshot osc --help-table")
    from rich.console import Console

    from oneshot_server.transports.osc.table import rich_table

    table = rich_table()
    table.columns[0].no_wrap = True  # an address is for copying
    # A pipe has no width, and a line in it is for grep.
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(width=width).print(table)
