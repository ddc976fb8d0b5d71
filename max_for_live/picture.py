"""``python -m max_for_live.picture``: draw a built device as it looks in Live.

It is no screenshot: places, texts and values are those of the file; how Max draws each class is
imitated. A file of the script's messages shows a state: one JSON list a line, as the script sends
it to the patch, ``["status", "text", "Ready"]``. A WAV is shown where Max shows the audition's
buffer.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from max_for_live.build import FOLDER
from max_for_live.canvas import Canvas
from max_for_live.decode import Device, decode_amxd
from max_for_live.drawing import draw_boxes

SCALE = 3
WAVE_COLUMNS = 452


def draw_device(device: Device, target: Path, *, scale: int = SCALE) -> None:
    """Draw a device's presentation into a PNG."""
    _, _, width, height = device.patcher["openrect"]
    canvas = Canvas((int(width), int(height)), scale)
    draw_boxes(canvas, device.boxes)
    canvas.save(target)


def show(device: Device, messages: Iterable[list[Any]]) -> None:
    """Do to the boxes what a script's messages would.

    Raises:
        KeyError: no control has that name.
        ValueError: no such verb.
    """
    boxes = {box["varname"]: box for box in device.boxes if "varname" in box}
    for name, verb, *values in messages:
        box = boxes[name]
        match verb:
            case "set" if box["maxclass"] == "textedit":
                box["text"] = values[0]
            case "set":
                box["shown"] = values if len(values) > 1 else values[0]
            case "text":
                box["text"] = values[0]
            case "color":
                box["textcolor"] = values
            case "active":
                box["active"] = values[0]
            case "menu" if values == ["clear"]:
                box["items"] = []
            case "menu":
                box["items"] += [",", values[1]] if box["items"] else [values[1]]
            case _:
                raise ValueError(f"{verb} of {name}, expected set, text, color, active or menu")


def levels(sound: Path, columns: int) -> list[float]:
    """The highest level of a sound in each of so many columns, 0 to 1."""
    audio, _ = soundfile.read(sound, always_2d=True)
    parts = np.array_split(np.abs(audio).max(axis=1), columns)
    return [float(part.max(initial=0.0)) for part in parts]


def main() -> None:
    """Draw one device."""
    parser = argparse.ArgumentParser(description="Draw a built Max for Live device.")
    parser.add_argument("device", type=Path, nargs="?", default=FOLDER / "Oneshot.amxd")
    parser.add_argument("--messages", type=Path, help="the script's messages that make a state")
    parser.add_argument("--sound", type=Path, help="a WAV that is shown")
    parser.add_argument("--out", type=Path, help="the PNG (default: beside the device)")
    arguments = parser.parse_args()
    device = decode_amxd(arguments.device.read_bytes())
    if arguments.messages:
        lines = arguments.messages.read_text(encoding="utf-8").splitlines()
        show(device, (json.loads(line) for line in lines if line.strip()))
    if arguments.sound:
        show(device, [["waveform", "set", *levels(arguments.sound, WAVE_COLUMNS)]])
    draw_device(device, arguments.out or arguments.device.with_suffix(".png"))


if __name__ == "__main__":
    main()
