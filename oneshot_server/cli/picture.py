"""``oneshot picture``: sounds to look at."""

from pathlib import Path
from typing import Annotated, Final

import typer

from oneshot_server.errors import BadArgumentsError

MOST_FILES: Final = 120  # a taller picture than this no program opens


def picture(
    files: Annotated[
        list[Path], typer.Argument(help="WAV, FLAC or other sounds", show_default=False)
    ],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="the PNG (default: a new one in this folder)")
    ] = None,
) -> None:
    """Draw waveform and spectrogram of sounds into one PNG."""
    if len(files) > MOST_FILES:
        raise BadArgumentsError(f"{len(files)} files, expected {MOST_FILES} at most")
    from oneshot_server.cli.drawing import draw

    target = out or unused(f"{files[0].stem}.png" if len(files) == 1 else "sounds.png")
    draw(files, target)
    typer.echo(target)


def unused(name: str) -> Path:
    """A path in the current folder that no file has: the name, or the name with a number."""
    from oneshot_server.library.file_names import numbered

    return next(path for path in map(Path, numbered(name)) if not path.exists())
