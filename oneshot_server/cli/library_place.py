"""The library of a home, for a command."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from oneshot_server.library.home import Home
from oneshot_server.library.sound_index import IndexLostError
from oneshot_server.library.sound_library import SoundLibrary
from oneshot_server.settings import load_settings

BATCH: Final = 256
TRIES: Final = 5


@dataclass(frozen=True, kw_only=True)
class Scanned:
    """What a scan has found: files that were new or changed, and rows whose file was gone."""

    changed: int = 0
    gone: int = 0


@contextmanager
def opened_library(
    home: Home, *, scan: bool | None = None
) -> Iterator[tuple[SoundLibrary, Scanned]]:
    """Open the library, and bring it up to date.

    Args:
        home: whose samples.
        scan: whether to; by default only if no daemon runs, which does it by itself.

    Raises:
        ForbiddenError: the samples folder cannot be read, or the index cannot be written.
        DiskFullError: no space left.
    """
    home.create()
    settings = load_settings(home.config)
    library = SoundLibrary(
        index=home.sound_index,
        samples=home.samples_folder(settings.samples.folder),
        database=home.database,
    )
    try:
        wanted = home.running() is None if scan is None else scan
        yield library, _scan(library) if wanted else Scanned()
    finally:
        library.close()


def _scan(library: SoundLibrary) -> Scanned:
    for _ in range(TRIES):
        try:
            return _follow(library)
        except IndexLostError:  # somebody has deleted it meanwhile: once more, from the beginning
            continue
    return _follow(library)


def _follow(library: SoundLibrary) -> Scanned:
    from rich.console import Console
    from rich.progress import Progress

    changed, gone = library.compare()
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("reading sounds", total=len(changed), visible=bool(changed))
        for start in range(0, len(changed), BATCH):
            library.update(changed[start : start + BATCH])
            progress.advance(task, BATCH)
    for start in range(0, len(gone), BATCH):
        library.update([], gone[start : start + BATCH])
    return Scanned(changed=len(changed), gone=len(gone))
