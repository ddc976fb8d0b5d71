"""Several requests rendered as a set, and their files put into a folder of their own."""

import asyncio
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from oneshot_server import app
from oneshot_server.cli.by_daemon import daemon_of, render_by_daemon
from oneshot_server.cli.rendering import make_folder
from oneshot_server.cli.report import Report
from oneshot_server.domain.events import Accepted, JobEvent, JobId, Progress, SamplePublished
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import ForbiddenError
from oneshot_server.library.atomic_file import write_atomically
from oneshot_server.library.home import Home
from oneshot_server.settings import load_settings, override


class _Collector:
    """Reads each sound as it comes, and shows how far the whole set is.

    Args:
        total: sounds of the set.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._jobs: list[JobId] = []
        self._sounds: dict[JobId, dict[int, bytes]] = {}
        self._report = Report(json=True)

    def __call__(self, event: JobEvent) -> None:
        if isinstance(event, Accepted):
            self._jobs.append(event.job)
        elif isinstance(event, SamplePublished):
            sounds = self._sounds.setdefault(event.job, {})
            sounds[event.index] = Path(event.path).read_bytes()
            ready = sum(map(len, self._sounds.values()))
            self._report(Progress(job=event.job, fraction=ready / self._total, stage="rendering"))
        elif not isinstance(event, Progress):
            self._report(event)

    @property
    def sounds(self) -> list[list[bytes]]:
        """The sounds of each request, in order."""
        return [[wav for _, wav in sorted(self._sounds.get(job, {}).items())] for job in self._jobs]

    def stop(self) -> None:
        """Draw no more."""
        self._report.__exit__(None, None, None)


def render_set(
    requests: Sequence[GenerateRequest], *, home: Home, model: str | None
) -> list[list[bytes]]:
    """Render requests, by the daemon of the home if one runs, else here.

    Args:
        requests: what to make.
        home: where models and LoRAs are.
        model: ``--model``; with it the daemon is not asked.

    Returns:
        The WAV files of each request.

    Raises:
        EngineFailedError: a request could not be rendered.
    """
    settings = load_settings(home.config)
    collector = _Collector(sum(request.count for request in requests))
    try:
        if model is None:
            with daemon_of(home, settings) as daemon:
                if daemon is not None:
                    for request in requests:
                        render_by_daemon(daemon, request, collector)
                    return collector.sounds
        settings = override(settings, "engine.model", model, origin="--model")
        quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
        structlog.configure(wrapper_class=quiet)
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(app.render_locally(requests, settings, Path(folder), collector, home=home))
        return collector.sounds
    finally:
        collector.stop()


def new_folder(folder: Path) -> Path:
    """Make a folder for a set; nothing that is there is mixed with it.

    Raises:
        ForbiddenError: it holds files already, or cannot be made.
    """
    make_folder(folder)
    if any(folder.iterdir()):
        raise ForbiddenError(f"--out {folder} holds files already, expected a new folder")
    return folder


def place_files(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write the files of a set; returns where they are."""
    for name, content in files.items():
        write_atomically(folder / name, content)
    return [folder / name for name in files]
