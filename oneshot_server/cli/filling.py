"""Sounds for the regions where a library has few: by the daemon if one runs, else here."""

import asyncio
import secrets
from collections.abc import Sequence

import typer

from oneshot_server import app
from oneshot_server.cli.by_daemon import daemon_of, render_by_daemon
from oneshot_server.cli.output import printable
from oneshot_server.domain.events import Cancelled, Failed, JobEvent, SamplePublished
from oneshot_server.domain.parameters import SEED
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import EngineFailedError
from oneshot_server.library.home import Home
from oneshot_server.log import log_nothing
from oneshot_server.settings import load_settings


def fill(prompts: Sequence[str], home: Home) -> None:
    """Render a sound for each prompt, into the samples folder.

    Raises:
        EngineFailedError: one could not be rendered.
    """
    settings = load_settings(home.config)
    requests = [
        GenerateRequest(prompt=prompt, seed=secrets.randbelow(int(SEED.high) + 1))
        for prompt in prompts
    ]
    with daemon_of(home, settings) as daemon:
        if daemon is not None:
            for request in requests:
                render_by_daemon(daemon, request, _report)
            return
    log_nothing()
    folder = home.samples_folder(settings.samples.folder)
    asyncio.run(app.render_locally(requests, settings, folder, _report, home=home))


def _report(event: JobEvent) -> None:
    """Paths on stderr: on stdout is what the library has then."""
    match event:
        case SamplePublished(path=path):
            typer.echo(printable(path), err=True)
        case Failed(text=text):
            raise EngineFailedError(text)
        case Cancelled():
            raise EngineFailedError("the job was cancelled")
