"""The presentation of a patcher: each box as Max draws its class, as near as is useful."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from max_for_live.canvas import Canvas, Rect, theme_color, to_color, value_text

Box = dict[str, Any]

DIAL_FROM, DIAL_TURN = 135.0, 270.0  # degrees, clockwise from three o'clock


def draw_boxes(canvas: Canvas, boxes: list[Box]) -> None:
    """Draw what is in the presentation, the last box first: the first one is on top."""
    for box in reversed(boxes):
        if box.get("presentation"):
            left, top, width, height = box["presentation_rect"]
            _CLASSES[box["maxclass"]](canvas, box, (left, top, width, height))


def _parameter(box: Box) -> dict[str, Any]:
    value: dict[str, Any] = box["saved_attribute_attributes"]["valueof"]
    return value


def _value(box: Box) -> float:
    initial = _parameter(box).get("parameter_initial", [0])
    return float(box.get("shown", initial[0]))


def _share(box: Box) -> float:
    """How far a value is along its range, 0 to 1, as the exponent bends it."""
    parameter = _parameter(box)
    low, high = parameter["parameter_mmin"], parameter["parameter_mmax"]
    share = (_value(box) - low) / (high - low)
    return float(share ** (1 / parameter.get("parameter_exponent", 1.0)))


def _color(box: Box, attribute: str, default: str) -> tuple[int, int, int, int]:
    return to_color(box[attribute]) if attribute in box else theme_color(default)


def _panel(canvas: Canvas, box: Box, rect: Rect) -> None:
    canvas.fill(rect, to_color(box["bgcolor"]), radius=box["rounded"])


def _comment(canvas: Canvas, box: Box, rect: Rect) -> None:
    left, top, width, height = rect
    size = box["fontsize"]
    canvas.text(
        str(box["text"]),
        (left + 2, top, width - 4, height),
        _color(box, "textcolor", "live_control_fg"),
        size=size,
        bold="Bold" in box["fontname"],
        lines=max(1, int(height // (1.3 * size))),
    )


def _dial(canvas: Canvas, box: Box, rect: Rect) -> None:
    left, top, width, height = rect
    share = min(1.0, max(0.0, _share(box)))
    end = DIAL_FROM + DIAL_TURN * share
    if box.get("showname") == 0:  # a ring
        middle, radius = (left + width / 2, top + height / 2), min(width, height) / 2 - 1
    else:
        parameter = _parameter(box)
        ink = theme_color("live_control_fg")
        name = parameter["parameter_shortname"]
        canvas.text(name, (left, top, width, 13), ink, centred=True)
        value = value_text(_value(box), parameter)
        canvas.text(value, (left, top + height - 13, width, 13), ink, centred=True)
        middle, radius = (left + width / 2, top + height / 2 + 1), 9.5
    whole = (DIAL_FROM, DIAL_FROM + DIAL_TURN)
    canvas.arc(middle, radius, whole, theme_color("live_control_bg"), width=2.5)
    if share > 0:
        canvas.arc(middle, radius, (DIAL_FROM, end), theme_color("live_value_arc"), width=2.5)
    canvas.needle(middle, radius, end, _color(box, "activeneedlecolor", "live_control_fg"))


def _number(canvas: Canvas, box: Box, rect: Rect) -> None:
    canvas.fill(rect, theme_color("live_control_bg"))
    text = value_text(_value(box), _parameter(box))
    canvas.text(text, rect, theme_color("live_control_fg"), centred=True)


def _menu(canvas: Canvas, box: Box, rect: Rect) -> None:
    words = _parameter(box)["parameter_enum"]
    _menu_of(canvas, words[round(_value(box))], rect)


def _list(canvas: Canvas, box: Box, rect: Rect) -> None:
    items = [item for item in box["items"] if item != ","]
    _menu_of(canvas, str(items[int(box.get("shown", 0))]), rect)


def _menu_of(canvas: Canvas, text: str, rect: Rect) -> None:
    left, top, width, height = rect
    canvas.fill(rect, theme_color("live_control_bg"))
    ink = theme_color("live_control_fg")
    canvas.text(text, (left + 4, top, width - 18, height), ink)
    canvas.triangle((left + width - 8, top + height / 2), ink)


def _tabs(canvas: Canvas, box: Box, rect: Rect) -> None:
    left, top, width, height = rect
    words = _parameter(box)["parameter_enum"]
    wide = width / len(words)
    for number, word in enumerate(words):
        part = (left + number * wide, top, wide - 1, height)
        _button_of(canvas, word, part, on=number == round(_value(box)))


def _text(canvas: Canvas, box: Box, rect: Rect) -> None:
    if box.get("active") == 0:
        canvas.fill(rect, theme_color("live_surface_bg"), outline=theme_color("live_control_bg"))
        canvas.text(box["text"], rect, theme_color("live_control_bg"), centred=True)
    elif "activebgcolor" in box:
        canvas.fill(rect, to_color(box["activebgcolor"]), radius=box["rounded"] / 2)
        ink = to_color(box["activetextcolor"])
        canvas.text(box["text"], rect, ink, size=box["fontsize"], bold=True, centred=True)
    else:
        on = bool(box["mode"]) and _value(box) == 1
        text = box["texton"] if on else box["text"]
        _button_of(canvas, text, rect, on=on, size=box.get("fontsize", 9.5))


def _button_of(canvas: Canvas, text: str, rect: Rect, *, on: bool, size: float = 9.5) -> None:
    background = "live_control_selection" if on else "live_control_bg"
    canvas.fill(rect, theme_color(background), radius=1)
    ink = theme_color("live_control_fg_on" if on else "live_control_fg")
    canvas.text(text, rect, ink, size=size, centred=True)


def _field(canvas: Canvas, box: Box, rect: Rect) -> None:
    left, top, width, height = rect
    outline = to_color(box["bordercolor"])
    canvas.fill(rect, to_color(box["bgcolor"]), radius=box["rounded"], outline=outline)
    inside = (left + 5, top, width - 10, height)
    canvas.text(str(box["text"]), inside, to_color(box["textcolor"]), size=box["fontsize"])


def _bar(canvas: Canvas, box: Box, rect: Rect) -> None:
    left, top, width, height = rect
    canvas.fill(rect, to_color(box["bgcolor"]))
    share = float(box.get("shown", 0.0))
    canvas.fill((left, top, width * share, height), to_color(box["slidercolor"]))


def _waveform(canvas: Canvas, box: Box, rect: Rect) -> None:
    canvas.fill(rect, to_color(box["bgcolor"]))
    canvas.waveform(rect, box.get("shown", [0.0] * 100), to_color(box["waveformcolor"]))


_CLASSES: Final[Mapping[str, Callable[[Canvas, Box, Rect], None]]] = {
    "panel": _panel,
    "live.comment": _comment,
    "live.dial": _dial,
    "live.numbox": _number,
    "live.menu": _menu,
    "live.tab": _tabs,
    "live.text": _text,
    "umenu": _list,
    "textedit": _field,
    "multislider": _bar,
    "waveform~": _waveform,
}
