"""``oneshot library star``, ``export`` and ``gc``: what is kept of the sounds, and where."""

import time
from pathlib import Path
from typing import Annotated

import typer

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
)
from oneshot_server.cli.options import HomeOption, JsonOption
from oneshot_server.cli.output import print_json, printable, show_rows
from oneshot_server.domain.library import MOST_STARS
from oneshot_server.errors import BadArgumentsError


def star(
    file: Annotated[Path, typer.Argument(help="in the samples folder", show_default=False)],
    stars: Annotated[int, typer.Argument(min=0, max=MOST_STARS, show_default=False)],
    *,
    tags: Annotated[
        str | None, typer.Option("--tags", help='tags instead of those it has: "dusty, intro"')
    ] = None,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Rate a sound; the stars are kept in its file."""
    from oneshot_server.cli.library_place import opened_library
    from oneshot_server.library.home import resolve_home

    words = None if tags is None else [tag.strip() for tag in tags.split(",") if tag.strip()]
    with opened_library(resolve_home(home), scan=False) as (library, _):
        path = str(file.absolute()) if file.exists() else str(file)
        sound = library.mark(path, stars=stars, tags=words)
    show_sounds([sound], json=json)


def export(
    folder: Annotated[Path, typer.Argument(help="new, or empty", show_default=False)],
    text: TextArgument = None,
    *,
    kind: KindOption = "",
    key: KeyOption = "",
    tag: TagOption = "",
    stars: StarsOption = 0,
    shorter: ShorterOption = None,
    longer: LongerOption = None,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Copy sounds into a folder, with a table of what is known of them."""
    from oneshot_server.cli.library_place import opened_library
    from oneshot_server.library.export import export as copy
    from oneshot_server.library.home import resolve_home

    query = query_of(text, kind=kind, key=key, tag=tag, stars=stars, shorter=shorter, longer=longer)
    with opened_library(resolve_home(home)) as (library, _):
        count = copy(library.every(query), library, folder.absolute())
    if json:
        print_json({"folder": str(folder.absolute()), "sounds": count})
        return
    typer.echo(printable(f"{count} sounds in {folder}"))


def gc(
    *,
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", min=0, help="days (default: samples.keep_days)"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only say what would be moved")
    ] = False,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Move old renders without stars and tags to the folder trash; nothing is deleted."""
    from oneshot_server.cli.library_place import opened_library
    from oneshot_server.library.home import resolve_home
    from oneshot_server.library.trash import DAY_SECONDS, tidy, unwanted
    from oneshot_server.settings import load_settings

    place = resolve_home(home)
    days = load_settings(place.config).samples.keep_days if older_than is None else older_than
    if older_than is None and not days:
        raise BadArgumentsError(
            "renders are kept for ever: say --older-than DAYS, or set samples.keep_days"
        )
    with opened_library(place) as (library, _):
        if dry_run:
            found = unwanted(library, before=time.time() - days * DAY_SECONDS)
            moved = [(sound, str(place.trash / sound.path)) for sound in found]
        else:
            moved = [(m.sound, str(m.path)) for m in tidy(library, place.trash, days=days)]
    if json:
        for sound, path in moved:
            print_json({"path": sound.path, "trash": path, "moved": not dry_run})
        return
    if moved:
        rows = [(sound.path, f"{sound.size / 1000:.0f} kB", path) for sound, path in moved]
        show_rows(("render", "size", "would be moved to" if dry_run else "moved to"), rows)
    megabytes = sum(sound.size for sound, _ in moved) / 1e6
    verb = "would be moved" if dry_run else "moved"
    typer.echo(f"{len(moved)} renders, {megabytes:.1f} MB, {verb} to {printable(str(place.trash))}")
