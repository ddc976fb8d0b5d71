"""``oneshot osc``: the OSC protocol to read."""

from typing import Annotated

import typer

from oneshot_server.errors import BadArgumentsError


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

    Console().print(rich_table())
