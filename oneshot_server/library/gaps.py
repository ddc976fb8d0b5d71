"""Where the library is empty: how many sounds there are of each kind, length and brightness."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from oneshot_server.library.sound_library import SoundLibrary

LENGTHS: Final = ("short", "", "long")
BRIGHTNESSES: Final = ("dark", "", "bright")

Edges = tuple[float, float]

TYPICAL: Final[Mapping[str, tuple[Edges, Edges]]] = {}
"""Seconds and Hz between which a third of the recordings of a kind lies that the starter was
trained on; what is below is short, or dark, and what is above long, or bright."""


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


def count_regions(library: SoundLibrary, kinds: Iterable[str] = TYPICAL) -> list[Region]:
    """All regions, nine of each kind.

    Args:
        library: is asked.
        kinds: those of ``TYPICAL`` that are wanted.
    """
    regions = []
    for kind in kinds:
        seconds, hertz = TYPICAL[kind]
        counts = library.count_regions(kind, seconds=seconds, brightness_hz=hertz)
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
