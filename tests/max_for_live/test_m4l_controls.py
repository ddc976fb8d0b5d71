"""What the controls promise is what the daemon takes."""

import pytest

from max_for_live.controls import Control, read_devices
from oneshot_server.domain.pads import PADS, PADS_IN_BANK
from oneshot_server.domain.parameters import COUNT, GUIDANCE, LORA, PROMPT, SECONDS, SEED
from oneshot_server.domain.requests import parse_loras
from oneshot_server.starter.vocabulary import SYNONYMS

DEVICES = read_devices()
ONESHOT = {control.name: control for control in DEVICES["Oneshot"].each()}
PADS_DEVICE = {control.name: control for control in DEVICES["Oneshot Pads"].each()}


@pytest.mark.parametrize("parameter", [COUNT, GUIDANCE, SECONDS, SEED], ids=lambda p: p.name)
def test_every_value_of_a_dial_is_taken_by_the_daemon(parameter) -> None:
    low, high = ONESHOT[parameter.name].range
    parameter.check(parameter.kind(low))
    parameter.check(parameter.kind(high))


def test_every_weight_is_taken_by_the_daemon() -> None:
    for weight in ONESHOT["lora_weight"].range:
        LORA.check(f"my kicks:{weight}")
        parse_loras(f"my kicks:{weight}")


def test_the_first_prompt_is_one() -> None:
    PROMPT.check(ONESHOT["prompt"].default)


def test_the_words_of_brightness_are_known_to_the_starter_but_for_the_first_which_adds_none() -> (
    None
):
    words = ONESHOT["brightness"].words
    assert words[0] == "as asked"
    assert set(words[1:]) <= SYNONYMS.keys()


def test_the_banks_are_all_of_the_daemons_pads() -> None:
    assert len(PADS_DEVICE["bank"].words) * PADS_IN_BANK == PADS
    for controls in (ONESHOT, PADS_DEVICE):
        assert sum(name.startswith("pad_") for name in controls) == PADS_IN_BANK


def test_pads_are_counted_as_in_a_drum_rack_from_the_lower_left() -> None:
    for controls in (ONESHOT, PADS_DEVICE):
        places = {name: control.rect for name, control in controls.items() if "pad_" in name}
        left, top = places["pad_0"][:2]
        assert places["pad_3"][0] > left
        assert places["pad_3"][1] == top
        assert places["pad_4"][0] == left
        assert places["pad_4"][1] < top


@pytest.mark.parametrize(
    "control",
    [*ONESHOT.values(), *PADS_DEVICE.values()],
    ids=lambda control: control.name,
)
def test_the_first_value_is_in_its_range(control: Control) -> None:
    if control.type in ("float", "int") and control.default is not None:
        low, high = control.range
        assert low <= control.default <= high
    if control.type == "enum" and control.default is not None:
        assert control.default in range(len(control.words))


def test_what_is_written_by_the_script_at_work_makes_no_undo_steps() -> None:
    for controls in (ONESHOT, PADS_DEVICE):
        for control in controls.values():
            if control.kind in ("ring", "bar", "label", "waveform"):
                assert control.visibility == "hidden"
