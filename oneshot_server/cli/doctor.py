"""``oneshot doctor``: what is wrong with this machine, and what to do about it."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Final

import typer

from oneshot_server.cli.check import Check, Level
from oneshot_server.cli.options import HomeOption, JsonOption
from oneshot_server.cli.output import print_json, printable

COLOURS: Final = {
    Level.OK: typer.colors.GREEN,
    Level.TIP: typer.colors.CYAN,
    Level.WARNING: typer.colors.YELLOW,
    Level.FAILURE: typer.colors.RED,
}


def doctor(
    *,
    fix: Annotated[
        bool, typer.Option("--fix", help="do what a tip offers: config.toml is changed, no file")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Check this machine; ends with 1 if something keeps oneshot from working."""
    if fix:
        _fix(home)
    checks: list[Check] = []
    for check in run_checks(home):
        checks.append(check)
        if not json:
            show(check)
    healthy = all(check.level is not Level.FAILURE for check in checks)
    if json:
        print_json({"ok": healthy, "checks": [asdict(check) for check in checks]})
    if not healthy:
        raise typer.Exit(1)


def _fix(home_option: HomeOption) -> None:
    from oneshot_server.cli.live_check import put_samples_into_user_library
    from oneshot_server.library.home import resolve_home
    from oneshot_server.settings import load_settings

    home = resolve_home(home_option)
    folder = put_samples_into_user_library(home, load_settings(home.config))
    if folder is None:
        typer.echo("nothing to fix", err=True)
        return
    typer.echo(printable(f'{home.config} says samples.folder = "{folder}" now'), err=True)
    if home.running():
        typer.echo("start the daemon again: it still puts sounds where it did", err=True)


def run_checks(home_option: HomeOption) -> Iterator[Check]:
    """All checks, each as soon as it is done; the slow ones come last."""
    from oneshot_server.cli import device_check, home_checks, live_check, midi_check, python_checks
    from oneshot_server.library.home import resolve_home

    home = resolve_home(home_option)
    yield python_checks.check_python()
    yield python_checks.check_packages()
    config, settings = home_checks.check_config(home)
    yield config
    yield home_checks.check_folders(home, settings)
    yield home_checks.check_disk(home, settings)
    yield live_check.check_user_library(home, settings)
    yield home_checks.check_port(home, settings)
    yield home_checks.check_page(home, settings)
    yield home_checks.check_model(home, settings)
    yield midi_check.check_midi(home, settings)
    yield python_checks.check_torch()
    yield python_checks.check_torchaudio()
    yield device_check.check_device(home, settings)


def show(check: Check) -> None:
    """A check as one line, and its advice below."""
    level = typer.style(f"{check.level:<8}", fg=COLOURS[check.level], bold=True)
    typer.echo(f"{level} {check.name:<11}{printable(check.text)}")
    if check.advice:
        typer.echo(f"{'':<20}-> {printable(check.advice)}")
