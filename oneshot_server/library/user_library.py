"""Ableton Live's User Library: a folder that Live shows, and looks through by itself."""

from pathlib import Path
from typing import Final

import platformdirs

from oneshot_server.errors import NotFoundError

PLACE_IN_IT: Final = Path("Samples", "Oneshot")


def find_user_library(configured: str) -> Path | None:
    """The User Library; ``None`` if there is none in Live's standard places.

    Args:
        configured: ``samples.user_library``; empty to look in the standard places, which are
            ``Music/Ableton`` on macOS and ``Documents/Ableton`` on Windows.

    Raises:
        NotFoundError: there is no such folder as is configured.
    """
    if configured:
        named = Path(configured).expanduser()
        if not named.is_dir():
            raise NotFoundError(f"samples.user_library = {configured}: there is no such folder")
        return named
    return next((place for place in standard_places() if place.is_dir()), None)


def standard_places() -> list[Path]:
    """Where Live puts it, unless its user says otherwise."""
    above = (
        Path.home() / "Music",
        Path.home() / "Documents",
        platformdirs.user_music_path(),
        platformdirs.user_documents_path(),  # it may be moved, as to OneDrive
    )
    return [folder / "Ableton" / "User Library" for folder in above]
