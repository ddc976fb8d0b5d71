"""The built devices have none of the faults that can be found without Max, and each is found."""

import copy
from functools import cache

import pytest

from max_for_live.build import build_device
from max_for_live.checks import CHECKS
from max_for_live.controls import read_devices
from max_for_live.decode import Device, decode_amxd


@cache
def built(name: str) -> Device:
    return decode_amxd(build_device(name))


@pytest.fixture
def device() -> Device:
    """A device of one's own to break."""
    return copy.deepcopy(built("Oneshot"))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", read_devices())
def test_the_device_has_no_fault(name: str, check: str) -> None:
    assert CHECKS[check](built(name)) == []


def box(device: Device, name: str) -> dict:
    """A box by its scripting name, its text or its class."""
    return next(
        box
        for box in device.boxes
        if name in (box.get("varname"), box.get("text"), box["maxclass"])
    )


def cord(device: Device, number: int = 0) -> dict:
    return device.patcher["lines"][number]["patchline"]


def value(device: Device, name: str) -> dict:
    return box(device, name)["saved_attribute_attributes"]["valueof"]


def in_script(device: Device, old: str, new: str) -> None:
    script = box(device, "v8.codebox")
    assert script["code"].count(old) >= 1, f"the script has no {old}"
    script["code"] = script["code"].replace(old, new)


def to_outlet_seven(device: Device) -> None:
    cord(device)["source"][1] = 7


def to_inlet_one_of_a_prepend(device: Device) -> None:
    prepend = box(device, "prepend osc")["id"]
    line = next(c for n in range(999) if (c := cord(device, n))["destination"][0] == prepend)
    line["destination"][1] = 1


def to_a_box_that_is_gone(device: Device) -> None:
    cord(device)["destination"][0] = "obj-9999"


def one_outlet_too_few(device: Device) -> None:
    box(device, "waveform~")["numoutlets"] = 5


def a_cord_laid_twice(device: Device) -> None:
    device.patcher["lines"].append(copy.deepcopy(device.patcher["lines"][0]))


def two_cords_from_one_outlet(device: Device) -> None:
    source = box(device, "live.thisdevice")["id"]
    target = box(device, "loaded")["id"]
    line = {"source": [source, 0], "destination": [target, 0]}
    device.patcher["lines"].append({"patchline": line})


def all_cords_of_a_label_cut(device: Device) -> None:
    label = box(device, "status")["id"]
    device.patcher["lines"] = [
        line for line in device.patcher["lines"] if line["patchline"]["destination"][0] != label
    ]


def a_name_that_nobody_receives(device: Device) -> None:
    box(device, "s ---recall")["text"] = "s ---recal"


def a_buffer_of_all_devices(device: Device) -> None:
    box(device, "buffer~ ---aud")["text"] = "buffer~ aud"


def a_waveform_of_all_devices(device: Device) -> None:
    box(device, "waveform~")["buffername"] = "aud"


def two_long_names_alike(device: Device) -> None:
    value(device, "count")["parameter_longname"] = "Guidance"


def two_scripting_names_alike(device: Device) -> None:
    box(device, "count")["varname"] = "guidance"


def a_name_of_max(device: Device) -> None:
    value(device, "count")["parameter_longname"] = "live.dial[1]"


def an_int_beyond_255(device: Device) -> None:
    value(device, "count")["parameter_mmax"] = 256


def a_seed_that_is_not_exact(device: Device) -> None:
    value(device, "seed")["parameter_mmax"] = 2.0**31


def an_enum_of_one_word_more(device: Device) -> None:
    value(device, "brightness")["parameter_enum"].append("shiny")


def a_bank_of_a_hidden_parameter(device: Device) -> None:
    device.patcher["parameters"]["parameterbanks"]["0"]["parameters"][0] = "Train"


def a_bank_of_nine(device: Device) -> None:
    device.patcher["parameters"]["parameterbanks"]["0"]["parameters"].append("-")


def no_info_text(device: Device) -> None:
    box(device, "keep")["annotation"] = ""


def no_headline(device: Device) -> None:
    box(device, "lora")["annotation_name"] = ""


def on_half_a_pixel(device: Device) -> None:
    box(device, "train")["presentation_rect"][0] += 0.5


def out_of_the_device(device: Device) -> None:
    box(device, "train")["presentation_rect"][1] = 160.0


def onto_its_neighbour(device: Device) -> None:
    box(device, "train")["presentation_rect"][0] -= 5.0


def half_off_the_panel(device: Device) -> None:
    box(device, "target")["presentation_rect"][1] += 5.0


def behind_the_panel(device: Device) -> None:
    device.patcher["boxes"].insert(0, device.patcher["boxes"].pop())


def one_object_onto_another(device: Device) -> None:
    box(device, "live.banks")["patching_rect"] = box(device, "plugin~")["patching_rect"]


def closed_presentation(device: Device) -> None:
    device.patcher["openinpresentation"] = 0


def a_path_in_the_script(device: Device) -> None:
    in_script(device, "inlets = 1;", 'inlets = 1; const WHERE = "/Users/someone/Music";')


def a_path_of_windows(device: Device) -> None:
    box(device, "buffer~ ---aud")["text"] += " C:\\sounds\\kick.wav"


def a_path_in_the_project(device: Device) -> None:
    device.patcher["project"]["devpath"] = "/home/someone/device"


def received_on_the_scheduler(device: Device) -> None:
    box(device, "udpreceive @defer 1 @quiet 1")["text"] = "udpreceive"


def an_order_by_the_clock(device: Device) -> None:
    box(device, "live.banks")["text"] = "delay 100"


def a_print_in_the_script(device: Device) -> None:
    in_script(device, "inlets = 1;", 'inlets = 1;\r\npost("hello");')


def an_address_that_the_daemon_has_not(device: Device) -> None:
    in_script(device, '"/oneshot/cancel"', '"/oneshot/stop"')


def an_argument_of_another_type(device: Device) -> None:
    in_script(device, '"/oneshot/hello": "si"', '"/oneshot/hello": "ss"')


def a_key_of_another_type(device: Device) -> None:
    in_script(device, '"count": "i"', '"count": "f"')


def a_key_that_the_daemon_has_not(device: Device) -> None:
    in_script(device, '"seconds": "f"', '"length": "f"')


def an_answer_of_another_type(device: Device) -> None:
    in_script(device, '"/oneshot/sample": "sisif"', '"/oneshot/sample": "sisff"')


def an_address_beside_the_tables(device: Device) -> None:
    box(device, "loaded")["text"] = "/oneshot/pad/set"


def no_table(device: Device) -> None:
    in_script(device, "const REQUESTS = ", "const ASKED = ")


@pytest.mark.parametrize(
    ("check", "breaks", "says"),
    [
        ("cords", to_outlet_seven, "has no outlet 7"),
        ("cords", to_inlet_one_of_a_prepend, "prepend osc has no inlet 1"),
        ("cords", to_a_box_that_is_gone, "one is not there"),
        ("cords", one_outlet_too_few, "claims"),
        ("cords", a_cord_laid_twice, "is there twice"),
        ("order", two_cords_from_one_outlet, "live.thisdevice has several cords"),
        ("loose ends", all_cords_of_a_label_cut, "status has no cord"),
        ("loose ends", a_name_that_nobody_receives, "---recal is only"),
        ("shared names", a_buffer_of_all_devices, "aud is shared"),
        ("shared names", a_waveform_of_all_devices, "aud is shared"),
        ("parameters", two_long_names_alike, "Guidance is the long name of several"),
        ("parameters", two_scripting_names_alike, "guidance is the scripting name of several"),
        ("parameters", a_name_of_max, "live.dial[1]"),
        ("parameters", an_int_beyond_255, "Count is an int from 1 to 256"),
        ("parameters", a_seed_that_is_not_exact, "Seed is a float"),
        ("parameters", an_enum_of_one_word_more, "Brightness has 10 words"),
        ("parameters", a_bank_of_a_hidden_parameter, "Train is in a bank"),
        ("parameters", a_bank_of_nine, "has 9 places"),
        ("annotations", no_info_text, "keep says nothing"),
        ("annotations", no_headline, "lora says nothing"),
        ("presentation", on_half_a_pixel, "train is not on whole pixels"),
        ("presentation", out_of_the_device, "train is not inside the device"),
        ("presentation", onto_its_neighbour, "overlaps"),
        ("presentation", half_off_the_panel, "target is half on a panel"),
        ("presentation", behind_the_panel, "is behind its panel"),
        ("presentation", closed_presentation, "does not open in presentation"),
        ("edit view", one_object_onto_another, "plugin~ hides live.banks"),
        ("paths", a_path_in_the_script, "/Users"),
        ("paths", a_path_of_windows, "C:\\"),
        ("paths", a_path_in_the_project, "/home"),
        ("threads", received_on_the_scheduler, "udpreceive"),
        ("threads", an_order_by_the_clock, "delay 100"),
        ("threads", a_print_in_the_script, "prints"),
        ("protocol", an_address_that_the_daemon_has_not, "/oneshot/stop is sent"),
        ("protocol", an_argument_of_another_type, "/oneshot/hello is sent with ss, expected si"),
        ("protocol", a_key_of_another_type, "count is sent as f, expected i"),
        ("protocol", a_key_that_the_daemon_has_not, "length is sent"),
        ("protocol", an_answer_of_another_type, "/oneshot/sample is understood with sisff"),
        ("protocol", an_address_beside_the_tables, "/oneshot/pad/set stands in the device"),
        ("protocol", no_table, "in no table"),
    ],
)
def test_a_broken_device_is_found_out(device: Device, check: str, breaks, says: str) -> None:
    breaks(device)
    assert any(says in fault for fault in CHECKS[check](device))
