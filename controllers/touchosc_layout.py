"""The layout of TouchOSC (not the old Mk1): sixteen pads, and what the daemon answers.

A ``.tosc`` file is an XML tree, compressed by zlib. Strings stand in CDATA; shapes and alignments
are numbered from 1, button types from 0. A connection does not belong to the layout.
"""

import uuid
from typing import Final

Place = tuple[int, int, int, int]
Colour = tuple[float, float, float]

NAMESPACE: Final = uuid.UUID("6d1d6b1c-0c6e-4a58-9a3e-0f5a1e5e9330")
WIDTH: Final = 640
HEIGHT: Final = 860
MARGIN: Final = 20
PAD_SIZE: Final = 140
GAP: Final = 13
PADS_TOP: Final = 120
REPLY_PORT: Final = 9332
AMBER: Final = (0.94, 0.63, 0.19)
WHITE: Final = (1.0, 1.0, 1.0)
DARK: Final = (0.08, 0.08, 0.08)
FIRST_CONNECTION: Final = "0000000001"

# It says hello again before its lease is over, and writes down what the daemon tells of all jobs.
SCRIPT: Final = f"""\
local REPLY_PORT = {REPLY_PORT} -- the receive port of the connection
local EVERY_MS = 20000
local said = -EVERY_MS

function update()
  local now = getMillis()
  if now - said >= EVERY_MS then
    said = now
    local arguments = {{ {{ tag = 's', value = '' }}, {{ tag = 'i', value = REPLY_PORT }} }}
    sendOSC({{ '/oneshot/hello', arguments }})
  end
end

function onReceiveOSC(message, connections)
  local path, arguments = message[1], message[2]
  if path == '/oneshot/sample' then
    self.children.last.values.text = string.match(arguments[3].value, '[^/\\\\]+$')
  elseif path == '/oneshot/done' then
    self.children.status.values.text = 'done in ' .. arguments[3].value .. ' ms'
  elseif path == '/oneshot/notice' or path == '/oneshot/error' then
    self.children.status.values.text = arguments[3].value
  elseif path == '/oneshot/welcome' then
    self.children.status.values.text = 'the daemon is ' .. arguments[3].value
  end
end
"""


def layout() -> str:
    """The layout as XML."""
    pads = "".join(_pad(number) for number in range(16))
    texts = (
        _label("title", "oneshot", (MARGIN, 20, 300, 50), 36)
        + _button("kick", "punchy kick", (330, 20, 140, 50), _generate("punchy kick"))
        + _button("snare", "short snare", (480, 20, 140, 50), _generate("short snare"))
        + _label("last", "no sound yet", (MARGIN, 750, 600, 44), 24)
        + _label("status", "no daemon yet", (MARGIN, 800, 600, 40), 18)
    )
    properties = _properties(
        "oneshot", (0, 0, WIDTH, HEIGHT), DARK, [("s", "script", _text(SCRIPT))]
    )
    root = f"<includes/>{properties}<children>{texts}{pads}</children>"
    whole = _node("root", "GROUP", root)
    return f"<?xml version='1.0' encoding='UTF-8'?><lexml version='6'>{whole}</lexml>"


def _pad(number: int) -> str:
    """Pad 0 is at the lower left, as on a drum rack."""
    row, column = divmod(number, 4)
    step = PAD_SIZE + GAP
    place = (MARGIN + column * step, PADS_TOP + (3 - row) * step, PAD_SIZE, PAD_SIZE)
    hit = [
        _partial("CONSTANT", "STRING", ""),
        _partial("CONSTANT", "INTEGER", str(number)),
        _partial("VALUE", "FLOAT", "x"),  # 1 when pressed
    ]
    return _button(f"pad {number}", str(number), place, _message("/oneshot/pad/trigger", hit))


def _generate(prompt: str) -> str:
    arguments = [_partial("CONSTANT", "STRING", text) for text in ("", prompt)]
    return _message("/oneshot/generate", arguments)


def _button(name: str, label: str, place: Place, message: str) -> str:
    """A button has no caption of its own: a label lies above it and lets the touch through."""
    more = [("i", "buttonType", "0"), ("b", "outline", "1"), ("f", "cornerRadius", "4")]
    body = _properties(name, place, AMBER, more) + _values(x="0", touch="false")
    button = _node(name, "BUTTON", f"{body}<messages>{message}</messages>")
    return button + _label(f"{name} name", label, place, 22)


def _label(name: str, text: str, place: Place, size: int) -> str:
    more = [
        ("b", "background", "0"),
        ("b", "interactive", "0"),
        ("b", "outline", "0"),
        ("i", "textAlignH", "2"),
        ("i", "textAlignV", "2"),
        ("c", "textColor", _colour(WHITE)),
        ("i", "textSize", str(size)),
    ]
    body = _properties(name, place, DARK, more) + _values(text=text, touch="false")
    return _node(name, "LABEL", body)


def _message(address: str, arguments: list[str]) -> str:
    """Sent when the button's ``x`` rises."""
    return (
        "<osc><enabled>1</enabled><send>1</send><receive>0</receive><feedback>0</feedback>"
        f"<noDuplicates>0</noDuplicates><connections>{FIRST_CONNECTION}</connections>"
        f"<triggers><trigger><var>{_text('x')}</var><condition>RISE</condition></trigger></triggers>"
        f"<path>{_partial('CONSTANT', 'STRING', address)}</path>"
        f"<arguments>{''.join(arguments)}</arguments></osc>"
    )


def _partial(kind: str, conversion: str, value: str) -> str:
    return (
        f"<partial><type>{kind}</type><conversion>{conversion}</conversion>"
        f"<value>{_text(value)}</value><scaleMin>0</scaleMin><scaleMax>1</scaleMax></partial>"
    )


def _node(name: str, kind: str, body: str) -> str:
    return f"<node ID='{uuid.uuid5(NAMESPACE, name)}' type='{kind}'>{body}</node>"


def _properties(name: str, place: Place, colour: Colour, more: list[tuple[str, str, str]]) -> str:
    """In the order of their names, as the editor writes them."""
    x, y, width, height = place
    frame = f"<x>{x}</x><y>{y}</y><w>{width}</w><h>{height}</h>"
    common = [("s", "name", _text(name)), ("r", "frame", frame), ("c", "color", _colour(colour))]
    written = [
        f"<property type='{kind}'><key>{_text(key)}</key><value>{value}</value></property>"
        for kind, key, value in sorted([*common, *more], key=lambda one: one[1])
    ]
    return f"<properties>{''.join(written)}</properties>"


def _values(**defaults: str) -> str:
    written = [
        f"<value><key>{_text(key)}</key><locked>0</locked>"
        f"<lockedDefaultCurrent>0</lockedDefaultCurrent><default>{_text(default)}</default>"
        "<defaultPull>0</defaultPull></value>"
        for key, default in defaults.items()
    ]
    return f"<values>{''.join(written)}</values>"


def _colour(colour: Colour) -> str:
    red, green, blue = colour
    return f"<r>{red:g}</r><g>{green:g}</g><b>{blue:g}</b><a>1</a>"


def _text(text: str) -> str:
    return f"<![CDATA[{text}]]>"
