"""What the picture is drawn with: rectangles, arcs and text in a device's pixels, made larger."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from PIL import Image, ImageDraw, ImageFont

from max_for_live.theme import COLORS

Color = tuple[int, int, int, int]
Rect = tuple[float, float, float, float]

SIGNS: Final = Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
"""For signs that Pillow's own font lacks, such as a star."""


def theme_color(name: str) -> Color:
    """A theme's colour."""
    return to_color(COLORS[name])


def to_color(rgba: Any) -> Color:  # noqa: ANN401 - from a patcher's JSON
    """Red, green, blue and opacity from 0 to 1."""
    red, green, blue, opacity = (round(255 * float(part)) for part in rgba)
    return red, green, blue, opacity


class Canvas:
    """A device's surface.

    Args:
        size: pixels of the device.
        scale: how much larger it is drawn.
    """

    def __init__(self, size: tuple[int, int], scale: int) -> None:
        self._scale = scale
        self._image = Image.new(
            "RGB", (size[0] * scale, size[1] * scale), theme_color("live_surface_bg")[:3]
        )
        self._draw = ImageDraw.Draw(self._image, "RGBA")

    def save(self, path: Path) -> None:
        """Write a PNG."""
        self._image.save(path, format="PNG")

    def fill(
        self, rect: Rect, color: Color, *, radius: float = 0.0, outline: Color | None = None
    ) -> None:
        """A rectangle, its corners rounded or not."""
        left, top, width, height = (value * self._scale for value in rect)
        if width < 1 or height < 1:
            return
        self._draw.rounded_rectangle(
            (left, top, left + width - 1, top + height - 1),
            radius * self._scale,
            fill=color,
            outline=outline,
            width=self._scale // 2 or 1,
        )

    def arc(
        self, middle: tuple[float, float], radius: float, turn: tuple[float, float], color: Color,
        *, width: float,
    ) -> None:  # fmt: skip
        """A part of a circle, degrees clockwise from three o'clock."""
        x, y, size = middle[0] * self._scale, middle[1] * self._scale, radius * self._scale
        box = (x - size, y - size, x + size, y + size)
        self._draw.arc(box, *turn, fill=color, width=round(width * self._scale))

    def needle(
        self, middle: tuple[float, float], radius: float, degrees: float, color: Color
    ) -> None:
        """A line from the middle."""
        x, y = middle
        angle = math.radians(degrees)
        end = (x + radius * math.cos(angle), y + radius * math.sin(angle))
        points = [tuple(part * self._scale for part in point) for point in (middle, end)]
        self._draw.line(points, fill=color, width=round(1.5 * self._scale))

    def triangle(self, middle: tuple[float, float], color: Color) -> None:
        """A small one that points down."""
        x, y = middle
        points = [(x - 3, y - 1.5), (x + 3, y - 1.5), (x, y + 2)]
        self._draw.polygon(
            [tuple(part * self._scale for part in point) for point in points], fill=color
        )

    def text(
        self,
        text: str,
        rect: Rect,
        color: Color,
        *,
        size: float = 9.5,
        bold: bool = False,
        centred: bool = False,
        lines: int = 1,
    ) -> None:
        """Words in a rectangle, cut with an ellipsis where Max would cut them."""
        left, top, width, height = rect
        rows = self._wrap(text, width, size) if lines > 1 else [text]
        rows = [self._cut(row, width, size) for row in rows[:lines]]
        row_height = height if lines == 1 else size * 1.3
        for number, row in enumerate(rows):
            wide = self.width(row, size)
            start = left + (width - wide) / 2 if centred else left
            y = top + number * row_height + row_height / 2
            self._put(row, start, y, size, color, bold=bold)

    def waveform(self, rect: Rect, wave: list[float], color: Color) -> None:
        """Levels from 0 to 1, mirrored."""
        left, top, width, height = rect
        middle = top + height / 2
        step = width / max(1, len(wave))
        for number, level in enumerate(wave):
            half = max(0.25, level * height / 2)
            self.fill((left + number * step, middle - half, step, 2 * half), color)

    def _put(
        self, text: str, left: float, middle: float, size: float, color: Color, *, bold: bool
    ) -> None:
        for letter in text:
            font = self._font(letter, size)
            for shift in (0.0, 0.3) if bold else (0.0,):
                at = ((left + shift) * self._scale, middle * self._scale)
                self._draw.text(at, letter, fill=color, font=font, anchor="lm")
            left += font.getlength(letter) / self._scale

    def _font(self, letter: str, size: float) -> Any:  # noqa: ANN401 - Pillow has two font types
        if ord(letter) >= 0x2010:
            return ImageFont.truetype(SIGNS, round(0.9 * size * self._scale))
        return ImageFont.load_default(round(size * self._scale))

    def width(self, text: str, size: float) -> float:
        """How wide a text is, device pixels; near what Live's own font takes."""
        wide = sum(self._font(letter, size).getlength(letter) for letter in text)
        return float(wide) / self._scale

    def _cut(self, text: str, width: float, size: float) -> str:
        if self.width(text, size) <= width:
            return text
        while text and self.width(text + "…", size) > width:
            text = text[:-1]
        return text + "…"

    def _wrap(self, text: str, width: float, size: float) -> list[str]:
        rows = [""]
        for word in text.split():
            longer = f"{rows[-1]} {word}".strip()
            if self.width(longer, size) <= width:
                rows[-1] = longer
            else:
                rows.append(word)
        return rows


def value_text(value: float, attributes: Mapping[str, Any]) -> str:
    """A parameter's value as its unit has it."""
    match attributes.get("parameter_unitstyle"):
        case 0:
            return str(round(value))
        case 8:
            names = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
            return f"{names[round(value) % 12]}{round(value) // 12 - 2}"
        case 9:
            return str(attributes["parameter_units"] % value)
        case _:
            return f"{value:.2f}"
