"""Inlets and outlets of every Max object that the devices use, and where that is known from.

Counts are those that Max itself writes into patchers. Where an object's arguments decide, it is a
function of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

REFERENCE: Final = "docs.cycling74.com/reference/"
CPU_REPORTER: Final = "CPU Reporter.amxd of github.com/Ableton/maxdevtools"
TEST_DEVICE: Final = "maxdiff/tests/test_files/Test.amxd of github.com/Ableton/maxdevtools"
SAVED: Final = "patchers that Max 8.6 and 9 saved, and "


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What cords may join.

    Attributes:
        inlets: how many.
        outlets: what each sends, as Max writes it: ``signal``, ``bang``, ``int``, or empty for any.
        source: where that is known from.
    """

    inlets: int
    outlets: tuple[str, ...]
    source: str


def _any(count: int) -> tuple[str, ...]:
    return ("",) * count


def _route(arguments: Sequence[str]) -> Ports:
    count = len(arguments) + 1
    return Ports(inlets=count, outlets=_any(count), source=CPU_REPORTER + ", as sel 0 1 2 3")


def _select(arguments: Sequence[str]) -> Ports:
    count = len(arguments)
    return Ports(inlets=count + 1, outlets=("bang",) * count + ("",), source=CPU_REPORTER)


def _trigger(arguments: Sequence[str]) -> Ports:
    kinds = {"b": "bang", "i": "int", "l": ""}
    return Ports(inlets=1, outlets=tuple(kinds[kind] for kind in arguments), source=TEST_DEVICE)


def _expr(arguments: Sequence[str]) -> Ports:
    text = " ".join(arguments)
    highest = max(number for number in range(1, 10) if f"$i{number}" in text)
    return Ports(inlets=highest, outlets=("",), source=REFERENCE + "expr")


LIVE_VALUE: Final = Ports(inlets=1, outlets=("", "float"), source=CPU_REPORTER)
LIVE_CHOICE: Final = Ports(inlets=1, outlets=("", "", "float"), source=CPU_REPORTER)

OBJECTS: Final[Mapping[str, Ports | Callable[[Sequence[str]], Ports]]] = {
    # interface
    "live.dial": LIVE_VALUE,
    "live.numbox": LIVE_VALUE,
    "live.menu": Ports(inlets=1, outlets=("", "", "float"), source=SAVED + "reference/live.menu"),
    "live.tab": LIVE_CHOICE,
    "live.text": Ports(inlets=1, outlets=("", ""), source=CPU_REPORTER),
    "live.comment": Ports(inlets=1, outlets=(), source=CPU_REPORTER),
    "multislider": Ports(inlets=1, outlets=("", ""), source=CPU_REPORTER),
    "panel": Ports(inlets=1, outlets=(), source=CPU_REPORTER),
    "comment": Ports(inlets=1, outlets=(), source=CPU_REPORTER),
    "textedit": Ports(inlets=1, outlets=("", "int", "", ""), source=SAVED + REFERENCE + "textedit"),
    "umenu": Ports(inlets=1, outlets=("int", "", ""), source=SAVED + REFERENCE + "umenu"),
    "waveform~": Ports(
        inlets=5,
        outlets=("float", "float", "float", "float", "list", ""),
        source=SAVED + REFERENCE + "waveform~",
    ),
    # messages
    "message": Ports(inlets=2, outlets=("",), source=CPU_REPORTER),
    "prepend": Ports(inlets=1, outlets=("",), source=CPU_REPORTER),
    "route": _route,
    "sel": _select,
    "t": _trigger,
    "s": Ports(inlets=1, outlets=(), source=CPU_REPORTER),
    "r": Ports(inlets=0, outlets=("",), source=CPU_REPORTER),
    "pattr": Ports(inlets=1, outlets=_any(3), source=SAVED + REFERENCE + "pattr"),
    "gate": Ports(inlets=2, outlets=("",), source=SAVED + REFERENCE + "gate"),
    "expr": _expr,
    "-": Ports(inlets=2, outlets=("int",), source=REFERENCE + "minus"),
    "split": Ports(inlets=3, outlets=("int", "int"), source=REFERENCE + "split"),
    "pack": lambda arguments: Ports(
        inlets=len(arguments), outlets=("",), source=REFERENCE + "pack"
    ),
    "unpack": lambda arguments: Ports(
        inlets=1, outlets=("int",) * len(arguments), source=REFERENCE + "unpack"
    ),
    # Live, network, MIDI, sound
    "live.thisdevice": Ports(
        inlets=1, outlets=("bang", "int", "int"), source=SAVED + REFERENCE + "live.thisdevice"
    ),
    "live.banks": Ports(inlets=1, outlets=("",), source=TEST_DEVICE),
    "udpsend": Ports(inlets=1, outlets=(), source=SAVED + REFERENCE + "udpsend"),
    "udpreceive": Ports(inlets=1, outlets=("",), source=SAVED + REFERENCE + "udpreceive"),
    "midiin": Ports(inlets=1, outlets=("int",), source=TEST_DEVICE),
    "midiout": Ports(inlets=1, outlets=(), source=TEST_DEVICE),
    "midiparse": Ports(
        inlets=1,
        outlets=("", "", "", "int", "int", "", "int", ""),
        source=SAVED + REFERENCE + "midiparse",
    ),
    "midiformat": Ports(inlets=7, outlets=("int", ""), source=SAVED + REFERENCE + "midiformat"),
    "stripnote": Ports(inlets=2, outlets=("int", "int"), source=SAVED + REFERENCE + "stripnote"),
    "plugin~": Ports(inlets=2, outlets=("signal", "signal"), source=CPU_REPORTER),
    "plugout~": Ports(inlets=2, outlets=("signal", "signal"), source=CPU_REPORTER),
    "+~": Ports(inlets=2, outlets=("signal",), source=SAVED + REFERENCE + "plus~"),
    "buffer~": Ports(inlets=1, outlets=("float", "bang"), source=SAVED + REFERENCE + "buffer~"),
    # one channel; with a second argument it has more
    "play~": Ports(inlets=1, outlets=("signal", "bang"), source=SAVED + REFERENCE + "play~"),
}
"""Class to inlets and outlets; a ``v8.codebox`` has as many as its script declares."""


def ports(text: str) -> Ports:
    """Inlets and outlets of an object by its text: ``t b b``, or a class alone.

    Raises:
        KeyError: a class that is not in the table.
    """
    name, *arguments = text.split()
    entry = OBJECTS[name]
    return entry if isinstance(entry, Ports) else entry(arguments)
