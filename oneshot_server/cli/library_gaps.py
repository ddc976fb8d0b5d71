"""``oneshot library gaps``: where the library is empty, and sounds for there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from oneshot_server.cli.options import HomeOption, JsonOption
from oneshot_server.cli.output import print_json, show_rows
from oneshot_server.errors import BadArgumentsError

if TYPE_CHECKING:
    from oneshot_server.library.gaps import Region
    from oneshot_server.library.home import Home

FILLING_ROUNDS: Final = 3


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


def _fill(wanted: "Sequence[Region]", place: "Home", kinds: Sequence[str]) -> "list[Region]":
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
