"""``oneshot kit``: kits of pads, and whole kits of files from one prompt."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from oneshot_server.cli.group import OneshotGroup
from oneshot_server.cli.options import HomeOption, JsonOption, ModelOption, option
from oneshot_server.cli.output import print_json, printable, show_rows
from oneshot_server.domain import parameters

NameArgument = Annotated[str, typer.Argument(help="a kit", show_default=False)]

app = typer.Typer(cls=OneshotGroup, no_args_is_help=True, help="Kits of pads.")


@app.command("list")
def list_kits(*, json: JsonOption = False, home: HomeOption = None) -> None:
    """Name the kits."""
    from oneshot_server.cli.desk import read_pads
    from oneshot_server.errors import OneshotError
    from oneshot_server.library.home import resolve_home
    from oneshot_server.library.kit_store import KitStore

    place = resolve_home(home)
    store = KitStore(place.kits)
    current, _ = read_pads(place)
    rows = []
    for name in store.names():
        try:
            kit = store.read(name)
            count, about = str(len(kit.pads)), kit.about
        except OneshotError as error:
            count, about = "", f"cannot be read: {error}"
        source = "built in" if store.is_built_in(name) else "your own"
        loaded = name == current
        rows.append((name, "loaded" if loaded else "", source, count, about))
        if json:
            print_json({"name": name, "loaded": loaded, "source": source, "about": about})
    if not json:
        show_rows(("kit", "", "", "pads", ""), rows)


@app.command()
def load(
    name: NameArgument,
    *,
    bank: Annotated[
        int | None,
        typer.Option("--bank", min=0, max=3, help="only the kit's first sixteen pads, there"),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Put a kit on the pads."""
    from oneshot_server.cli.desk import desk_of
    from oneshot_server.library.home import resolve_home

    with desk_of(resolve_home(home)) as desk:
        desk.load(name, bank)
    typer.echo(printable(f"{name} is on the pads"))


@app.command()
def save(name: NameArgument, *, home: HomeOption = None) -> None:
    """Save the pads as a kit; one of that name is kept as a numbered backup."""
    from oneshot_server.cli.desk import desk_of
    from oneshot_server.library.home import resolve_home

    place = resolve_home(home)
    with desk_of(place) as desk:
        desk.save(name)
    typer.echo(printable(str(place.kits / f"{name}.toml")))


@app.command()
def rename(
    name: NameArgument,
    new_name: Annotated[str, typer.Argument(help="its new name", show_default=False)],
    *,
    home: HomeOption = None,
) -> None:
    """Give a kit another name."""
    from oneshot_server.cli.desk import desk_of
    from oneshot_server.library.home import resolve_home

    with desk_of(resolve_home(home)) as desk:
        desk.rename(name, new_name)
    typer.echo(printable(f"{name} is called {new_name} now"))


@app.command()
def new(
    prompt: Annotated[list[str], typer.Argument(help="its style: dusty lofi", show_default=False)],
    *,
    out: Annotated[Path, typer.Option("--out", help="new folder for the sixteen files")],
    seed: Annotated[int | None, option(parameters.SEED)] = None,
    lora: Annotated[str | None, option(parameters.LORA)] = None,
    save_as: Annotated[
        str | None, typer.Option("--save", help="save the recipes as a kit of this name, too")
    ] = None,
    json: JsonOption = False,
    home: HomeOption = None,
    model: ModelOption = None,
) -> None:
    """Render a whole matching kit: sixteen files named by role, ready for a drum rack."""
    from oneshot_server.cli.render_set import new_folder, place_files, render_set
    from oneshot_server.domain.kit_roles import kit_of_style
    from oneshot_server.library.home import resolve_home
    from oneshot_server.library.kit_store import KitStore

    place = resolve_home(home)
    kit = kit_of_style(" ".join(prompt), name=save_as or "new", lora=lora or "")
    folder = new_folder(out)
    first = secrets.randbelow(int(parameters.SEED.high) + 1) if seed is None else seed
    seeds = [(first + n) % (int(parameters.SEED.high) + 1) for n in sorted(kit.pads)]
    requests = [kit.pad(n).request(seed=seeds[n]) for n in sorted(kit.pads)]
    sounds = render_set(requests, home=place, model=model)
    names = [f"{n + 1:02} {kit.pad(n).name}.wav" for n in sorted(kit.pads)]
    for path in place_files(
        folder, {name: wavs[0] for name, wavs in zip(names, sounds, strict=True)}
    ):
        if json:
            print_json({"path": str(path)})
        else:
            typer.echo(printable(str(path)))
    if save_as is not None:
        KitStore(place.kits).save(kit)
