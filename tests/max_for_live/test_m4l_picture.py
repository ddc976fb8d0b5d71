"""The picture of a device."""

from pathlib import Path

import pytest
from PIL import Image

from max_for_live.build import build_device
from max_for_live.controls import read_devices
from max_for_live.decode import decode_amxd
from max_for_live.picture import draw_device, show


@pytest.mark.parametrize("name", read_devices())
def test_a_picture_has_the_devices_size_and_is_not_empty(name: str, tmp_path: Path) -> None:
    draw_device(decode_amxd(build_device(name)), tmp_path / "a.png", scale=2)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (2 * read_devices()[name].width, 2 * 169)
        assert len(image.getcolors(100_000)) > 20


def test_messages_of_the_script_change_it_where_their_control_is(tmp_path: Path) -> None:
    device = decode_amxd(build_device("Oneshot"))
    draw_device(device, tmp_path / "before.png", scale=1)
    show(device, [["progress", "set", 1.0], ["level_0", "set", 1.0], ["keep", "set", 1]])
    draw_device(device, tmp_path / "after.png", scale=1)
    rects = {box.get("varname"): box.get("presentation_rect") for box in device.boxes}
    with Image.open(tmp_path / "before.png") as before, Image.open(tmp_path / "after.png") as after:
        for name, changed in (
            ("progress", True),
            ("level_0", True),
            ("keep", True),
            ("load", False),
        ):
            left, top, width, height = rects[name]
            area = (int(left), int(top), int(left + width), int(top + height))
            assert (before.crop(area).tobytes() != after.crop(area).tobytes()) == changed


def test_a_message_to_no_control_is_refused() -> None:
    with pytest.raises(KeyError, match="nothing"):
        show(decode_amxd(build_device("Oneshot")), [["nothing", "set", 1]])
