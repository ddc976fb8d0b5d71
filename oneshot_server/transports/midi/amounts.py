"""Knobs: a position of a controller to a number of a pad or a LoRA, scaled, with soft takeover."""

from dataclasses import replace
from typing import Final

from oneshot_server.domain.core import Core
from oneshot_server.domain.pads import PADS_IN_BANK
from oneshot_server.errors import OneshotError
from oneshot_server.transports.midi.bindings import Binding
from oneshot_server.transports.midi.messages import MOST_DATA, ControlChange
from oneshot_server.transports.midi.schedule import Schedule
from oneshot_server.transports.midi.takeover import SoftTakeover
from oneshot_server.transports.midi.targets import NUMBERS, Amount, LoraAmount, PadNumber

REST_SECONDS: Final = 0.03
"""A turn of a knob is a hundred messages: a number moves at most so often, and once at the end."""
DECIMALS: Final = 3


class Amounts:
    """Moves numbers by knobs.

    Args:
        core: has the numbers.
        schedule: the event loop.
        takeover: whether a knob waits until it meets the value, where its map does not say.
    """

    def __init__(self, core: Core, schedule: Schedule, *, takeover: bool) -> None:
        self._core = core
        self._schedule = schedule
        self._takeover = takeover
        self._knobs: dict[tuple[Amount, int, int], SoftTakeover] = {}
        self._resting: dict[Amount, float | None] = {}
        self._loras: dict[str, float] = {}

    def turn(self, binding: Binding, target: Amount, message: ControlChange, bank: int) -> str:
        """A knob was turned; returns what was done, in words.

        Args:
            binding: that the message met.
            target: of this message; pads by their number, of any bank.
            message: the knob and its position.
            bank: that ``pads`` means.
        """
        low, high = binding.ends or target.ends
        position = message.value / MOST_DATA
        value = _stepped(target, low + (high - low) * position)
        knob = self._knobs.setdefault((target, message.channel, message.control), SoftTakeover())
        waits = self._takeover if binding.takeover is None else binding.takeover
        if low != high:
            now = self._now(target, bank)
            stands = position if now is None else (now - low) / (high - low)
            if not knob.takes(position, stands) and waits:
                return f"{target} waits: the knob is at {value:g}, the value at {now:g}"
            knob.moved((value - low) / (high - low))
        return self._move(target, value, bank)

    def _move(self, target: Amount, value: float, bank: int) -> str:
        if target in self._resting:
            self._resting[target] = value
            return f"{target} = {value:g}"
        self._resting[target] = None
        self._schedule.call_at(
            self._schedule.time() + REST_SECONDS, lambda: self._rested(target, bank)
        )
        return self._set(target, value, bank)

    def _rested(self, target: Amount, bank: int) -> None:
        value = self._resting.pop(target)
        if value is not None:
            self._move(target, value, bank)

    def _set(self, target: Amount, value: float, bank: int) -> str:
        try:
            match target:
                case LoraAmount(name=name):
                    self._core.set_lora(name, value)
                    self._loras[name] = value
                case PadNumber(key=key):
                    for pad in self._pads(target, bank):
                        self._core.set_pad(pad, key, value)
        except OneshotError as problem:
            return f"refused: {problem}"
        return f"{target} = {value:g}"

    def _now(self, target: Amount, bank: int) -> float | None:
        """Where a number stands, or is about to; ``None`` if nobody knows."""
        if (about_to_be := self._resting.get(target)) is not None:
            return about_to_be
        if isinstance(target, LoraAmount):
            return self._loras.get(target.name)
        pads = self._pads(target, bank)
        return float(getattr(self._core.pad(pads[0]), target.key)) if pads else None

    def _pads(self, target: PadNumber, bank: int) -> list[int]:
        if isinstance(target.pad, int):
            return [target.pad]
        first = bank * PADS_IN_BANK
        return [n for n in range(first, first + PADS_IN_BANK) if not self._core.pad(n).empty]


def _stepped(target: Amount, value: float) -> float:
    """A value as its number can be; few decimals keep kits and recipes readable."""
    if isinstance(target, PadNumber) and NUMBERS[target.key].kind is int:
        return round(value)
    return round(value, DECIMALS)


def of_pad(target: PadNumber, pad: int) -> PadNumber:
    """The same number of another pad."""
    return replace(target, pad=pad)
