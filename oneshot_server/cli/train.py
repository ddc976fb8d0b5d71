"""``oneshot train``, ``loras`` and ``datasets``: LoRAs from the command line."""

import asyncio
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from oneshot_server.cli.options import HomeOption, JsonOption, ModelOption
from oneshot_server.cli.output import make_table, print_json, printable, show_table
from oneshot_server.domain.events import Done, JobEvent, JobId, LoraReady, TrainingProgress
from oneshot_server.domain.library import MOST_STARS
from oneshot_server.errors import BadArgumentsError, NotFoundError, OneshotError

if TYPE_CHECKING:  # imported when a command runs: ``serve`` is to start at once
    from oneshot_server.library.home import Home
    from oneshot_server.library.lora_store import LoraStore
    from oneshot_server.library.others_lora import OthersLora


def train(
    folder: Annotated[
        Path | None, typer.Argument(help="folder of sounds", show_default=False)
    ] = None,
    *,
    starred: Annotated[
        bool, typer.Option("--starred", help="on the starred sounds of the library: the LoRA taste")
    ] = False,
    stars: Annotated[
        int, typer.Option("--stars", min=1, max=MOST_STARS, help="with --starred: at least so many")
    ] = 4,
    name: Annotated[
        str | None, typer.Option("--name", help="of the LoRA (default: the folder's)")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="optimiser steps (default: by the folder's size)")
    ] = None,
    rank: Annotated[int | None, typer.Option("--rank", help="of the LoRA's matrices")] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--anew", help="go on from an unfinished training")
    ] = True,
    json: JsonOption = False,
    home: HomeOption = None,
    model: ModelOption = None,
) -> None:
    """Train a LoRA on a folder of sounds; a running daemon's sounds come first."""
    from oneshot_server import app
    from oneshot_server.library.home import resolve_home
    from oneshot_server.log import log_nothing
    from oneshot_server.settings import load_settings, override

    place = resolve_home(home)
    if starred == (folder is not None):
        raise BadArgumentsError("expected a folder of sounds, or --starred")
    if folder is None:
        own = {"--name": name, "--steps": steps, "--rank": rank, "--model": model}
        chosen = [option for option, value in own.items() if value is not None]
        chosen += [] if resume else ["--anew"]
        if chosen and place.running():
            raise BadArgumentsError(
                f"{', '.join(chosen)} with --starred, expected none while a daemon runs: it trains "
                "by its own settings"
            )
        folder = collect(place, stars)
        if job := train_by_daemon(place):
            if json:
                print_json({"job": job})
            else:
                typer.echo(f"the daemon trains on it: job {job}", err=True)
            return
    if not folder.is_dir():
        raise NotFoundError(f"{folder} is no folder, expected one with sounds")
    settings = load_settings(place.config)
    settings = override(settings, "engine.model", model, origin="--model")
    settings = override(settings, "training.steps", steps, origin="--steps")
    settings = override(settings, "training.rank", rank, origin="--rank")
    place.create()
    log_nothing()
    with TrainingReport(json=json) as report:
        asyncio.run(
            app.train_locally(
                folder.absolute(),
                name or folder.absolute().name,
                settings,
                place,
                report,
                # An unfinished training of another seed is another one.
                seed=1 if resume else secrets.randbelow(2**31),
            )
        )


def collect(place: "Home", stars: int) -> Path:
    """Put copies of the starred sounds into a dataset; returns its folder."""
    from oneshot_server.cli.library_place import opened_library
    from oneshot_server.library.starred import NAME, collect_starred

    folder = place.datasets / NAME
    # A daemon that has just been started may not know all stars yet, and what is not known to have
    # stars loses its place.
    with opened_library(place, scan=True) as (library, _):
        count = collect_starred(library, folder, place.trash, stars=stars)
    if not count:
        raise NotFoundError(f"no sound has {stars} stars: rate some with oneshot library star")
    typer.echo(f"{count} sounds with {stars} stars and more", err=True)
    return folder


def train_by_daemon(place: "Home") -> JobId | None:
    """Have a running daemon train on the starred sounds; ``None`` if there is none.

    Raises:
        OneshotError: the daemon refused.
    """
    from oneshot_server.cli.by_daemon import daemon_of
    from oneshot_server.library.starred import NAME
    from oneshot_server.settings import load_settings

    with daemon_of(place, load_settings(place.config)) as daemon:
        return daemon.train(NAME).id if daemon else None


class TrainingReport:
    """A training's events on the terminal; call it with each."""

    def __init__(self, *, json: bool) -> None:
        from oneshot_server.cli.report import Report

        self._json = json
        self._others = Report(json=json, bar=False)
        self._bar = _TrainingBar() if sys.stderr.isatty() and not json else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, event: JobEvent) -> None:
        """Show an event.

        Raises:
            EngineFailedError: the event is the training's bad end.
        """
        match event:
            case TrainingProgress():
                if self._bar:
                    self._bar.show(event)
                elif self._json:
                    print_json({"step": event.step, "loss": event.loss, "done": event.fraction})
            case LoraReady(name=name, version=version):
                if self._json:
                    print_json({"lora": name, "version": version, "live": True})
                else:
                    typer.echo(printable(f'{name} v{version} is live: lora="{name}:1.0"'))
            case Done(milliseconds=milliseconds):
                if not self._json:
                    typer.echo(f"trained in {milliseconds / 60_000:.1f} min", err=True)
            case _:
                self._others(event)


class _TrainingBar:
    """Step, loss, time left and device, drawn by Rich."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
        )
        self._task = self._progress.add_task("preparing", total=None)
        self._progress.start()

    def show(self, event: TrainingProgress) -> None:
        minutes, seconds = divmod(round(event.seconds_left or 0.0), 60)
        text = f"step {event.step}, loss {event.loss:.3f}, {minutes}:{seconds:02} left"
        self._progress.update(
            self._task,
            completed=event.fraction,
            total=1.0,
            description=f"{text}, {printable(event.device)}",
        )

    def stop(self) -> None:
        self._progress.stop()


def loras(
    use: Annotated[
        str | None, typer.Option("--use", help='make a version live: "my kicks@2"')
    ] = None,
    *,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """List the LoRAs and their versions, or make one live."""
    import msgspec

    from oneshot_server.domain.lora_card import LoraCard
    from oneshot_server.library.home import resolve_home
    from oneshot_server.library.lora_store import LoraStore

    store = LoraStore(resolve_home(home).loras)
    if use is not None:
        name, _, version = use.rpartition("@")
        if not name or not version.isdecimal():
            raise BadArgumentsError(f'--use {use!r}, expected name@version, as in "my kicks@2"')
        store.make_live(name, int(version))
        typer.echo(printable(f"{name} v{int(version)} is live"))
        return
    rows: list[tuple[str, LoraCard | None, int | None]] = [
        (name, card, store.live_version(name))
        for name in store.names()
        for card in store.versions(name) or [None]  # type: ignore[list-item]  # another tool's
    ]
    if json:
        for name, card, live in rows:
            number = card.version if card else live
            details = msgspec.to_builtins(card) if card else None
            row: dict[str, object] = {
                "name": name,
                "version": number,
                "live": number == live,
                "card": details,
            }
            if card is None and live is not None:
                found = _read_others(store, name, live)
                row["file"] = found if isinstance(found, str) else msgspec.to_builtins(found)
            print_json(row)
        return
    others: list[tuple[str, int | None]] = []
    table = make_table("LoRA", "version", "sounds", "dB from them", "base's", "steps", "model")
    for name, card, live in rows:
        if card is None:
            table.add_row(printable(name), "another tool's file")
            others.append((name, live))
            continue
        figures = card.figures
        table.add_row(
            printable(name),
            f"{card.version}{' live' if card.version == live else ''}",
            str(card.sounds),
            f"{figures.held_out:.2f}",
            f"{figures.held_out_base:.2f}",
            str(card.steps),
            printable(card.base_model),
        )
    show_table(table)
    for name, live in others:
        found = "" if live is None else _read_others(store, name, live)
        said = found if isinstance(found, str) else found.describe()
        typer.echo(printable(f"{name}: {said or 'says nothing of itself'}"))


def _read_others(store: "LoraStore", name: str, version: int) -> "OthersLora | str":
    """What another tool's file says of itself, or why it cannot be read."""
    from oneshot_server.library.others_lora import read_others_lora

    try:
        return read_others_lora(store.adapter(name, version))
    except OneshotError as error:
        return str(error)


def datasets(*, json: JsonOption = False, home: HomeOption = None) -> None:
    """List the folders that LoRAs are trained on."""
    from oneshot_server.library.dataset_folder import dataset_names, read_dataset
    from oneshot_server.library.home import resolve_home
    from oneshot_server.library.lora_store import LoraStore

    place = resolve_home(home)
    store = LoraStore(place.loras)
    table = make_table("dataset", "sounds", "left out", "LoRA")
    for name in dataset_names(place.datasets):
        manifest = read_dataset(place.datasets / name)
        newest = store.newest(name)
        trained = newest is not None and newest.dataset_hash == manifest.hash
        if json:
            ignored = [{"path": file.path, "why": file.why} for file in manifest.ignored]
            print_json(
                {
                    "name": name,
                    "sounds": len(manifest.files),
                    "ignored": ignored,
                    "trained": trained,
                }
            )
            continue
        state = "trained" if trained else "changed" if newest else "not yet"
        table.add_row(printable(name), str(len(manifest.files)), str(len(manifest.ignored)), state)
    if not json:
        show_table(table)
