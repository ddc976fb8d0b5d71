"""``oneshot midi``: ports, what arrives, what moves what."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from oneshot_server.cli.options import HomeOption, JsonOption
from oneshot_server.cli.output import print_json, printable
from oneshot_server.errors import NotFoundError

if TYPE_CHECKING:
    from oneshot_server.client import Oneshot

app = typer.Typer(help="See and teach MIDI.", no_args_is_help=True)

LEARN_TRIES: Final = 8
LEARN_PAUSE_SECONDS: Final = 4.0  # the daemon gives up after 30 s
MONITOR_SECONDS: Final = 60
NOTE_SECONDS: Final = 0.1


class Kind(StrEnum):
    """What can be sent."""

    NOTE = "note"
    CC = "cc"
    PROGRAM = "program"
    START = "start"
    STOP = "stop"
    CONTINUE = "continue"


@app.command()
def ports(*, json: JsonOption = False, home: HomeOption = None) -> None:
    """List the MIDI ports; with a daemon running, those that it listens to."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    rows = _port_rows(home)
    if json:
        for name, detail in rows:
            print_json({"name": name, "detail": detail})
        return
    if not rows:
        typer.echo("no MIDI ports; plug a controller in, it may come at any time")
        return
    table = Table("port", "", box=SIMPLE)
    for name, detail in rows:
        table.add_row(printable(name), printable(detail))
    Console().print(table)


@app.command()
def monitor(*, json: JsonOption = False, home: HomeOption = None) -> None:
    """Show every MIDI message that reaches the daemon, and what it did; Ctrl-C ends it."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    with _daemon(home) as client:
        if not json:
            console.print("Hit a pad, turn a knob. Ctrl-C ends this.", style="dim")
        try:
            renew = 0.0
            while True:
                if time.monotonic() >= renew:
                    client.ask("/oneshot/midi/monitor", MONITOR_SECONDS)
                    renew = time.monotonic() + MONITOR_SECONDS / 2
                message = client.receive(1.0)
                if message is None or message[0] != "/oneshot/midi/event":
                    continue
                port, text, deed = (printable(str(part)) for part in message[1][1:4])
                if json:
                    print_json({"port": port, "message": text, "deed": deed})
                    continue
                console.print(
                    f"{time.strftime('%H:%M:%S')}  {port:<20} {text:<40} ", end="", markup=False
                )
                console.print(deed or "nothing is mapped", style=_style(deed), markup=False)
        except KeyboardInterrupt:
            client.ask("/oneshot/midi/monitor", 0)


@app.command()
def learn(
    target: Annotated[
        str, typer.Argument(help='as in a map: pad.3, pad.3.level, "lora.my kicks", kit.house')
    ],
    *,
    home: HomeOption = None,
) -> None:
    """Take the next MIDI message for a target; hit a pad or turn a knob within 30 s."""
    from oneshot_server.client.question import Question

    question = Question(
        "/oneshot/midi/learn",
        target,
        end="/oneshot/midi/learned",
        tries=LEARN_TRIES,
        pause_seconds=LEARN_PAUSE_SECONDS,
        one_id=True,
    )
    with _daemon(home) as client:
        typer.echo(f"waiting for a MIDI message for {printable(target)}", err=True)
        [(_, (_, learned, message))] = client.put(question)
    typer.echo(printable(f"{message} moves {learned}"))


@app.command()
def send(
    kind: Annotated[Kind, typer.Argument(help="what to send")],
    number: Annotated[
        int, typer.Argument(help="note, controller or program, 0 to 127", min=0, max=127)
    ] = 0,
    value: Annotated[
        int, typer.Argument(help="velocity of a note, value of a cc", min=0, max=127)
    ] = 100,
    *,
    channel: Annotated[int, typer.Option("--channel", help="channel", min=1, max=16)] = 10,
    port: Annotated[
        str, typer.Option("--port", help='an output by its name, or with * as in "nano*"')
    ] = "oneshot-server*",
    home: HomeOption = None,
) -> None:
    """Send a MIDI message, by default to the running daemon: oneshot midi send note 36."""
    import mido

    from oneshot_server.library.home import resolve_home
    from oneshot_server.settings import load_settings
    from oneshot_server.transports.midi.port_access import open_output

    where = {"channel": channel - 1}
    match kind:
        case Kind.NOTE:
            message = mido.Message("note_on", note=number, velocity=value, **where)
        case Kind.CC:
            message = mido.Message("control_change", control=number, value=value, **where)
        case Kind.PROGRAM:
            message = mido.Message("program_change", program=number, **where)
        case _:
            message = mido.Message(str(kind))
    with open_output(load_settings(resolve_home(home).config).midi, port) as output:
        output(bytes(message.bytes()))
        if kind is Kind.NOTE:
            time.sleep(NOTE_SECONDS)
            output(bytes(mido.Message("note_off", note=number, **where).bytes()))


def _style(deed: str) -> str:
    if not deed or deed.startswith(("ignored", "let go", "choked, nothing")):
        return "dim"
    return "red" if deed.startswith("refused") else "green"


def _port_rows(home_option: HomeOption) -> list[tuple[str, str]]:
    from oneshot_server.cli.by_daemon import daemon_of
    from oneshot_server.library.home import resolve_home
    from oneshot_server.settings import load_settings
    from oneshot_server.transports.midi.port_access import list_ports

    home = resolve_home(home_option)
    settings = load_settings(home.config)
    with daemon_of(home, settings) as client:
        if client is not None:
            items = client.ask("/oneshot/midi/ports")
            return [(str(arguments[2]), str(arguments[3])) for _, arguments in items]
    state = list_ports(settings.midi)
    kinds = {False: "input", True: "output"}
    return [(port.name, f"{kinds[port.output]}, {state.backend}") for port in state.ports]


@contextmanager
def _daemon(home_option: HomeOption) -> Iterator["Oneshot"]:
    """The daemon of the home.

    Raises:
        NotFoundError: none runs there.
    """
    from oneshot_server.cli.by_daemon import daemon_of
    from oneshot_server.library.home import resolve_home
    from oneshot_server.settings import load_settings

    home = resolve_home(home_option)
    with daemon_of(home, load_settings(home.config)) as client:
        if client is None:
            raise NotFoundError(
                f"no daemon runs in {home.root}: start one with oneshot serve, or name its home"
            )
        yield client
