"""The picture of a device."""

from pathlib import Path

import pytest
import soundfile
from PIL import Image

from max_for_live.build import build_device
from max_for_live.canvas import Canvas
from max_for_live.controls import read_devices
from max_for_live.decode import decode_amxd
from max_for_live.picture import draw_device, levels, show


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


def test_a_sound_is_shown_by_its_levels(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", [0.0, 0.5, -1.0, 0.25], 44100, subtype="FLOAT")
    assert levels(tmp_path / "a.wav", 2) == [0.5, 1.0]


TEXT_SIZES = {"usual": 9.5, "big": 13.0, "bold": 11.0, "pad": 8.5}


@pytest.mark.parametrize("name", read_devices())
def test_words_that_never_change_are_not_cut(name: str) -> None:
    canvas = Canvas((1, 1), 4)
    device = read_devices()[name]
    words = [(heading.text, heading.rect, 9.5) for heading in device.headings]
    for control in device.each():
        size = TEXT_SIZES.get(control.look, 9.5)
        if control.kind in ("button", "toggle", "label"):
            words += [(text, control.rect, size) for text in (control.text, control.text_on)]
        if control.kind == "dial":
            words.append((control.short, control.rect, 9.5))
        if control.kind == "menu":
            arrow = (0, 0, control.rect[2] - 14, 0)
            words += [(word, arrow, 9.5) for word in control.words]
    assert [text for text, rect, size in words if canvas.width(text, size) > rect[2] - 4] == []


def test_a_message_to_no_control_is_refused() -> None:
    with pytest.raises(KeyError, match="nothing"):
        show(decode_amxd(build_device("Oneshot")), [["nothing", "set", 1]])
