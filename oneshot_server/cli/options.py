"""Options that several commands share, and those that the parameters' table says."""

from pathlib import Path
from typing import Annotated, Any

import typer

from oneshot_server.domain.parameters import Parameter

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", help="folder with samples, models and config.toml (default: Music/Oneshot)"
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="starter, the name of a folder in models, or a path"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs")]


def option(parameter: Parameter) -> Any:  # noqa: ANN401 - as typer.Option itself
    """A parameter as an option: name, range and help as the OSC protocol has them."""
    text = f"{parameter.help} (default: {parameter.default})"
    if parameter.kind is str:
        return typer.Option(f"--{parameter.name}", help=text)
    kind: type[int | float] = int if parameter.kind is int else float
    return typer.Option(
        f"--{parameter.name}", help=text, min=kind(parameter.low), max=kind(parameter.high)
    )
