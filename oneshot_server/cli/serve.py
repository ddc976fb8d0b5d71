"""``oneshot serve``: the daemon in the foreground."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from oneshot_server.cli.addresses import reachable
from oneshot_server.cli.options import HomeOption, ModelOption
from oneshot_server.cli.output import printable
from oneshot_server.domain.events import Failed, JobEvent, SamplePublished

if TYPE_CHECKING:
    from oneshot_server.app import Daemon
    from oneshot_server.transports.web.server import WebServer


def serve(
    *,
    home: HomeOption = None,
    model: ModelOption = None,
    port: Annotated[
        int | None, typer.Option("--port", help="UDP port for OSC, instead of osc.port")
    ] = None,
    host: Annotated[
        str | None,
        typer.Option("--host", help="address to listen on, instead of osc.host and web.host"),
    ] = None,
    web_port: Annotated[
        int | None, typer.Option("--web-port", help="TCP port for the page, instead of web.port")
    ] = None,
) -> None:
    """Run the daemon until Ctrl-C."""
    from oneshot_server import app
    from oneshot_server.library.home import resolve_home
    from oneshot_server.settings import load_settings, override

    place = resolve_home(home)
    settings = load_settings(place.config)
    for name, value, origin in (
        ("engine.model", model, "--model"),
        ("osc.port", port, "--port"),
        ("osc.host", host, "--host"),
        ("web.host", host, "--host"),
        ("web.port", web_port, "--web-port"),
    ):
        settings = override(settings, name, value, origin=origin)

    def greet(daemon: "Daemon") -> None:
        typer.echo(
            greeting(settings.osc.host, daemon.osc.port, str(daemon.samples), page(daemon.web))
        )
        daemon.core.subscribe(show)
        daemon.midi.on_ports(show_ports)

    asyncio.run(app.serve(settings, place, on_start=greet))


def page(web: "WebServer | str") -> str:
    """Where the page is, or why there is none."""
    return f"No page: {web}." if isinstance(web, str) else f"The page: {web.address}"


def greeting(host: str, port: int, samples: str, page: str) -> str:
    """Where the daemon is, where the sounds are, and what to try."""
    return "\n".join(
        [
            f"Listening for OSC on UDP {host}:{port}. Sounds appear in",
            f"  {printable(samples)}",
            page,
            "Try:",
            f'  oscsend {reachable(host)} {port} /oneshot/generate ss "" "punchy kick"',
            "Ctrl-C ends it.",
        ]
    )


def show(event: JobEvent) -> None:
    """One line a sound, and one a failure."""
    # A terminal that was closed is no reason to stop.
    with suppress(OSError):
        match event:
            case SamplePublished(path=path, seconds=seconds):
                typer.echo(printable(f"{path}  {seconds:.2f} s"))
            case Failed(code=code, text=text):
                typer.echo(printable(f"{code}: {text}"), err=True)


def show_ports(line: str) -> None:
    """One line when MIDI ports come and go, or why there is no MIDI."""
    with suppress(OSError):
        typer.echo(printable(line))
