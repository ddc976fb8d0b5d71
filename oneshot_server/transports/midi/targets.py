"""What a MIDI message can move, and how a map file and ``/oneshot/midi/learn`` write it.

=================  ==========================================================================
``pad.3``          hits pad 3; while bank 1 is chosen pad 19, and so on
``pad.3.level``    a number of pad 3 (``domain.pads.PAD_KEYS``)
``pad.last.level``  the same of the pad that was hit last
``pads.level``     the same of all pads of the chosen bank that are not empty
``lora.my kicks``  the weight of a LoRA in the blend of requests that name none
``kit.house``      loads a kit
``kits``           loads a kit by its place in the list: program 0 is the first
``bank.1``         chooses which sixteen pads ``pad.0`` to ``pad.15`` mean
=================  ==========================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from oneshot_server.domain.pads import PAD_KEYS, PADS, PADS_IN_BANK
from oneshot_server.domain.parameters import Parameter, shown
from oneshot_server.domain.requests import LEAST_LORA, MOST_LORA
from oneshot_server.errors import BadArgumentsError

BANKS: Final = PADS // PADS_IN_BANK
NUMBERS: Final[Mapping[str, Parameter]] = {
    key.name: key for key in PAD_KEYS if key.kind in {int, float}
}
EXPECTED: Final = (
    "pad.3, pad.3.level, pad.last.level, pads.level, lora.NAME, kit.NAME, kits or bank.1"
)
# From one end of a knob to the other, where the whole range of the key is no use to a hand.
_USEFUL: Final = {
    "steps": (4.0, 50.0),
    "guidance": (1.0, 8.0),
    "seconds": (0.05, 1.5),
    "tune": (-12.0, 12.0),
    "level": (-24.0, 0.0),
    "width": (0.0, 1.0),
    "velocity_curve": (0.25, 4.0),
}


@dataclass(frozen=True, kw_only=True)
class PadHit:
    """A pad, 0 to 63; below 16 it is one of the chosen bank."""

    pad: int

    def __str__(self) -> str:
        return f"pad.{self.pad}"


@dataclass(frozen=True, kw_only=True)
class PadNumber:
    """A number of a pad, of the pad that was hit last, or of all pads of the bank."""

    pad: int | Literal["last", "all"]
    key: str

    def __str__(self) -> str:
        return f"pads.{self.key}" if self.pad == "all" else f"pad.{self.pad}.{self.key}"

    @property
    def ends(self) -> tuple[float, float]:
        """What a knob goes from and to if its map does not say."""
        parameter = NUMBERS[self.key]
        return _USEFUL.get(self.key, (parameter.low, parameter.high))


@dataclass(frozen=True, kw_only=True)
class LoraAmount:
    """The weight of a LoRA."""

    name: str
    ends: tuple[float, float] = (0.0, 1.5)

    def __str__(self) -> str:
        return f"lora.{self.name}"


@dataclass(frozen=True, kw_only=True)
class KitChoice:
    """A kit by its name; ``None`` takes it by the number that comes."""

    name: str | None

    def __str__(self) -> str:
        return "kits" if self.name is None else f"kit.{self.name}"


@dataclass(frozen=True, kw_only=True)
class BankChoice:
    """A bank, 0 to 3."""

    bank: int

    def __str__(self) -> str:
        return f"bank.{self.bank}"


Amount = PadNumber | LoraAmount
Target = PadHit | Amount | KitChoice | BankChoice


def parse_target(text: str) -> Target:
    """Read a target.

    Raises:
        BadArgumentsError: it is none; the text says what was expected.
    """
    head, _, rest = text.strip().partition(".")
    match head, rest:
        case "kits", "":
            return KitChoice(name=None)
        case "kit", name if name:
            return KitChoice(name=name)
        case "lora", name if name:
            return LoraAmount(name=name)
        case "bank", number if number:
            return BankChoice(bank=_number(text, number, BANKS))
        case "pads", key if key:
            return PadNumber(pad="all", key=_key(text, key))
        case "pad", place if place:
            number, dot, key = place.partition(".")
            if not dot:
                return PadHit(pad=_number(text, number, PADS))
            if number == "last":
                return PadNumber(pad="last", key=_key(text, key))
            return PadNumber(pad=_number(text, number, PADS), key=_key(text, key))
    raise BadArgumentsError(f"target {shown(text)}, expected {EXPECTED}")


def shifted(target: Target, by: int) -> Target:
    """The target of a range's message ``by`` after its first: pads and banks follow one another.

    Raises:
        BadArgumentsError: there is no such pad or bank, or the target has no number.
    """
    match target:
        case PadHit(pad=pad):
            return PadHit(pad=_within(pad + by, PADS, "pad"))
        case PadNumber(pad=int(pad), key=key):
            return PadNumber(pad=_within(pad + by, PADS, "pad"), key=key)
        case BankChoice(bank=bank):
            return BankChoice(bank=_within(bank + by, BANKS, "bank"))
        case KitChoice(name=None):
            return target
    raise BadArgumentsError(f"{target} is one thing, expected one message for it and no range")


def check_ends(target: Amount, low: float, high: float) -> None:
    """Whether a knob may go from ``low`` to ``high``.

    Raises:
        BadArgumentsError: that is out of the target's range.
    """
    if isinstance(target, LoraAmount):
        least, most = LEAST_LORA, MOST_LORA
    else:
        least, most = NUMBERS[target.key].low, NUMBERS[target.key].high
    for value in (low, high):
        if not least <= value <= most:
            raise BadArgumentsError(f"{value:g} for {target}, expected {least:g} to {most:g}")


def _number(text: str, number: str, count: int) -> int:
    known = number.isascii() and number.isdigit() and len(number) <= len(str(count))
    if not known or int(number) >= count:
        raise BadArgumentsError(f"target {shown(text)}, expected a number from 0 to {count - 1}")
    return int(number)


def _within(number: int, count: int, what: str) -> int:
    if number >= count:
        raise BadArgumentsError(f"the range ends at {what} {number}, expected at most {count - 1}")
    return number


def _key(text: str, key: str) -> str:
    if key not in NUMBERS:
        raise BadArgumentsError(
            f"target {shown(text)}, expected a key that is a number: {', '.join(NUMBERS)}"
        )
    return key
