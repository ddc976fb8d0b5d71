"""The session of Open Stage Control: prompt, sixteen pads, and what the daemon answers.

A pad sends by its own properties. What is typed or received goes through short scripts, for they
can say that a text is a text: Open Stage Control makes numbers of what looks like one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

Widget = dict[str, object]

VERSION: Final = "1.25.0"
PADS: Final = 16
MARGIN: Final = 20
HEAD_TOP: Final = 34  # below the menu
PAD_SIZE: Final = 140
GAP: Final = 13
PADS_TOP: Final = 212
LARGE: Final = ":host { font-size: 150%; }"
AMBER: Final = "#f0a030"

GENERATE: Final = """\
send("/oneshot/generate", {type: "s", value: ""}, {type: "s", value: String(get("prompt"))},
  {type: "s", value: "count"}, {type: "i", value: get("count")})"""

RECEIVED: Final[Mapping[str, tuple[str, str]]] = {
    "sample": (
        "/oneshot/sample",
        r'set("last", String(value[2]).split(/[\\/]/).pop() + "   seed " + value[3])',
    ),
    "progress": ("/oneshot/progress", 'set("status", Math.round(100 * value[1]) + " %")'),
    "done": ("/oneshot/done", 'set("status", value[1] + " in " + value[2] + " ms")'),
    "notice": ("/oneshot/notice", 'set("status", String(value[2]))'),
    "error": ("/oneshot/error", 'set("status", value[1] + ": " + value[2])'),
}
"""Widget to the address that it hears and what it does then."""


def session() -> str:
    """The session as JSON."""
    root = {
        "type": "root",
        "id": "root",
        "colorWidget": AMBER,
        "widgets": [*_head(), *_received(), *(_pad(number) for number in range(PADS))],
    }
    whole = {"createdWith": "Open Stage Control", "version": VERSION, "type": "session"}
    return json.dumps({**whole, "content": root}, indent=1) + "\n"


def _widget(
    kind: str, name: str, place: Sequence[int] | None = None, **properties: object
) -> Widget:
    widget: Widget = {"type": kind, "id": name}
    if place is not None:
        widget |= dict(zip(("left", "top", "width", "height"), place, strict=True))
    return widget | properties


def _head() -> Iterator[Widget]:
    yield _widget(
        "input",
        "prompt",
        (MARGIN, HEAD_TOP, 420, 46),
        default="punchy kick",
        align="left",
        css=LARGE,
        bypass=True,
        comments="what to play, in words",
    )
    yield _widget(
        "input",
        "count",
        (450, HEAD_TOP, 60, 46),
        default=4,
        numeric=True,
        css=LARGE,
        validation="^([1-9]|[1-5][0-9]|6[0-4])$",
        bypass=True,
        comments="how many sounds, 1 to 64",
    )
    yield _widget(
        "button",
        "generate",
        (520, HEAD_TOP, 99, 46),
        label="Generate",
        mode="tap",
        bypass=True,
        onValue=GENERATE,
    )
    yield _widget(
        "text", "last", (MARGIN, 90, 420, 36), default="no sound yet", align="left", css=LARGE
    )
    yield _widget("text", "status", (450, 90, 169, 36), default="", align="right")
    yield _widget("text", "velocity_name", (MARGIN, 140, 70, 50), default="velocity", align="left")
    yield _widget(
        "fader",
        "velocity",
        (100, 140, 519, 50),
        horizontal=True,
        design="compact",
        range={"min": 0, "max": 1},
        default=1,
        bypass=True,
    )


def _pad(number: int) -> Widget:
    """Pad 0 is at the lower left, as on a drum rack."""
    row, column = divmod(number, 4)
    step = PAD_SIZE + GAP
    return _widget(
        "button",
        f"pad_{number}",
        (MARGIN + column * step, PADS_TOP + (3 - row) * step, PAD_SIZE, PAD_SIZE),
        label=str(number),
        colorFill=AMBER,
        alphaFillOff=0.25,
        css=LARGE,
        mode="tap",
        on="@{velocity}",
        address="/oneshot/pad/trigger",
        preArgs=["", number],
        typeTags="sif",
    )


def _received() -> Iterator[Widget]:
    for name, (address, script) in RECEIVED.items():
        yield _widget("variable", name, address=address, onValue=script, bypass=True)
