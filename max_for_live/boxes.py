"""Controls to boxes: what Max is to draw for each kind."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from max_for_live.controls import Control, Heading, Panel
from max_for_live.patch import FONT, Json, standard
from max_for_live.theme import themed

TYPES: Final = {"float": 0, "int": 1, "enum": 2, "blob": 3}
VISIBILITIES: Final = {"automated": 0, "stored": 1, "hidden": 2}
UNIT_INT, UNIT_FLOAT, UNIT_NOTE, UNIT_CUSTOM = 0, 1, 8, 9
MODULATIONS: Final = {"float": 2, "int": 4}  # bipolar, absolute: as Ableton chooses
MOUSE_DOWN, MOUSE_UP = 0, 1
AUDITION_BUFFER: Final = "---aud"  # Max makes --- a number of the device's own


def control_box(control: Control) -> Json:
    """The box of a control, with its parameter, its place and its info text."""
    box = _KINDS[control.kind](control)
    if control.kind == "value":
        return box
    assert control.rect
    box |= {
        "varname": control.name,
        "annotation": control.annotation,
        "annotation_name": control.long or control.title,
        "presentation": 1,
        "presentation_rect": [float(x) for x in control.rect],
    }
    return box


def panel_box(panel: Panel) -> Json:
    """A coloured rectangle; it must be added after what stands on it."""
    colors = themed(bgfillcolor=panel.color)
    return {
        **standard("panel"),
        "angle": 270.0,
        "bgcolor": colors["bgfillcolor"],
        "mode": 0,
        "proportion": 0.39,
        "rounded": 4,
        "saved_attribute_attributes": colors["saved_attribute_attributes"],
        "presentation": 1,
        "presentation_rect": [float(x) for x in panel.rect],
    }


def heading_box(heading: Heading) -> Json:
    """A word above a control."""
    return {
        **standard("live.comment"),
        "text": heading.text,
        "textjustification": 0,
        "fontname": FONT,
        "fontsize": 9.5,
        "presentation": 1,
        "presentation_rect": [float(x) for x in heading.rect],
    }


def _parameter(control: Control) -> Json:
    """The parameter's attributes, as Max saves them."""
    low, high = control.range
    value: Json = {
        "parameter_annotation_name": control.long,
        "parameter_info": control.annotation,
        "parameter_invisible": VISIBILITIES[control.visibility],
        "parameter_longname": control.long,
        "parameter_modmode": MODULATIONS.get(control.type, 0)
        if control.visibility == "automated"
        else 0,
        "parameter_shortname": control.short,
        "parameter_type": TYPES[control.type],
    }
    if control.type == "enum":
        value |= {
            "parameter_enum": list(control.words),
            "parameter_mmax": len(control.words) - 1,
            "parameter_unitstyle": UNIT_CUSTOM,
        }
    elif control.type in ("float", "int"):
        number = int if control.type == "int" else float
        value |= {"parameter_mmin": number(low), "parameter_mmax": number(high)}
        value |= _unit(control)
        if control.exponent != 1.0:
            value["parameter_exponent"] = control.exponent
    if control.default is not None:
        value |= {"parameter_initial": [control.default], "parameter_initial_enable": 1}
    return value


def _unit(control: Control) -> Json:
    if control.midi_note:
        return {"parameter_unitstyle": UNIT_NOTE}
    if control.unit:
        return {"parameter_unitstyle": UNIT_CUSTOM, "parameter_units": control.unit}
    whole = control.integer or control.type == "int"
    return {"parameter_unitstyle": UNIT_INT if whole else UNIT_FLOAT}


def _with_parameter(control: Control, attributes: Json) -> Json:
    saved = attributes.pop("saved_attribute_attributes", {})
    return {
        **attributes,
        "parameter_enable": 1,
        "saved_attribute_attributes": saved | {"valueof": _parameter(control)},
    }


def _dial(control: Control) -> Json:
    return _with_parameter(control, standard("live.dial"))


def _number(control: Control) -> Json:
    return _with_parameter(control, standard("live.numbox"))


def _menu(control: Control) -> Json:
    return _with_parameter(control, standard("live.menu"))


def _tabs(control: Control) -> Json:
    lines = {"num_lines_patching": 1, "num_lines_presentation": 1, "livemode": 1}
    return _with_parameter(control, standard("live.tab") | lines)


def _text_button(control: Control, *, mode: int) -> Json:
    words = control.words or ("Off", "On")
    box = standard("live.text") | {
        "mode": mode,
        "outputmode": MOUSE_DOWN if control.look in ("instant", "pad") else MOUSE_UP,
        "automation": words[0],
        "automationon": words[1],
        "text": control.text,
        "texton": control.text_on or control.text,
    }
    if control.look == "big":
        box |= {"fontname": "Ableton Sans Bold", "fontsize": 13.0, "rounded": 6.0}
        box |= themed(activebgcolor="live_value_arc", activetextcolor="live_control_fg_on")
    if control.look == "pad":
        box["fontsize"] = 8.5
    return _with_parameter(replace(control, type="enum", words=words), box)


def _button(control: Control) -> Json:
    return _text_button(control, mode=0)


def _toggle(control: Control) -> Json:
    return _text_button(control, mode=1)


def _text(control: Control) -> Json:
    box = standard("textedit") | {
        "text": str(control.default),
        "keymode": 1,  # Return ends the input, it makes no new line
        "lines": 1,
        "outputmode": 1,  # one symbol, however many words
        "wordwrap": 0,
        "fontname": FONT,
        "fontsize": 11.0,
        "rounded": 3.0,
    }
    colors = themed(
        bgcolor="live_lcd_bg", textcolor="live_lcd_control_fg", bordercolor="live_lcd_frame"
    )
    return _with_parameter(control, box | colors)


def _list(control: Control) -> Json:
    # No parameter: what it holds comes from the daemon and changes while the set is open.
    box = standard("umenu") | {
        "items": [str(control.default)],
        "parameter_enable": 0,
        "fontname": FONT,
        "fontsize": 9.5,
        "rounded": 0.0,
    }
    colors = themed(bgfillcolor="live_control_bg", textcolor="live_control_fg")
    return box | {
        "bgfillcolor_type": "color",
        "bgfillcolor_color": colors.pop("bgfillcolor"),
        **colors,
    }


def _value(control: Control) -> Json:
    text = f"pattr {control.name}"
    return _with_parameter(
        control,
        standard("pattr")
        | {
            "maxclass": "newobj",
            "text": text,
            "varname": control.name,
            "saved_object_attributes": {"parameter_enable": 1, "parameter_mappable": 0},
        },
    )


def _bar(control: Control) -> Json:
    del control  # all bars are alike
    return {
        **standard("multislider"),
        "parameter_enable": 0,  # a parameter would fill the undo history
        "ignoreclick": 1,
        "orientation": 0,
        "setminmax": [0.0, 1.0],
        "setstyle": 1,
        "size": 1,
        **themed(bgcolor="live_lcd_bg", slidercolor="live_value_arc"),
    }


def _ring(control: Control) -> Json:
    box = standard("live.dial") | {
        "appearance": 0,
        "showname": 0,
        "shownumber": 0,
        "ignoreclick": 1,
        "activeneedlecolor": [0.0, 0.0, 0.0, 0.0],  # none: it is no dial to turn
        "saved_attribute_attributes": {"activeneedlecolor": {"expression": ""}},
    }
    return _with_parameter(control, box)


def _label(control: Control) -> Json:
    colors = {
        "bold": themed(textcolor="live_lcd_control_fg"),
        "lcd": themed(textcolor="live_lcd_control_fg"),
        "faint": themed(textcolor="live_lcd_control_fg_zombie"),
    }
    return {
        **standard("live.comment"),
        "text": control.text,
        "textjustification": 0,
        "fontname": "Ableton Sans Bold" if control.look == "bold" else FONT,
        "fontsize": 11.0 if control.look == "bold" else 9.5,
        **colors[control.look],
    }


def _waveform(control: Control) -> Json:
    del control  # there is one
    off = dict.fromkeys(("allowdrag", "labels", "ruler", "vlabels", "vticks", "ticks"), 0)
    return {
        **standard("waveform~"),
        **off,
        "buffername": AUDITION_BUFFER,
        "grid": 0.0,
        "ignoreclick": 1,
        "setmode": 0,
        **themed(
            bgcolor="live_lcd_bg",
            bordercolor="live_lcd_bg",
            waveformcolor="live_output_curve_color",
        ),
    }


_KINDS: Final[Mapping[str, Callable[[Control], dict[str, Any]]]] = {
    "text": _text,
    "dial": _dial,
    "number": _number,
    "menu": _menu,
    "tabs": _tabs,
    "list": _list,
    "toggle": _toggle,
    "button": _button,
    "value": _value,
    "bar": _bar,
    "ring": _ring,
    "label": _label,
    "waveform": _waveform,
}
