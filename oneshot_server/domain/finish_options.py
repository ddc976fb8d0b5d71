"""How a rendered waveform becomes the sound in the file."""

from dataclasses import dataclass
from typing import Literal, get_args

SampleRate = Literal[44_100, 48_000, 88_200, 96_000]
"""Hz that a sound can be brought to."""


@dataclass(frozen=True, kw_only=True)
class FinishOptions:
    """Level, tail and length of a finished sound.

    Attributes:
        level: ``peak`` or ``lufs`` (ITU-R BS.1770).
        peak_db: level of the highest sample, dBFS; with ``lufs`` the ceiling.
        lufs: loudness, LUFS.
        tail_db: the tail is cut where it stays under this level below the peak, dB.
        fade_seconds: length of the fade at the cut.
        max_seconds: longest duration; ``None`` for the whole sound.
        tune: semitones up or down, by resampling.
        gain_db: added to the level, dB.
        sample_rate: Hz; ``None`` for the model's own.
        width: 0 for mono, else stereo, 1 the widest.

    Raises:
        ValueError: a value out of its range.
    """

    level: Literal["peak", "lufs"] = "peak"
    peak_db: float = -1.0
    lufs: float = -14.0
    tail_db: float = -60.0
    fade_seconds: float = 0.01
    max_seconds: float | None = None
    tune: float = 0.0
    gain_db: float = 0.0
    sample_rate: SampleRate | None = None
    width: float = 0.0

    def rate_of(self, model_rate: int) -> int:
        """Rate of what is made of a waveform at the model's rate, Hz."""
        return self.sample_rate or model_rate

    def __post_init__(self) -> None:
        if self.level not in ("peak", "lufs"):
            raise ValueError(f'level = {self.level!r}, expected "peak" or "lufs"')
        if self.sample_rate not in (None, *get_args(SampleRate)):
            rates = ", ".join(map(str, get_args(SampleRate)))
            raise ValueError(f"sample_rate = {self.sample_rate!r}, expected one of {rates}")
        for name, value, low, high in (
            ("peak_db", self.peak_db, -30.0, -0.1),
            ("lufs", self.lufs, -40.0, -5.0),
            ("tail_db", self.tail_db, -120.0, -20.0),
            ("fade_seconds", self.fade_seconds, 0.001, 0.5),
            ("max_seconds", self.max_seconds, 0.01, 60.0),
            ("tune", self.tune, -24.0, 24.0),
            ("gain_db", self.gain_db, -40.0, 0.0),
            ("width", self.width, 0.0, 1.0),
        ):
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} = {value}, expected {low:g} to {high:g}")
