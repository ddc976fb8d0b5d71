"""What a hit's velocity does to a finished sound."""

from dataclasses import dataclass
from typing import Final

LEAST_GAIN_DB: Final = -60.0
LEAST_LOW_PASS_HZ: Final = 50.0
MOST_LOW_PASS_HZ: Final = 20_000.0
LEAST_LENGTH: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class Touch:
    """How a finished sound is made softer; no touch at all is the hardest hit.

    Attributes:
        gain_db: -60 to 0.
        low_pass_hz: corner of a low-pass of 6 dB an octave, 50 to 20,000; ``None`` for none.
        length: share of the sound that is kept, 0.05 to 1, ended by a fade.

    Raises:
        ValueError: a value out of its range.
    """

    gain_db: float = 0.0
    low_pass_hz: float | None = None
    length: float = 1.0

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("gain_db", self.gain_db, LEAST_GAIN_DB, 0.0),
            ("low_pass_hz", self.low_pass_hz, LEAST_LOW_PASS_HZ, MOST_LOW_PASS_HZ),
            ("length", self.length, LEAST_LENGTH, 1.0),
        ):
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} = {value}, expected {low:g} to {high:g}")
