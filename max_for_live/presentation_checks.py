"""What is wrong with where things are."""

import itertools

from max_for_live.decode import Device
from max_for_live.reading import Box, name_of


def presentation_faults(device: Device) -> list[str]:
    """Rectangles that overlap, leave the device or their panel, or are no whole pixels."""
    faults = []
    _, _, width, height = device.patcher["openrect"]
    shown = [box for box in device.boxes if box.get("presentation")]
    if not device.patcher["openinpresentation"]:
        faults.append("the device does not open in presentation")
    for box in shown:
        left, top, right, bottom = _edges(box)
        if any(value != int(value) for value in box["presentation_rect"]):
            faults.append(f"{name_of(box)} is not on whole pixels: {box['presentation_rect']}")
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            faults.append(f"{name_of(box)} is not inside the device: {box['presentation_rect']}")
    panels = [box for box in shown if box["maxclass"] == "panel"]
    others = [box for box in shown if box["maxclass"] != "panel"]
    for one, other in itertools.combinations(others, 2):
        if _overlap(one, other):
            faults.append(f"{name_of(one)} overlaps {name_of(other)}")
    for panel, box in itertools.product(panels, others):
        if _overlap(panel, box) and not _inside(box, panel):
            faults.append(f"{name_of(box)} is half on a panel")
        if _overlap(panel, box) and device.boxes.index(panel) < device.boxes.index(box):
            faults.append(f"{name_of(box)} is behind its panel")
    return faults


def edit_view_faults(device: Device) -> list[str]:
    """Boxes that hide each other from whoever opens the patch to read it."""
    boxes = [box | {"presentation_rect": box["patching_rect"]} for box in device.boxes]
    return [
        f"{name_of(one)} hides {name_of(other)} in the edit view"
        for one, other in itertools.combinations(boxes, 2)
        if _overlap(one, other)
    ]


def _edges(box: Box) -> tuple[float, float, float, float]:
    left, top, width, height = box["presentation_rect"]
    return left, top, left + width, top + height


def _overlap(one: Box, other: Box) -> bool:
    left, top, right, bottom = _edges(one)
    other_left, other_top, other_right, other_bottom = _edges(other)
    return left < other_right and other_left < right and top < other_bottom and other_top < bottom


def _inside(box: Box, panel: Box) -> bool:
    left, top, right, bottom = _edges(box)
    panel_left, panel_top, panel_right, panel_bottom = _edges(panel)
    return (
        panel_left <= left and panel_top <= top and right <= panel_right and bottom <= panel_bottom
    )
