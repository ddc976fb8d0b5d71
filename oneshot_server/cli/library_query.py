"""What the commands of ``oneshot library`` share: a query's options, and how sounds are shown."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from oneshot_server.cli.output import print_json, show_rows
from oneshot_server.domain.library import MOST_STARS, Query, Sound

TextArgument = Annotated[
    list[str] | None,
    typer.Argument(help="words, or their beginnings: dark kick", show_default=False),
]
KindOption = Annotated[str, typer.Option("--kind", help="kick, snare, closed_hat …")]
KeyOption = Annotated[str, typer.Option("--key", help="a note, F# or F#1")]
TagOption = Annotated[str, typer.Option("--tag", help="one of its tags")]
StarsOption = Annotated[
    int, typer.Option("--stars", min=0, max=MOST_STARS, help="at least so many")
]
ShorterOption = Annotated[float | None, typer.Option("--shorter", help="than so many seconds")]
LongerOption = Annotated[float | None, typer.Option("--longer", help="than so many seconds")]


def query_of(
    text: Sequence[str] | None,
    *,
    kind: str,
    key: str,
    tag: str,
    stars: int,
    shorter: float | None,
    longer: float | None,
) -> Query:
    """What the options ask for."""
    return Query(
        text=" ".join(text or ()),
        kind=kind,
        key=key,
        tag=tag,
        stars=stars,
        shortest=longer,
        longest=shorter,
    )


def show_sounds(
    sounds: Sequence[Sound], *, json: bool, distances: Sequence[float] | None = None
) -> None:
    """Show sounds, and how far they are from another one where that was asked."""
    far = [None] * len(sounds) if distances is None else distances
    if json:
        for sound, distance in zip(sounds, far, strict=True):
            about: dict[str, Any] = asdict(sound)
            print_json(about if distance is None else {**about, "distance": round(distance, 2)})
        return
    rows = [
        (
            shown_stars(sound.stars),
            sound.kind,
            sound.key,
            f"{sound.seconds:.2f}",
            f"{sound.brightness_hz:.0f}",
            ", ".join(sound.tags),
            "" if distance is None else f"{distance:.2f}",
            sound.path,
        )
        for sound, distance in zip(sounds, far, strict=True)
    ]
    if rows:
        show_rows(("stars", "kind", "key", "s", "Hz", "tags", "away", "file"), rows)


def shown_stars(count: int) -> str:
    """Stars as stars."""
    return "★" * count
