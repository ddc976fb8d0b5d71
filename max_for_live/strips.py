"""A control's part of the patch: what it hears, what it says.

Each control stands alone in a strip of the edit view: ``r ---ui`` brings what the script wants
shown, ``s ---control`` takes what the producer did to the script. ``---`` is made a number of the
device's own by Max, so several devices do not hear each other.
"""

from typing import Final

from max_for_live.boxes import control_box
from max_for_live.controls import Control
from max_for_live.patch import Patch

UI: Final = "---ui"
CONTROL: Final = "---control"
RECALL: Final = "---recall"  # when Live has put back what the set remembers
PROMPT: Final = "---prompt"  # the prompt field is asked for what is typed in it
GENERATE: Final = "---generate"  # Return in the prompt field
STRIP_WIDTH: Final = 240
STRIP_HEIGHT: Final = 250
STRIPS_IN_ROW: Final = 8
RETURN, ENTER = 13, 3  # key codes


def add_controls(patch: Patch, controls: list[Control], top: int) -> dict[str, str]:
    """Lay a strip for each control, the topmost of the presentation first.

    Returns:
        Each control's box by the control's name.
    """
    boxes = {}
    for number, control in enumerate(controls):
        row, column = divmod(number, STRIPS_IN_ROW)
        at = (20 + column * STRIP_WIDTH, top + row * STRIP_HEIGHT)
        boxes[control.name] = _Strip(patch, control, at).lay()
    return boxes


class _Strip:
    """One control's objects, from top to bottom."""

    def __init__(self, patch: Patch, control: Control, at: tuple[int, int]) -> None:
        self._patch = patch
        self._control = control
        self._left, self._top = at
        self._box = patch.add(control_box(control), self._at(0, 4), size=(100, 22))

    def lay(self) -> str:
        """Lay all of it; returns the control's box."""
        kind = self._control.kind
        if kind != "waveform":  # it hears of its buffer alone
            self._hear_all(kind)
            if kind not in ("label", "bar", "ring"):
                self._say_all(kind)
        return self._box

    def _hear_all(self, kind: str) -> None:
        if kind == "label":
            self._hear_label()
        elif kind == "list":
            self._hear_list()
        elif kind in ("bar", "value"):
            self._hear_value()
        else:
            self._patch.connect(self._hear(), 0, self._box)

    def _say_all(self, kind: str) -> None:
        if self._control.stored and kind != "button":  # a button that is recalled is a click
            self._recall()
        if self._control.name == "prompt":
            self._say_prompt()
        elif self._control.name == "generate":
            self._say_generate()
        elif self._control.name in ("first_note", "pass"):
            self._say_twice()
        else:
            self._patch.connect(self._box, 0, self._say())

    def _at(self, right: int, row: int) -> tuple[int, int]:
        return self._left + right, self._top + 26 * row

    def _hear(self) -> str:
        """``ui NAME …`` without the name."""
        receive = self._patch.object(f"r {UI}", self._at(0, 0))
        route = self._patch.object(f"route {self._control.name}", self._at(0, 1))
        return self._patch.connect(receive, 0, route)

    def _say(self, row: int = 6) -> str:
        """``control NAME …`` to the script."""
        prepend = self._patch.object(f"prepend control {self._control.name}", self._at(0, row))
        self._patch.connect(prepend, 0, self._patch.object(f"s {CONTROL}", self._at(0, row + 1)))
        return prepend

    def _recall(self) -> None:
        receive = self._patch.object(f"r {RECALL}", self._at(120, 0))
        if self._control.kind in ("text", "value"):
            bang = self._patch.object("t b", self._at(120, 1))
            self._patch.chain(receive, bang, self._box)
        else:
            self._patch.connect(receive, 0, self._box)  # outputvalue: as it is, nothing is changed

    def _hear_label(self) -> None:
        verbs = self._patch.object("route text color", self._at(0, 2))
        self._patch.connect(self._hear(), 0, verbs)
        for outlet, attribute in enumerate(("set", "textcolor")):
            prepend = self._patch.object(f"prepend {attribute}", self._at(100 * outlet, 3))
            self._patch.connect(verbs, outlet, prepend)
            self._patch.connect(prepend, 0, self._box)

    def _hear_list(self) -> None:
        verb = self._patch.object("route menu", self._at(0, 2))
        self._patch.connect(self._hear(), 0, verb)
        self._patch.connect(verb, 0, self._box)  # clear, append TEXT
        self._patch.connect(verb, 1, self._box)  # set INDEX

    def _hear_value(self) -> None:
        verb = self._patch.object("route set", self._at(0, 2))
        self._patch.connect(self._hear(), 0, verb)
        self._patch.connect(verb, 0, self._box)

    def _say_prompt(self) -> None:
        ask = self._patch.object(f"r {PROMPT}", self._at(110, 3))
        self._patch.connect(ask, 0, self._box)
        self._patch.connect(self._box, 0, self._say())
        key = self._patch.object(f"sel {RETURN} {ENTER}", self._at(110, 5))
        self._patch.connect(self._box, 1, key)
        hit = self._patch.object(f"s {GENERATE}", self._at(110, 7))
        self._patch.connect(key, 0, hit)
        self._patch.connect(key, 1, hit)

    def _say_generate(self) -> None:
        # What is typed is taken before it is rendered; the 0 of an automation is no click.
        not_zero = self._patch.object("route 0", self._at(0, 5))
        order = self._patch.object("t b b", self._at(0, 6))
        self._patch.connect(self._box, 0, not_zero)
        self._patch.connect(not_zero, 1, order)
        self._patch.connect(self._patch.object(f"r {GENERATE}", self._at(100, 5)), 0, order)
        self._patch.connect(order, 1, self._patch.object(f"s {PROMPT}", self._at(100, 6)))
        self._patch.connect(order, 0, self._say(row=7))

    def _say_twice(self) -> None:
        order = self._patch.object("t i i", self._at(0, 5))
        self._patch.connect(self._box, 0, order)
        send = self._patch.object(f"s ---{self._control.name}", self._at(80, 5))
        self._patch.connect(order, 1, send)
        self._patch.connect(order, 0, self._say())
