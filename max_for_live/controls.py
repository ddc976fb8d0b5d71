"""The devices' controls, as ``src/controls.json`` has them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from max_for_live.amxd import DeviceType

SOURCE: Final = Path(__file__).parent / "src"

Rect = tuple[int, int, int, int]
"""Left, top, width and height in the presentation, pixels."""

Kind = Literal[
    "text", "dial", "number", "menu", "tabs", "list", "toggle", "button", "value", "bar", "ring",
    "label", "waveform",
]  # fmt: skip


class Control(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is seen or kept.

    Attributes:
        name: what scripts call it.
        kind: what it is; see ``boxes``.
        rect: where; a value has no place.
        annotation: what Live's info view says.
        title: the info view's headline, if there is no long name.
        long: the parameter's name in Live, never changed once it is out; empty for what is none.
        short: the name under a dial and on Push.
        type: of the parameter.
        range: lowest and highest value.
        exponent: above 1 gives small values more of the way.
        unit: as printf has it.
        integer: shown without decimals.
        midi_note: shown as a note's name.
        words: what an enum's numbers mean.
        visibility: automated (and stored), stored, or hidden from Live.
        default: at first.
        text: on a button or label.
        text_on: on a toggle that is on.
        look: how it is drawn, if not as usual.
        copies: how many of them stand in a grid; {} in names is then a number.
        columns: of the grid.
        step: from one to the next, right and down.
    """

    name: str
    kind: Kind
    annotation: str
    rect: Rect | None = None
    title: str = ""
    long: str = ""
    short: str = ""
    type: Literal["float", "int", "enum", "blob"] = "blob"
    range: tuple[float, float] = (0, 1)
    exponent: float = 1.0
    unit: str = ""
    integer: bool = False
    midi_note: bool = False
    words: tuple[str, ...] = ()
    visibility: Literal["automated", "stored", "hidden"] = "hidden"
    default: float | str | None = None
    text: str = ""
    text_on: str = ""
    look: Literal["usual", "big", "bold", "faint", "lcd", "instant", "pad"] = "usual"
    copies: int = 1
    columns: int = 1
    step: tuple[int, int] = (0, 0)

    @property
    def stored(self) -> bool:
        """Whether a Live set remembers it."""
        return bool(self.long) and self.visibility != "hidden"


class Panel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A coloured rectangle behind controls."""

    rect: Rect
    color: str


class Heading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A word above controls."""

    text: str
    rect: Rect


class Bank(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of Push's eight knobs, by the controls' names."""

    name: str
    parameters: tuple[str, ...]


class DeviceSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device, but for what its patch does.

    Attributes:
        type: audio or MIDI effect.
        width: pixels.
        height: pixels; all that Live gives.
        script: the files in ``src`` that make its script, in order.
        outlets: what its script's outlets are for.
        panels: behind the controls.
        headings: beside them.
        controls: with copies not yet made; see ``each``.
        banks: of Push.
    """

    type: DeviceType
    width: int
    height: int
    script: tuple[str, ...]
    outlets: tuple[str, ...]
    panels: tuple[Panel, ...]
    headings: tuple[Heading, ...]
    controls: tuple[Control, ...]
    banks: tuple[Bank, ...]

    def each(self) -> Iterator[Control]:
        """All controls, copies made: in rows from left to right, each row a step from the last."""
        for control in self.controls:
            if control.copies == 1:
                yield control
                continue
            assert control.rect
            left, top, width, height = control.rect
            for number in range(control.copies):
                right, down = number % control.columns, number // control.columns
                yield replace(
                    control,
                    name=control.name.format(number),
                    long=control.long.format(number + 1),
                    short=control.short.format(number + 1),
                    rect=(
                        left + right * control.step[0],
                        top + down * control.step[1],
                        width,
                        height,
                    ),
                )


def read_devices(source: Path = SOURCE) -> Mapping[str, DeviceSource]:
    """Devices by name."""
    content = (source / "controls.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, DeviceSource])
