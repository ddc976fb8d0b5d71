"""What a check of the machine found."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    TIP = "tip"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of ``oneshot doctor``.

    Attributes:
        name: what was looked at.
        level: how bad it is.
        text: what was found.
        advice: what to do about it; empty if nothing.
    """

    name: str
    level: Level
    text: str
    advice: str = ""


def ok(name: str, text: str) -> Check:
    """All is well."""
    return Check(name=name, level=Level.OK, text=text)


def tip(name: str, text: str, advice: str) -> Check:
    """All is well, and could be nicer."""
    return Check(name=name, level=Level.TIP, text=text, advice=advice)


def warning(name: str, text: str, advice: str) -> Check:
    """The product works, but not all of it."""
    return Check(name=name, level=Level.WARNING, text=text, advice=advice)


def failure(name: str, text: str, advice: str) -> Check:
    """The product does not work."""
    return Check(name=name, level=Level.FAILURE, text=text, advice=advice)
