"""Render a request: by the daemon of the home if one runs, else here."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from oneshot_server import app
from oneshot_server.cli.by_daemon import daemon_of, render_by_daemon
from oneshot_server.cli.report import Report
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import ForbiddenError, NotFoundError
from oneshot_server.library.home import Home, resolve_home
from oneshot_server.library.parent_files import SoundFolders
from oneshot_server.library.samples_folder import SamplesFolder
from oneshot_server.log import log_nothing
from oneshot_server.settings import Settings, load_settings, override


def render_request(
    request: GenerateRequest,
    *,
    out: Path | None,
    json: bool,
    home_option: Path | None,
    model: str | None,
) -> None:
    """Render and report.

    Args:
        request: what to make.
        out: folder for the files; ``None`` for the home's samples.
        json: how to report.
        home_option: ``--home``.
        model: ``--model``; another than the daemon may have, so with it the daemon is not asked.
    """
    home = resolve_home(home_option)
    settings = load_settings(home.config)
    if model is None and _may_be_read(request.parent_files, home, settings):
        with daemon_of(home, settings) as daemon:
            if daemon is not None:
                place = _copier(out) if out else None
                with Report(json=json, place=place) as report:
                    render_by_daemon(daemon, request, report)
                return
    settings = override(settings, "engine.model", model, origin="--model")
    render_here(request, home, settings, out=out, json=json)


def _may_be_read(files: Sequence[str], home: Home, settings: Settings) -> bool:
    """Whether the daemon may read all of them; who sits here may have others read, too."""
    folders = SoundFolders(home.sound_folders(settings.samples.folder))
    try:
        return all(folders.find(file) for file in files)
    except ForbiddenError:
        return False


def render_here(
    request: GenerateRequest,
    home: Home,
    settings: Settings,
    *,
    out: Path | None,
    json: bool,
    finish: FinishOptions | None = None,
    subtype: str | None = None,
) -> list[Path]:
    """Render in an engine of our own; returns the files."""
    if out is None:
        home.create()
    else:
        make_folder(out)
    log_nothing()
    with Report(json=json) as report:
        asyncio.run(
            app.render_locally(
                [request],
                settings,
                out or home.samples_folder(settings.samples.folder),
                report,
                home=home,
                finish=finish,
                subtype=subtype,
            )
        )
    return report.paths


def make_folder(folder: Path) -> None:
    """Make the folder that ``--out`` names.

    Raises:
        ForbiddenError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ForbiddenError(f"--out {folder} cannot be made: {error.strerror}") from None


def _copier(out: Path) -> Callable[[Path], Path]:
    """Copies the daemon's sounds to where the producer wants them."""
    make_folder(out)
    folder = SamplesFolder(out)

    def copy(path: Path) -> Path:
        try:
            wav = path.read_bytes()
        except OSError as error:
            raise NotFoundError(f"{path} cannot be read: {error.strerror}") from None
        return folder.publish(wav, path.name)

    return copy
