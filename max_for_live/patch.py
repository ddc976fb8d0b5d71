"""A patch while it is written: boxes, cords between them, and the patcher that comes of it."""

import itertools
from collections.abc import Sequence
from typing import Any, Final

from max_for_live.amxd import DeviceType, amxd_type_number
from max_for_live.objects import ports

Json = dict[str, Any]

FONT: Final = "Ableton Sans Medium"
TEXT_WIDTH: Final = 7  # pixels a letter, so that a box in the edit view is wide enough
PROJECT_DATE: Final = 3590052786
"""The date in every project block of Max's own template: files must not depend on the day."""


class Patch:
    """Boxes and cords, in the order in which they were added.

    The first box is on top in the presentation.
    """

    def __init__(self) -> None:
        self._boxes: list[Json] = []
        self._cords: list[Json] = []

    def add(self, box: Json, at: tuple[int, int], *, size: tuple[int, int] = (120, 20)) -> str:
        """Put a box into the edit view; what it returns is for ``connect``."""
        identifier = f"obj-{len(self._boxes) + 1}"
        placed = {"id": identifier, "patching_rect": [float(x) for x in (*at, *size)]}
        self._boxes.append(box | placed)
        return identifier

    def object(self, text: str, at: tuple[int, int], **attributes: object) -> str:
        """Put an object there by its text: ``prepend osc``."""
        count = ports(text)
        box: Json = {
            "maxclass": "newobj",
            "text": text,
            "numinlets": count.inlets,
            "numoutlets": len(count.outlets),
        }
        if count.outlets:
            box["outlettype"] = list(count.outlets)
        return self.add(box | attributes, at, size=(max(32, TEXT_WIDTH * len(text) + 8), 20))

    def message(self, text: str, at: tuple[int, int]) -> str:
        """Put a message box there."""
        return self.add(standard("message") | {"text": text}, at, size=(max(32, 7 * len(text)), 20))

    def note(self, text: str, at: tuple[int, int], *, width: int = 560) -> None:
        """Put a remark there, for whoever opens the patch."""
        self.add(standard("comment") | {"text": text}, at, size=(width, 20))

    def connect(self, source: str, outlet: int, destination: str, inlet: int = 0) -> str:
        """Lay a cord; returns the destination, so that a chain reads from left to right."""
        cord = {"source": [source, outlet], "destination": [destination, inlet]}
        self._cords.append({"patchline": cord})
        return destination

    def chain(self, *identifiers: str) -> None:
        """Lay cords from first outlet to first inlet, one after the other."""
        for source, destination in itertools.pairwise(identifiers):
            self.connect(source, 0, destination)

    @property
    def boxes(self) -> Sequence[Json]:
        """All boxes so far."""
        return self._boxes

    def patcher(
        self, *, device_type: DeviceType, size: tuple[int, int], banks: Sequence[Json]
    ) -> Json:
        """The whole as Max reads it.

        Args:
            device_type: audio or MIDI effect.
            size: of the device, pixels.
            banks: Push's, each with ``name`` and ``parameters``, long names or ``-``.
        """
        width, height = size
        parameters: Json = {
            box["id"]: [
                box["saved_attribute_attributes"]["valueof"][key]
                for key in ("parameter_longname", "parameter_shortname")
            ]
            + [0]
            for box in self._boxes
            if "valueof" in box.get("saved_attribute_attributes", {})
        }
        parameters["parameterbanks"] = {
            str(number): {"index": number, **bank} for number, bank in enumerate(banks)
        }
        parameters["inherited_shortname"] = 1
        return {
            "fileversion": 1,
            "appversion": {
                "major": 9,
                "minor": 0,
                "revision": 10,
                "architecture": "x64",
                "modernui": 1,
            },
            "classnamespace": "box",
            "rect": [60.0, 100.0, 1300.0, 760.0],
            "openrect": [0.0, 0.0, float(width), float(height)],
            "openinpresentation": 1,
            "default_fontsize": 10.0,
            "default_fontname": FONT,
            "gridsize": [8.0, 8.0],
            "devicewidth": float(width),
            "boxes": [{"box": box} for box in self._boxes],
            "lines": list(self._cords),
            "parameters": parameters,
            "dependency_cache": [],
            "latency": 0,
            "is_mpe": 0,
            "external_mpe_tuning_enabled": 0,
            "minimum_live_version": "",
            "minimum_max_version": "",
            "platform_compatibility": 0,
            "project": {
                "version": 1,
                "creationdate": PROJECT_DATE,
                "modificationdate": PROJECT_DATE,
                "viewrect": [0.0, 0.0, 300.0, 500.0],
                "autoorganize": 1,
                "hideprojectwindow": 1,
                "showdependencies": 1,
                "autolocalize": 0,
                "contents": {"patchers": {}},
                "layout": {},
                "searchpath": {},
                "detailsvisible": 0,
                "amxdtype": amxd_type_number(device_type),
                "readonly": 0,
                "devpathtype": 0,
                "devpath": ".",
                "sortmode": 0,
                "viewmode": 0,
                "includepackages": 0,
            },
            "autosave": 0,
        }


def standard(maxclass: str) -> Json:
    """What every box of a class of the interface has."""
    count = ports(maxclass)
    box: Json = {
        "maxclass": maxclass,
        "numinlets": count.inlets,
        "numoutlets": len(count.outlets),
    }
    if count.outlets:
        box["outlettype"] = list(count.outlets)
    return box
