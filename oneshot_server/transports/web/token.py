"""The token that a browser must show where the network is let in."""

import secrets
from pathlib import Path
from typing import Final

from oneshot_server.errors import ForbiddenError, SettingsError
from oneshot_server.settings import LOOPBACK, WebSettings

SHORTEST: Final = 12
BYTES: Final = 16
KEPT: Final = 0o600


def token_for(settings: WebSettings, file: Path) -> str:
    """The token of the settings; else, if the network is let in, one that is made up and kept.

    Args:
        settings: where to listen.
        file: that keeps it; only its owner can read it.

    Returns:
        The token; empty if only this machine is let in and none is wanted.

    Raises:
        SettingsError: the settings' token is too short.
        ForbiddenError: the file cannot be written or read.
    """
    if settings.token:
        if len(settings.token) < SHORTEST or not settings.token.isascii():
            raise SettingsError(
                f"web.token has {len(settings.token)} characters, expected {SHORTEST} or more of "
                "ASCII"
            )
        return settings.token
    if settings.host in LOOPBACK:
        return ""
    try:
        file.touch(KEPT, exist_ok=True)
        token = file.read_text(encoding="ascii").strip()
        if len(token) < SHORTEST:
            token = secrets.token_urlsafe(BYTES)
            file.write_text(token + "\n", encoding="ascii")
    except (OSError, UnicodeError) as error:
        raise ForbiddenError(f"{file} cannot be used: {error}") from None
    return token
