"""The daemon with an engine that renders nothing real: ``python -m … HOME PORT [KEY=VALUE]…``.

The keys are those of ``[midi]``, their values Python's.
"""

import ast
import asyncio
import sys
from pathlib import Path

from oneshot_server.app import serve
from oneshot_server.library.home import Home
from oneshot_server.settings import MidiSettings, OscSettings, Settings


def main() -> None:
    home, port, *pairs = sys.argv[1:]
    keys = {k: ast.literal_eval(v) for k, _, v in (pair.partition("=") for pair in pairs)}
    settings = Settings(
        osc=OscSettings(port=int(port)), midi=MidiSettings(poll_seconds=0.2, **keys)
    )
    engine = [sys.executable, "-m", "oneshot_server.engine.fake"]
    asyncio.run(serve(settings, Home(Path(home)), on_start=lambda _daemon: None, command=engine))


if __name__ == "__main__":
    main()
