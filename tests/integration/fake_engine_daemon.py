"""The daemon with an engine that renders nothing real: ``python -m … HOME PORT [KEY=VALUE]…``.

The keys are those of ``[midi]``, their values Python's. ``web=True`` serves the page and
prints its address.
"""

import ast
import asyncio
import sys
from pathlib import Path

from oneshot_server.app import Daemon, serve
from oneshot_server.library.home import Home
from oneshot_server.settings import MidiSettings, OscSettings, Settings, WebSettings


def main() -> None:
    home, port, *pairs = sys.argv[1:]
    keys = {k: ast.literal_eval(v) for k, _, v in (pair.partition("=") for pair in pairs)}
    settings = Settings(
        web=WebSettings(enabled=keys.pop("web", False), port=0),
        osc=OscSettings(port=int(port)),
        midi=MidiSettings(poll_seconds=0.2, **keys),
    )
    engine = [sys.executable, "-m", "oneshot_server.engine.fake"]
    asyncio.run(serve(settings, Home(Path(home)), on_start=greet, command=engine))


def greet(daemon: Daemon) -> None:
    if not isinstance(daemon.web, str):
        print(daemon.web.address, flush=True)  # noqa: T201 - whoever started it reads it


if __name__ == "__main__":
    main()
