"""The check of Ableton Live's User Library, and the offer to let the sounds appear in it."""

from pathlib import Path

from oneshot_server.cli.check import Check, ok, tip, warning
from oneshot_server.errors import ForbiddenError, NotFoundError
from oneshot_server.library.home import Home
from oneshot_server.library.user_library import PLACE_IN_IT, find_user_library
from oneshot_server.settings import Settings

NAME = "live"


def check_user_library(home: Home, settings: Settings) -> Check:
    """Whether the sounds appear where Live looks by itself."""
    try:
        library = find_user_library(settings.samples.user_library)
    except NotFoundError as error:
        return warning(NAME, str(error), "change it in config.toml; empty looks for it")
    if library is None:
        return ok(NAME, "no User Library of Ableton Live; samples.user_library may name one")
    samples = home.samples_folder(settings.samples.folder)
    if is_in(samples, library):
        return ok(NAME, f"sounds appear in Live's User Library, {library}")
    if settings.samples.folder:  # chosen by the user: that stays
        return ok(NAME, f"User Library {library}; sounds appear where samples.folder says")
    return tip(
        NAME,
        f"Live keeps its User Library in sync by itself: {library}",
        f"oneshot doctor --fix lets new sounds appear in {library / PLACE_IN_IT}; "
        f"those in {samples} stay there",
    )


def put_samples_into_user_library(home: Home, settings: Settings) -> Path | None:
    """Write ``samples.folder``, if ``check_user_library`` offers that; no file is moved.

    Returns:
        Where new sounds will appear; ``None`` if nothing was offered.

    Raises:
        SettingsError: ``config.toml`` cannot be changed safely.
        ForbiddenError: the folder cannot be made.
    """
    if not check_user_library(home, settings).advice:
        return None
    library = find_user_library(settings.samples.user_library)
    assert library is not None
    folder = library / PLACE_IN_IT
    home.create()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ForbiddenError(f"{folder} cannot be made: {error.strerror}") from None
    home.write_setting("samples", "folder", str(folder))
    return folder


def is_in(folder: Path, library: Path) -> bool:
    """Whether a folder is in another, by whatever links they are named."""
    return folder.resolve().is_relative_to(library.resolve())
