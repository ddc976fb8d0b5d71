"""Where the library is empty: how many sounds there are of each kind, length and brightness."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from oneshot_server.library.sound_questions import SoundQuestions

LENGTHS: Final = ("short", "", "long")
BRIGHTNESSES: Final = ("dark", "", "bright")

TYPICAL: Final = Path(__file__).with_name("typical.json")
"""Written by ``starter.train_projection``."""

Limits = tuple[float, float]


@cache
def typical() -> Mapping[str, tuple[Limits, Limits]]:
    """Seconds and Hz between which the middle third of the recordings of a kind lies.

    What is below is short, or dark; what is above long, or bright.
    """
    return msgspec.json.decode(TYPICAL.read_bytes(), type=dict[str, tuple[Limits, Limits]])


@dataclass(frozen=True, kw_only=True)
class Region:
    """Sounds of a kind that are about as long and as bright.

    Attributes:
        kind: of ``domain.kinds``.
        length: ``short``, ``long``, or empty for what lies between.
        brightness: ``dark``, ``bright``, or empty.
        sounds: how many there are.
    """

    kind: str
    length: str
    brightness: str
    sounds: int

    @property
    def prompt(self) -> str:
        """What to ask the model for to get one more."""
        return " ".join(filter(None, (self.length, self.brightness, self.kind.replace("_", " "))))


def count_regions(library: SoundQuestions, kinds: Iterable[str]) -> list[Region]:
    """All regions, nine of each kind.

    Args:
        library: is asked.
        kinds: those of ``typical`` that are wanted.
    """
    regions = []
    for kind in kinds:
        seconds, hertz = typical()[kind]
        counts = _counts(library, kind, seconds, hertz)
        regions += [
            Region(
                kind=kind,
                length=length,
                brightness=brightness,
                sounds=counts.get((row, column), 0),
            )
            for row, length in enumerate(LENGTHS)
            for column, brightness in enumerate(BRIGHTNESSES)
        ]
    return regions


def emptiest(regions: Sequence[Region], count: int) -> list[Region]:
    """The regions with the fewest sounds, those of different kinds before more of one."""
    seen: dict[str, int] = {}
    ranked = []
    for region in sorted(regions, key=lambda region: region.sounds):
        ranked.append((region.sounds, seen.get(region.kind, 0), region))
        seen[region.kind] = seen.get(region.kind, 0) + 1
    ranked.sort(key=lambda entry: entry[:2])
    return [region for _, _, region in ranked[:count]]


def _counts(
    library: SoundQuestions, kind: str, seconds: Limits, hertz: Limits
) -> dict[tuple[int, int], int]:
    """How many sounds of a kind lie below, between and above two lengths and brightnesses.

    Returns:
        Counts by 0, 1 or 2 of each; what is empty is not there.
    """
    rows = library.rows(
        "SELECT (seconds >= ?) + (seconds >= ?), (brightness_hz >= ?) + (brightness_hz >= ?), "
        "count(*) FROM sounds WHERE trouble = '' AND kind = ? GROUP BY 1, 2",
        *seconds,
        *hertz,
        kind,
    )
    return {(length, brightness): count for length, brightness, count in rows}
