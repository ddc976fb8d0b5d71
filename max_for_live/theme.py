"""Colours by their names in Live's themes.

A box keeps the name (Live sets the colour of the running theme) and one colour to start with. The
values are near those of Live 12's dark themes; pictures are drawn with them.
"""

from collections.abc import Mapping
from typing import Any, Final

COLORS: Final[Mapping[str, tuple[float, float, float, float]]] = {
    "live_surface_bg": (0.275, 0.275, 0.275, 1.0),
    "live_control_bg": (0.118, 0.118, 0.118, 1.0),
    "live_control_fg": (0.71, 0.71, 0.71, 1.0),
    "live_control_fg_on": (0.063, 0.063, 0.063, 1.0),
    "live_control_selection": (1.0, 0.694, 0.0, 1.0),
    "live_lcd_bg": (0.086, 0.086, 0.086, 1.0),
    "live_lcd_frame": (0.165, 0.165, 0.165, 1.0),
    "live_lcd_control_fg": (1.0, 0.71, 0.196, 1.0),
    "live_lcd_control_fg_zombie": (0.545, 0.545, 0.545, 1.0),
    "live_value_arc": (0.012, 0.765, 0.835, 1.0),
    "live_output_curve_color": (0.012, 0.765, 0.835, 1.0),
}


def themed(**attributes: str) -> dict[str, Any]:
    """Attributes of a box from names of colours: ``themed(textcolor="live_control_fg")``."""
    return {attribute: list(COLORS[name]) for attribute, name in attributes.items()} | {
        "saved_attribute_attributes": {
            attribute: {"expression": f"themecolor.{name}"}
            for attribute, name in attributes.items()
        }
    }
