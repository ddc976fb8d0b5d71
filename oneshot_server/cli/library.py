"""``oneshot library``: the sounds in the samples folder, from the command line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from oneshot_server.cli.group import OneshotGroup
from oneshot_server.cli.options import HomeOption, JsonOption
from oneshot_server.cli.output import print_json, printable, show_rows
from oneshot_server.domain.library import MOST_STARS, Query, Sort, Sound
from oneshot_server.errors import BadArgumentsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneshot_server.domain.library import Near
    from oneshot_server.library.gaps import Region
    from oneshot_server.library.home import Home
    from oneshot_server.library.sound_library import SoundLibrary

app = typer.Typer(
    cls=OneshotGroup,
    help="Find, rate, export and tidy the sounds in the samples folder.",
    no_args_is_help=True,
)

SHOWN_TROUBLES: Final = 10
FILLING_ROUNDS: Final = 3

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


@app.command()
def scan(*, json: JsonOption = False, home: HomeOption = None) -> None:
    """Bring the index up to what is in the samples folder."""
    import time

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

    query = _query(text, kind=kind, key=key, tag=tag, stars=stars, shorter=shorter, longer=longer)
    with opened_library(resolve_home(home)) as (library, _):
        if like is not None:
            if query != Query():
                raise BadArgumentsError("--like stands alone, or with --limit")
            near = _like(like, library, limit)
            _show([one.sound for one in near], json=json, distances=[n.distance for n in near])
            return
        from dataclasses import replace

        found = library.search(replace(query, sort=sort, limit=limit))
    _show(found.sounds, json=json)
    if not json and found.total > len(found.sounds):
        typer.echo(f"{found.total} in all; --limit shows more")
    if not json and not found.total:
        typer.echo("nothing found")


@app.command()
def stats(*, json: JsonOption = False, home: HomeOption = None) -> None:
    """Show what there is: kinds, stars, tags, and files that cannot be used."""
    from oneshot_server.cli.library_place import opened_library
    from oneshot_server.library.home import resolve_home

    with opened_library(resolve_home(home)) as (library, _):
        about = library.statistics()
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
    show_rows(("stars", "sounds"), [(_stars(n), str(c)) for n, c in about["stars"]])
    if about["tags"]:
        show_rows(("tag", "sounds"), [(tag, str(count)) for tag, count in about["tags"].items()])
    if about["troubles"]:
        shown = about["troubles"][:SHOWN_TROUBLES]
        title = f"{about['unusable']} files cannot be used"
        show_rows(("file", "why"), shown, title=title)


@app.command()
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
        sound, _change = library.mark(path, stars=stars, tags=words)
    _show([sound], json=json)


@app.command()
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

    query = _query(text, kind=kind, key=key, tag=tag, stars=stars, shorter=shorter, longer=longer)
    with opened_library(resolve_home(home)) as (library, _):
        count = copy(library.every(query), library, folder.absolute())
    if json:
        print_json({"folder": str(folder.absolute()), "sounds": count})
        return
    typer.echo(printable(f"{count} sounds in {folder}"))


@app.command()
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
    import time

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


@app.command()
def gaps(
    kind: Annotated[
        list[str] | None, typer.Argument(help="kinds (default: all)", show_default=False)
    ] = None,
    *,
    fill: Annotated[
        int, typer.Option("--fill", min=0, max=64, help="render so many sounds where few are")
    ] = 0,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show what there is nothing of: kinds by length and brightness."""
    from oneshot_server.cli.library_place import opened_library
    from oneshot_server.library.gaps import count_regions, emptiest, typical
    from oneshot_server.library.home import resolve_home

    place = resolve_home(home)
    kinds = kind or list(typical())
    if unknown := [name for name in kinds if name not in typical()]:
        raise BadArgumentsError(
            f"kind = {unknown[0][:40]!r}, expected one of {', '.join(typical())}"
        )
    with opened_library(place) as (library, _):
        regions = count_regions(library, kinds)
    wanted = emptiest(regions, fill)
    if wanted:
        regions = _fill(wanted, place, kinds)
    if json:
        for region in regions:
            print_json({**vars(region), "prompt": region.prompt})
        return
    columns = [f"{r.length} {r.brightness}".strip() or "neither" for r in regions[:9]]
    rows = [
        (regions[start].kind, *(str(region.sounds) for region in regions[start : start + 9]))
        for start in range(0, len(regions), 9)
    ]
    show_rows(("kind", *columns), rows)
    empty = sum(not region.sounds for region in regions)
    typer.echo(f"{empty} of {len(regions)} regions are empty")
    now = {region.prompt: region.sounds for region in regions}
    for region in wanted:
        typer.echo(f"  {region.prompt}: {region.sounds} → {now[region.prompt]}")
    if empty and not fill:
        typer.echo("--fill 8 asks for sounds there")


def _fill(wanted: "Sequence[Region]", place: "Home", kinds: "Sequence[str]") -> "list[Region]":
    """Render until each region has one more, a few times at the most: a model may not listen."""
    from oneshot_server.cli.filling import fill
    from oneshot_server.cli.library_place import opened_library
    from oneshot_server.library.gaps import count_regions

    missing = {region.prompt: region.sounds for region in wanted}
    for _ in range(FILLING_ROUNDS):
        fill(list(missing), place)
        with opened_library(place, scan=True) as (library, _):
            regions = count_regions(library, kinds)
        now = {region.prompt: region.sounds for region in regions}
        missing = {prompt: had for prompt, had in missing.items() if now[prompt] <= had}
        if not missing:
            break
    return regions


def _like(file: Path, library: "SoundLibrary", count: int) -> "Sequence[Near]":
    """By its name in the library, else a file of this disk."""
    from oneshot_server.errors import ForbiddenError, NotFoundError

    try:
        number = library.sound_at(str(file.absolute() if file.exists() else file)).number
    except (ForbiddenError, NotFoundError):
        return library.similar_to_file(file, count)
    return library.similar(number, count)


def _query(
    text: "Sequence[str] | None",
    *,
    kind: str,
    key: str,
    tag: str,
    stars: int,
    shorter: float | None,
    longer: float | None,
) -> Query:
    return Query(
        text=" ".join(text or ()),
        kind=kind,
        key=key,
        tag=tag,
        stars=stars,
        shortest=longer,
        longest=shorter,
    )


def _show(
    sounds: "Sequence[Sound]", *, json: bool, distances: "Sequence[float] | None" = None
) -> None:
    from dataclasses import asdict

    far = [None] * len(sounds) if distances is None else distances
    if json:
        for sound, distance in zip(sounds, far, strict=True):
            about: dict[str, Any] = asdict(sound)
            print_json(about if distance is None else {**about, "distance": round(distance, 2)})
        return
    rows = [
        (
            _stars(sound.stars),
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


def _stars(count: int) -> str:
    return "★" * count
