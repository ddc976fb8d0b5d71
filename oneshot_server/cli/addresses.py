"""Addresses to talk to, made from addresses to listen on."""

from typing import Final

# Who listens everywhere is certainly reached here.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def reachable(host: str) -> str:
    """Where to send to a daemon that listens on ``host``, from the same machine."""
    return _EVERYWHERE.get(host, host)
