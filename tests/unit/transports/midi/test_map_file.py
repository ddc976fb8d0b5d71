import random
from contextlib import suppress
from pathlib import Path

import pytest

from oneshot_server.errors import NotFoundError, SettingsError
from oneshot_server.transports.midi.bindings import MidiMap
from oneshot_server.transports.midi.map_file import load_map, map_names, parse_map, read_learned
from oneshot_server.transports.midi.messages import ControlChange, NoteOff, NoteOn, ProgramChange
from oneshot_server.transports.midi.targets import BankChoice, KitChoice, PadHit, PadNumber

EXAMPLES = Path(__file__).parents[4] / "config" / "midi"


def note(number, channel=10):
    return NoteOn(channel=channel, note=number, velocity=100)


def test_the_default_map_puts_sixteen_pads_on_notes_36_to_51_of_any_channel(tmp_path):
    midi_map = load_map("default", tmp_path)
    for channel in (1, 10, 16):
        pads = [midi_map.find(note(36 + pad, channel)).target for pad in range(16)]
        assert pads == [PadHit(pad=pad) for pad in range(16)]
    assert midi_map.find(note(35)) is None
    assert midi_map.find(note(52)) is None
    assert midi_map.find(NoteOff(channel=1, note=36)).target == PadHit(pad=0)
    kit = midi_map.find(ProgramChange(channel=1, program=2)).target
    assert kit == KitChoice(name=None)


def test_every_map_that_is_built_in_is_understood_and_lies_in_config_for_people_to_read(tmp_path):
    names = map_names(tmp_path)
    assert names == sorted(path.stem for path in EXAMPLES.glob("*.toml"))
    for name in names:
        assert load_map(name, EXAMPLES).bindings == load_map(name, tmp_path).bindings != ()


def test_a_map_of_the_home_goes_before_one_that_is_built_in(tmp_path):
    (tmp_path / "default.toml").write_text('[[bindings]]\nnote = 1\nto = "pad.0"')
    assert load_map("default", tmp_path).find(note(1)).target == PadHit(pad=0)
    assert load_map("default", tmp_path).find(note(36)) is None


def test_the_later_binding_of_a_message_wins_and_a_channel_is_its_own():
    bindings = parse_map(
        """
        about = "x"
        [[bindings]]
        note = "36-40"
        to = "pad.0"
        [[bindings]]
        note = 38
        channel = 2
        to = "bank.1"
        """,
        "x",
    )
    midi_map = MidiMap(name="x", bindings=bindings)
    assert midi_map.find(note(38, channel=1)).target == PadHit(pad=2)
    assert midi_map.find(note(38, channel=2)).target == BankChoice(bank=1)
    assert midi_map.has_banks


def test_a_knob_has_its_ends_and_its_takeover():
    (binding,) = parse_map(
        '[[bindings]]\ncc = 7\nto = "pad.0.level"\nlow = 0\nhigh = -12\ntakeover = false', "x"
    )
    assert binding.ends == (0.0, -12.0)
    assert binding.takeover is False
    assert binding.target == PadNumber(pad=0, key="level")


GOOD = '# a comment\n[[bindings]]\nnote = 36\nto = "pad.0"\n\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[bindings]\n", "line 1: Expected ']]' at the end of an array declaration"),
        ("x = 1", "x is no known key, expected about or [[bindings]]"),
        ("bindings = 1", "bindings = 1, expected tables: [[bindings]]"),
        (
            GOOD + '[[bindings]]\nnote = 128\nto = "pad.0"',
            'line 7: bindings: note = 128, expected an int from 0 to 127, or a range: "36-51"',
        ),
        (
            GOOD + '[[ bindings ]]\nto = "pad.0"\n "note" = "51-36"',
            'line 8: bindings: note = "51-36", expected an int from 0 to 127, or a range: "36-51"',
        ),
        (
            GOOD + '[[bindings]]\nto = "pad.0"',
            "line 6: bindings: none of them, expected one of note, cc, program in each",
        ),
        (
            GOOD + '[[bindings]]\nnote = 1\ncc = 1\nto = "pad.0"',
            "line 6: bindings: note and cc, expected one of note, cc, program in each",
        ),
        (
            GOOD + "[[bindings]]\nnote = 1",
            'line 6: bindings: no target, expected one: to = "pad.0"',
        ),
        (
            GOOD + '[[bindings]]\nnote = 1\nchannel = 17\nto = "pad.0"',
            "line 8: bindings: channel = 17, expected an int from 1 to 16; left out for any",
        ),
        (
            GOOD + '[[bindings]]\nnote = 1\nto = "pad.64"',
            "line 8: bindings: target 'pad.64', expected a number from 0 to 63",
        ),
        (
            GOOD + '[[bindings]]\nnote = "60-80"\nto = "pad.50"',
            "line 8: bindings: the range ends at pad 70, expected at most 63",
        ),
        (
            GOOD + '[[bindings]]\nnote = 1\nto = "pad.0.level"',
            "line 8: bindings: note 1 to pad.0.level, expected cc",
        ),
        (
            GOOD + '[[bindings]]\ncc = 1\nto = "pad.0.level"\nlow = -99',
            "line 8: bindings: -99 for pad.0.level, expected -40 to 0",
        ),
        (
            GOOD + '[[bindings]]\ncc = 1\nto = "pad.0"\nlow = 1',
            "line 8: bindings: low, high or takeover for pad.0, which is no amount",
        ),
        (
            GOOD + '[[bindings]]\ncc = "1-2"\nto = "lora.x"',
            "line 8: bindings: lora.x is one thing, expected one message for it and no range",
        ),
        (
            GOOD + '[[bindings]]\nnote = 1\nto = "pad.0"\nnote_off = "stop"',
            'line 9: bindings: note_off = "stop", expected "ignore" or "choke"',
        ),
        (
            GOOD + '[[bindings]]\nnote = 1\nto = "pad.0"\nnote_of = "choke"',
            "line 9: bindings: note_of is no known key, expected one of note, cc, program, "
            "channel, to, low, high, takeover, note_off",
        ),
    ],
)
def test_a_complaint_names_file_line_key_and_what_is_expected(text, complaint):
    with pytest.raises(SettingsError) as caught:
        parse_map(text, "my.toml")
    assert str(caught.value).startswith(f"my.toml: {complaint}")


def test_a_map_that_is_not_there_is_an_error_that_names_those_that_are(tmp_path):
    (tmp_path / "mine.toml").write_text("")
    for name in ("none", "../mine", "learned", ""):
        with pytest.raises(NotFoundError, match=r"expected one of bank_buttons, .*, mine"):
            load_map(name, tmp_path)


def test_what_was_learned_lies_over_the_map_and_the_latest_of_a_target_holds(tmp_path):
    (tmp_path / "learned.toml").write_text(
        '[[bindings]]\nnote = 36\nchannel = 1\nto = "pad.5"\n'
        '[[bindings]]\nnote = 37\nchannel = 1\nto = "pad.5"\n'
    )
    assert len(read_learned(tmp_path)) == 1
    midi_map = load_map("default", tmp_path)
    assert midi_map.find(note(36, channel=1)).target == PadHit(pad=0)
    assert midi_map.find(note(37, channel=1)).target == PadHit(pad=5)
    assert midi_map.find(ControlChange(channel=1, control=1, value=1)) is None


def test_whatever_stands_in_a_file_is_understood_or_refused():
    source = random.Random(5)
    words = [
        "[[bindings]]",
        "note",
        "cc",
        "=",
        "36",
        '"pad.0"',
        "to",
        "\n",
        '"',
        "[",
        "1e999",
        "{}",
    ]
    for _ in range(3000):
        text = " ".join(source.choices(words, k=12))
        with suppress(SettingsError):
            parse_map(text, "x")
