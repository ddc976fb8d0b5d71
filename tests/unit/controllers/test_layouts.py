"""The shipped layouts are what the builder makes, and send what the daemon understands."""

import itertools
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from controllers import build
from controllers.open_stage_control_session import session
from controllers.touchosc_layout import layout
from oneshot_server.transports.osc.decode import Message
from oneshot_server.transports.osc.parse import parse
from oneshot_server.transports.osc.specs import ANSWERS, REQUESTS

FOLDER = Path(build.__file__).parent
Place = tuple[int, int, int, int]


@pytest.fixture(scope="module")
def widgets():
    return json.loads(build.SESSION.read_text(encoding="utf-8"))["content"]["widgets"]


@pytest.fixture(scope="module")
def tree():
    return ET.fromstring(zlib.decompress(build.LAYOUT.read_bytes()))


def test_the_shipped_files_are_what_the_builder_makes():
    assert build.SESSION.read_text(encoding="utf-8") == session()
    # What is packed is compared, for another zlib may pack it otherwise.
    assert zlib.decompress(build.LAYOUT.read_bytes()) == layout().encode()


def assert_apart(places: list[Place], width: int, height: int) -> None:
    for left, top, wide, high in places:
        assert 0 <= left < left + wide <= width
        assert 0 <= top < top + high <= height
    for one, other in itertools.combinations(places, 2):
        beside = one[0] + one[2] <= other[0] or other[0] + other[2] <= one[0]
        above = one[1] + one[3] <= other[1] or other[1] + other[3] <= one[1]
        assert beside or above, (one, other)


def test_no_two_widgets_of_the_session_share_a_name_or_a_place(widgets):
    assert len({widget["id"] for widget in widgets}) == len(widgets)
    places = [
        (widget["left"], widget["top"], widget["width"], widget["height"])
        for widget in widgets
        if "left" in widget
    ]
    assert len(places) == len(widgets) - 5  # variables are not seen
    assert_apart(places, 640, 860)


def test_each_pad_of_the_session_hits_its_own(widgets):
    pads = [widget for widget in widgets if widget["id"].startswith("pad_")]
    hit = []
    for pad in pads:
        assert pad["typeTags"] == "sif"
        parsed = parse(Message(address=pad["address"], arguments=(*pad["preArgs"], 0.5)))
        hit.append(parsed.arguments["pad"])
    assert hit == list(range(16))


def test_what_the_session_hears_and_sends_is_in_the_protocol(widgets):
    answers = {answer.address for answer in ANSWERS}
    heard = [widget["address"] for widget in widgets if widget["type"] == "variable"]
    assert set(heard) <= answers
    text = build.SESSION.read_text(encoding="utf-8")
    named = set(re.findall(r"/oneshot/[a-z/]+", text))
    assert named <= answers | REQUESTS.keys()


def messages_of(tree: ET.Element) -> Iterator[tuple[str, Message]]:
    """Name of the control; what it sends when it is pressed."""
    for node in tree.iter("node"):
        name = node.findtext("properties/property[key='name']/value")
        for osc in node.iterfind("messages/osc"):
            arguments = [read_partial(partial) for partial in osc.iterfind("arguments/partial")]
            (path,) = osc.iterfind("path/partial/value")
            yield str(name), Message(address=str(path.text), arguments=tuple(arguments))


def read_partial(partial: ET.Element) -> int | float | str:
    text = partial.findtext("value") or ""
    if partial.findtext("type") == "VALUE":
        assert text == "x"
        return 1.0
    return int(text) if partial.findtext("conversion") == "INTEGER" else text


def test_each_button_of_the_layout_sends_what_the_daemon_understands(tree):
    sent = dict(messages_of(tree))
    for message in sent.values():
        parse(message)
    for number in range(16):
        assert parse(sent[f"pad {number}"]).arguments == {"id": "", "pad": number, "velocity": 1.0}
    assert parse(sent["kick"]).arguments["prompt"] == "punchy kick"


def test_the_layouts_script_says_hello_as_the_daemon_understands(tree):
    script = tree.findtext("node/properties/property[key='script']/value")
    assert "'/oneshot/hello', arguments" in script
    port = int(re.search(r"REPLY_PORT = (\d+)", script)[1])
    parse(Message(address="/oneshot/hello", arguments=("", port)))
    heard = set(re.findall(r"'(/oneshot/\w+)'", script)) - {"/oneshot/hello"}
    assert heard <= {answer.address for answer in ANSWERS}
    names = {node.findtext("properties/property[key='name']/value") for node in tree.iter("node")}
    assert set(re.findall(r"children\.(\w+)\.", script)) <= names


def test_controls_of_the_layout_do_not_overlap_but_for_names_on_buttons(tree):
    assert len({node.get("ID") for node in tree.iter("node")}) == len(list(tree.iter("node")))
    places = set()
    for node in tree.iterfind("node/children/node"):
        frame = node.find("properties/property[key='frame']/value")
        places.add(tuple(int(frame.findtext(side)) for side in "xywh"))
    assert len(places) == 16 + 2 + 3
    assert_apart(sorted(places), 640, 860)


def messages_in_pure_data(patch: Path) -> Iterator[list[str]]:
    """The words of each message box; an escaped space does not end a word."""
    for text in re.findall(
        r"^#X msg \d+ \d+ (.*);$", patch.read_text(encoding="utf-8"), re.MULTILINE
    ):
        if not text.startswith("\\;"):
            yield [word.replace("\\ ", " ") for word in re.split(r"(?<!\\) ", text)]


def test_each_message_of_the_pure_data_example_is_what_the_daemon_understands():
    requests = [
        Message(
            address=f"/oneshot/{name}",
            arguments=("", *(float(w) if re.fullmatch(r"-?[\d.]+", w) else w for w in words)),
        )
        for name, *words in messages_in_pure_data(FOLDER / "pure_data" / "example.pd")
        if not name.isdecimal()  # the number of a pad
    ]
    parsed = [parse(request) for request in requests]
    assert [one.arguments["prompt"] for one in parsed if "prompt" in one.arguments] == [
        "punchy kick",
        "short bright snare 200 hz",
    ]
    assert len(parsed) == 6


def test_nothing_in_the_folder_names_a_place_on_this_machine():
    for path in FOLDER.rglob("*"):
        if path.suffix in {".pd", ".scd", ".json"}:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"/(home|root|Users|tmp|work)/", text), path
