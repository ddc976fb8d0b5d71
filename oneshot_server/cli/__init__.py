"""The command line; each command imports what it needs when it runs, so that ``serve`` is light."""

from typing import Annotated

import typer

from oneshot_server import __version__
from oneshot_server.cli import (
    doctor,
    image,
    info,
    kit,
    library,
    midi,
    model,
    multisample,
    osc,
    pads,
    picture,
    render,
    serve,
    train,
)
from oneshot_server.cli.group import OneshotGroup, make_streams_tolerant

app = typer.Typer(
    name="oneshot",
    cls=OneshotGroup,
    help="Paints one-shot sounds and plays them into a samples folder.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    serve.serve,
    render.render,
    train.train,
    train.loras,
    train.datasets,
    pads.pads,
    multisample.multisample,
    info.info,
    picture.picture,
    doctor.doctor,
    osc.osc,
):
    app.command()(command)
app.add_typer(kit.app, name="kit")
app.add_typer(library.app, name="library")
app.add_typer(midi.app, name="midi")
app.add_typer(image.app, name="image")
app.add_typer(model.app, name="model")


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if wanted:
        typer.echo(f"oneshot-server {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Paints one-shot sounds and plays them into a samples folder."""


def main() -> None:
    """Run the command line."""
    make_streams_tolerant()
    app(prog_name="oneshot")
