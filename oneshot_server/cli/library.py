"""``oneshot library``: the sounds in the samples folder, from the command line."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from oneshot_server.cli.group import OneshotGroup
from oneshot_server.cli.library_gaps import gaps
from oneshot_server.cli.library_keep import export, gc, star
from oneshot_server.cli.library_query import (
    KeyOption,
    KindOption,
    LongerOption,
    ShorterOption,
    StarsOption,
    TagOption,
    TextArgument,
    query_of,
    show_sounds,
    shown_stars,
)
from oneshot_server.cli.options import HomeOption, JsonOption
from oneshot_server.cli.output import print_json, show_rows
from oneshot_server.domain.library import Query, Sort
from oneshot_server.errors import BadArgumentsError, ForbiddenError, NotFoundError

if TYPE_CHECKING:
    from oneshot_server.domain.library import Near
    from oneshot_server.library.sound_library import SoundLibrary

app = typer.Typer(
    cls=OneshotGroup,
    help="Find, rate, export and tidy the sounds in the samples folder.",
    no_args_is_help=True,
)

SHOWN_TROUBLES: Final = 10


@app.command()
def scan(*, json: JsonOption = False, home: HomeOption = None) -> None:
    """Bring the index up to what is in the samples folder."""
    from oneshot_server.cli.library_place import opened_library
    from oneshot_server.library.home import resolve_home

    began = time.monotonic()
    with opened_library(resolve_home(home), scan=True) as (library, scanned):
        counts = library.counts()
    seconds = time.monotonic() - began
    if json:
        print_json(
            {
                "sounds": counts.sounds,
                "unusable": counts.unusable,
                "changed": scanned.changed,
                "gone": scanned.gone,
                "seconds": round(seconds, 3),
            }
        )
        return
    typer.echo(
        f"{counts.sounds} sounds, {counts.unusable} files that cannot be used; "
        f"{scanned.changed} new or changed, {scanned.gone} gone, in {seconds:.1f} s"
    )


@app.command()
def search(
    text: TextArgument = None,
    *,
    kind: KindOption = "",
    key: KeyOption = "",
    tag: TagOption = "",
    stars: StarsOption = 0,
    shorter: ShorterOption = None,
    longer: LongerOption = None,
    like: Annotated[
        Path | None, typer.Option("--like", help="sounds most like this file, wherever it is")
    ] = None,
    sort: Annotated[Sort, typer.Option("--sort")] = "newest",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 20,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Find sounds."""
    from oneshot_server.cli.library_place import opened_library
    from oneshot_server.library.home import resolve_home

    query = query_of(text, kind=kind, key=key, tag=tag, stars=stars, shorter=shorter, longer=longer)
    with opened_library(resolve_home(home)) as (library, _):
        if like is not None:
            if query != Query():
                raise BadArgumentsError("--like stands alone, or with --limit")
            near = _like(like, library, limit)
            show_sounds(
                [one.sound for one in near], json=json, distances=[n.distance for n in near]
            )
            return
        found = library.search(replace(query, sort=sort, limit=limit))
    show_sounds(found.sounds, json=json)
    if not json and found.total > len(found.sounds):
        typer.echo(f"{found.total} in all; --limit shows more")
    if not json and not found.total:
        typer.echo("nothing found")


@app.command()
def stats(*, json: JsonOption = False, home: HomeOption = None) -> None:
    """Show what there is: kinds, stars, tags, and files that cannot be used."""
    from oneshot_server.cli.library_place import opened_library
    from oneshot_server.library.home import resolve_home
    from oneshot_server.library.library_statistics import statistics

    with opened_library(resolve_home(home)) as (library, _):
        about = statistics(library)
    if json:
        print_json(about)
        return
    typer.echo(
        f"{about['sounds']} sounds, {about['rendered']} of them rendered; "
        f"{about['seconds'] / 60:.1f} minutes, {about['bytes'] / 1e6:.0f} MB"
    )
    rows = [
        (kind or "unknown", str(count), f"{seconds:.2f}", f"{brightness:.0f}")
        for kind, count, seconds, brightness in about["kinds"]
    ]
    show_rows(("kind", "sounds", "seconds", "brightness Hz"), rows)
    show_rows(("stars", "sounds"), [(shown_stars(n), str(c)) for n, c in about["stars"]])
    if about["tags"]:
        show_rows(("tag", "sounds"), [(tag, str(count)) for tag, count in about["tags"].items()])
    if about["troubles"]:
        shown = about["troubles"][:SHOWN_TROUBLES]
        title = f"{about['unusable']} files cannot be used"
        show_rows(("file", "why"), shown, title=title)


for _command in (star, export, gc, gaps):
    app.command()(_command)


def _like(file: Path, library: "SoundLibrary", count: int) -> "Sequence[Near]":
    """By its name in the library, else a file of this disk."""
    try:
        number = library.sound_at(str(file.absolute() if file.exists() else file)).number
    except (ForbiddenError, NotFoundError):
        return library.similar_to_file(file, count)
    return library.similar(number, count)
