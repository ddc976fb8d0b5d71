"""MIDI clock: times of ticks in, times of beats out. It reads no clock of its own."""

from collections.abc import Mapping
from typing import Final

from oneshot_server.transports.midi.messages import (
    TICKS_PER_QUARTER,
    TICKS_PER_SIXTEENTH,
    ClockMessage,
    RealTime,
    SongPosition,
)

GRIDS: Final[Mapping[str, int]] = {
    "off": 0,
    "1/1": 4 * TICKS_PER_QUARTER,
    "1/2": 2 * TICKS_PER_QUARTER,
    "1/4": TICKS_PER_QUARTER,
    "1/8": TICKS_PER_QUARTER // 2,
    "1/8t": TICKS_PER_QUARTER // 3,
    "1/16": TICKS_PER_SIXTEENTH,
    "1/16t": TICKS_PER_QUARTER // 6,
    "1/32": TICKS_PER_SIXTEENTH // 2,
}
"""Lines that hits are moved to, in ticks apart; 0 moves none."""

MEMORY_TICKS: Final = 24
LATE_TICKS: Final = 1.0
"""A hit this shortly after a line was meant for it, and is not held back for the next one."""
LOST_TICKS: Final = 12.0
"""A clock that is silent for so long has gone."""
LEAP_TICKS: Final = 4.0
"""No jitter is as large: a clock that paused, or another one. The filter begins anew."""
SHORTEST_TICK_SECONDS: Final = 0.0005
LONGEST_TICK_SECONDS: Final = 0.5  # 5 beats a minute


class BeatClock:
    """Follows a clock of 24 ticks a quarter note through its jitter.

    An alpha-beta filter whose memory grows to a quarter note: the least squares line through the
    first ticks, then a fading one. Reference: Brookner, 1998, Tracking and Kalman Filtering Made
    Easy, section 1.2.10, expanding-memory polynomial filter of first degree.

    Attributes:
        running: whether the song plays, by the last start, continue or stop.
        position: ticks from the song's start to the last tick; -1 just before the first.
    """

    def __init__(self) -> None:
        self.running = False
        self.position = -1
        self._ticks = 0  # that the filter has seen, at most MEMORY_TICKS
        self._tick_seconds = 0.0
        self._tick_at = 0.0  # when the last tick was, without its jitter
        self._awaits_first_tick = False

    def take(self, message: ClockMessage, at: float) -> None:
        """A message of the clock has come.

        Args:
            message: which.
            at: when, seconds that only rise.
        """
        match message:
            case RealTime.CLOCK:
                self._tick(at)
            case RealTime.START:
                self.position = -1
                self._play()
            case RealTime.CONTINUE:
                self._play()
            case RealTime.STOP:
                self.running = False
            case SongPosition(sixteenths=sixteenths):
                # The next tick is the one at this position.
                self.position = sixteenths * TICKS_PER_SIXTEENTH - 1

    def next_line(self, at: float, grid_ticks: int) -> float:
        """When a hit is to be heard.

        Args:
            at: when it came.
            grid_ticks: ticks from line to line, as in ``GRIDS``; 0 for none.

        Returns:
            ``at`` itself if nothing plays, if the clock has gone, and on a line or just after it;
            else the time of the next line.
        """
        if not grid_ticks or not self.follows(at):
            return at
        past = (self.position + (at - self._tick_at) / self._tick_seconds) % grid_ticks
        return at if past <= LATE_TICKS else at + (grid_ticks - past) * self._tick_seconds

    def follows(self, at: float) -> bool:
        """Whether the song plays and its tempo is known."""
        known = self.running and not self._awaits_first_tick and self._ticks > 1
        return known and at - self._tick_at <= LOST_TICKS * self._tick_seconds

    @property
    def beats_per_minute(self) -> float:
        """The tempo; 0 while it is not known."""
        return 60.0 / (self._tick_seconds * TICKS_PER_QUARTER) if self._ticks > 1 else 0.0

    def _play(self) -> None:
        self.running = True
        self._awaits_first_tick = True

    def _tick(self, at: float) -> None:
        if self.running:
            self.position += 1
        expected = self._tick_at + self._tick_seconds
        error = at - expected
        leap = LEAP_TICKS * self._tick_seconds if self._ticks > 1 else LONGEST_TICK_SECONDS
        if self._ticks == 0 or abs(error) > leap:
            self._ticks, self._tick_at, self._tick_seconds = 1, at, 0.0
        elif self._awaits_first_tick and self._ticks > 1:
            # The song starts here whatever went before; the tempo was right all the same.
            self._tick_at = at
        else:
            n = self._ticks
            alpha = 2 * (2 * n + 1) / ((n + 1) * (n + 2))
            beta = 6 / ((n + 1) * (n + 2))
            self._tick_at = expected + alpha * error
            self._tick_seconds = min(
                max(self._tick_seconds + beta * error, SHORTEST_TICK_SECONDS), LONGEST_TICK_SECONDS
            )
            self._ticks = min(n + 1, MEMORY_TICKS)
        self._awaits_first_tick = False
