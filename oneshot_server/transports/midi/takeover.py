"""Soft takeover: a knob that stands elsewhere than its value moves it only once they have met."""

from typing import Final

NEAR: Final = 1.5 / 127
"""How near is there: a step and a half of a controller."""


class SoftTakeover:
    """One knob and one parameter. Positions and values are 0 to 1 of the knob's way."""

    def __init__(self) -> None:
        self._position: float | None = None
        self._left_at: float | None = None

    def takes(self, position: float, value: float) -> bool:
        """Whether the knob moves the parameter.

        Args:
            position: where the knob is now.
            value: where the parameter stands; others may have moved it.
        """
        before, self._position = self._position, position
        if self._left_at is not None and abs(self._left_at - value) < NEAR:
            return True
        self._left_at = None
        if abs(position - value) < NEAR:
            return True
        return before is not None and (before - value) * (position - value) < 0

    def moved(self, value: float) -> None:
        """The knob has moved the parameter to here, and leads until somebody else moves it."""
        self._left_at = value
