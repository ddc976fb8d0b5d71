"""What the patches do, with Max's objects played by a runner of our own."""

import pytest

from max_for_live.build import build_device
from max_for_live.controls import read_devices
from max_for_live.decode import decode_amxd
from tests.max_for_live.patch_runner import PatchRunner

SCRIPT = "v8.codebox"
NETWORK, INTERFACE, AUDITION = 1, 2, 3


@pytest.fixture
def oneshot() -> PatchRunner:
    return PatchRunner(decode_amxd(build_device("Oneshot")))


@pytest.fixture
def pads() -> PatchRunner:
    """The MIDI effect in a set that has been opened."""
    runner = PatchRunner(decode_amxd(build_device("Oneshot Pads")))
    runner.out_of("live.thisdevice", 0, "bang")
    return runner


def to_script(got: list) -> list:
    return [message for name, message in got if name == SCRIPT]


@pytest.mark.parametrize("name", read_devices())
def test_all_that_a_set_remembers_comes_before_the_device_starts_and_no_button_is_clicked(
    name: str,
) -> None:
    runner = PatchRunner(decode_amxd(build_device(name)))
    *values, last = to_script(runner.out_of("live.thisdevice", 0, "bang"))
    assert last == ["device"]
    stored = {
        control.name
        for control in read_devices()[name].each()
        if control.stored and control.kind != "button"
    }
    assert {message[1] for message in values} == stored
    assert len(values) == len(stored)


def test_generate_takes_what_is_typed_before_it_is_clicked(oneshot: PatchRunner) -> None:
    assert to_script(oneshot.out_of("generate", 0, "bang")) == [
        ["control", "prompt", "text", "punchy kick"],
        ["control", "generate", "bang"],
    ]


@pytest.mark.parametrize("key", [13, 3])
def test_return_in_the_prompt_is_a_click_of_generate(oneshot: PatchRunner, key: int) -> None:
    got = to_script(oneshot.out_of("prompt", 1, key))
    assert [message[1] for message in got] == ["prompt", "generate"]


def test_another_key_in_the_prompt_is_none(oneshot: PatchRunner) -> None:
    assert oneshot.out_of("prompt", 1, 97) == []


def test_an_automation_clicks_when_it_rises_alone(oneshot: PatchRunner) -> None:
    assert [message[1] for message in to_script(oneshot.out_of("generate", 0, 1))] == [
        "prompt",
        "generate",
    ]
    assert oneshot.out_of("generate", 0, 0) == []


@pytest.mark.parametrize("name", ["train", "pad_0", "pad_15", "keep", "seed", "lora", "lora_name"])
def test_a_control_tells_the_script(oneshot: PatchRunner, name: str) -> None:
    assert to_script(oneshot.out_of(name, 0, 1)) == [["control", name, 1]]


@pytest.mark.parametrize(
    ("message", "control", "arrives"),
    [
        (["status", "text", "All is well"], "status", ["set", "All is well"]),
        (["status", "color", 1, 0, 0, 1], "status", ["textcolor", 1, 0, 0, 1]),
        (["train", "text", "Stop"], "train", ["text", "Stop"]),
        (["generate", "active", 0], "generate", ["active", 0]),
        (["seed", "set", 7], "seed", ["set", 7]),
        (["prompt", "set", "snare"], "prompt", ["set", "snare"]),
        (["keep", "set", 1], "keep", ["set", 1]),
        (["progress", "set", 0.5], "progress", ["set", 0.5]),
        (["level_3", "set", 0.5], "level_3", [0.5]),
        (["train_progress", "set", 0.5], "train_progress", [0.5]),
        (["lora", "menu", "clear"], "lora", ["clear"]),
        (["lora", "menu", "append", "my kicks"], "lora", ["append", "my kicks"]),
        (["lora", "set", 2], "lora", ["set", 2]),
    ],
)
def test_what_the_script_shows_reaches_its_control_alone_in_the_words_of_its_class(
    oneshot: PatchRunner, message: list, control: str, arrives: list
) -> None:
    assert oneshot.out_of(SCRIPT, INTERFACE, "ui", *message) == [(control, arrives)]


def test_the_chosen_loras_name_is_kept(oneshot: PatchRunner) -> None:
    got = oneshot.out_of(SCRIPT, INTERFACE, "ui", "lora_name", "set", "my kicks")
    assert got == [("lora_name", ["my kicks"])]


@pytest.mark.parametrize("name", ["Oneshot", "Oneshot Pads"])
def test_the_script_rules_the_network(name: str) -> None:
    runner = PatchRunner(decode_amxd(build_device(name)))
    assert runner.out_of(SCRIPT, NETWORK, "listen_port", 9400) == [("udpreceive", ["port", 9400])]
    assert runner.out_of(SCRIPT, NETWORK, "send_port", 9330) == [("udpsend", ["port", 9330])]
    assert runner.out_of(SCRIPT, NETWORK, "send_host", "127.0.0.1") == [
        ("udpsend", ["host", "127.0.0.1"])
    ]
    assert runner.out_of(SCRIPT, 0, "/oneshot/ping", "a") == [("udpsend", ["/oneshot/ping", "a"])]
    assert runner.out_of("udpreceive", 0, "/oneshot/pong", "a", "ready", 0) == [
        (SCRIPT, ["osc", "/oneshot/pong", "a", "ready", 0])
    ]


def test_a_sound_is_read_told_of_and_played(oneshot: PatchRunner) -> None:
    path = "/anywhere/kick 1.wav"
    assert oneshot.out_of(SCRIPT, AUDITION, "replace", path) == [("buffer~", ["replace", path])]
    assert oneshot.out_of("buffer~", 1, "bang") == [
        ("waveform", ["set", "---aud"]),
        (SCRIPT, ["loaded"]),
    ]
    assert oneshot.out_of(SCRIPT, AUDITION, "play") == [("play~", [1])]
    assert oneshot.out_of(SCRIPT, AUDITION, "stop") == [("play~", [0])]


def note(runner: PatchRunner, pitch: int, velocity: int) -> tuple[list, list]:
    """A note into the device: what the script hears, and what goes on to the instrument."""
    got = runner.out_of("midiparse", 0, pitch, velocity)
    return to_script(got), [message for name, message in got if name == "midiformat"]


def test_sixteen_notes_hit_the_pads_and_are_swallowed(pads: PatchRunner) -> None:
    assert note(pads, 36, 127) == ([["note", 0, 127]], [])
    assert note(pads, 51, 1) == ([["note", 15, 1]], [])


def test_notes_around_them_pass_and_hit_nothing(pads: PatchRunner) -> None:
    assert note(pads, 35, 100) == ([], [[35, 100]])
    assert note(pads, 52, 100) == ([], [[52, 100]])


def test_a_note_off_is_no_hit_and_always_passes(pads: PatchRunner) -> None:
    assert note(pads, 40, 0) == ([], [[40, 0]])


def test_with_pass_on_the_pads_notes_go_on_too(pads: PatchRunner) -> None:
    assert to_script(pads.out_of("pass", 0, 1)) == [["control", "pass", 1]]
    assert note(pads, 36, 100) == ([["note", 0, 100]], [[36, 100]])
    pads.out_of("pass", 0, 0)
    assert note(pads, 36, 100) == ([["note", 0, 100]], [])


def test_the_first_note_moves_all_sixteen(pads: PatchRunner) -> None:
    assert to_script(pads.out_of("first_note", 0, 60)) == [["control", "first_note", 60]]
    assert note(pads, 75, 90) == ([["note", 15, 90]], [])
    assert note(pads, 36, 90) == ([], [[36, 90]])


@pytest.mark.parametrize("outlet", range(1, 7))
def test_all_other_midi_passes(pads: PatchRunner, outlet: int) -> None:
    assert pads.out_of("midiparse", outlet, 1, 64) == [("midiformat", [1, 64])]
