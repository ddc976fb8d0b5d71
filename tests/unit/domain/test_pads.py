"""A pad's recipe, and what a hit's velocity means."""

import itertools
from dataclasses import fields

import pytest

from oneshot_server.domain.pads import PAD_KEYS, Kit, Pad
from oneshot_server.domain.touch import Touch
from oneshot_server.errors import BadArgumentsError


def test_the_table_of_keys_and_the_pad_say_the_same():
    pad = Pad()
    assert [key.name for key in PAD_KEYS] == [info.name for info in fields(Pad)]
    for key in PAD_KEYS:
        value = getattr(pad, key.name)
        assert type(value) is key.kind
        assert key.check(value) == value
        assert key.default.strip('"') == (value if key.kind is str else f"{value:g}")


def test_the_hardest_hit_leaves_the_sound_as_it_is():
    assert Pad(prompt="kick").touch(1.0) is None


def test_a_softer_hit_is_quieter_darker_and_shorter():
    pad = Pad(prompt="kick")
    touches = [pad.touch(velocity) for velocity in (0.9, 0.5, 0.1, 0.0)]
    for harder, softer in itertools.pairwise(touches):
        assert softer.gain_db < harder.gain_db
        assert softer.low_pass_hz < harder.low_pass_hz
        assert softer.length < harder.length
    assert touches[-1] == Touch(gain_db=-24.0, low_pass_hz=2500.0, length=0.7)


def test_a_pad_without_velocity_is_untouched_by_the_softest_hit():
    pad = Pad(prompt="kick", velocity_level=0.0, velocity_brightness=0.0, velocity_seconds=0.0)
    assert pad.touch(0.0) is None


def test_every_hit_of_every_curve_is_a_proper_touch():
    for curve in (0.1, 1.0, 8.0):
        pad = Pad(
            velocity_curve=curve,
            velocity_level=60.0,
            velocity_brightness=8.0,
            velocity_seconds=0.95,
        )
        for step in range(128):
            pad.touch(step / 127)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("colour", "red", "unknown key 'colour', expected one of name, prompt"),
        ("seed_policy", "often", "expected new, fixed or walk"),
        ("tune", 99.0, "tune = 99.0, expected a float from -24 to 24"),
        ("prompt", 7, "prompt = 7, expected a string"),
        ("lora", "kicks:9", "a weight from -2 to 4"),
        ("width", -0.5, "width = -0.5, expected -1 or a float from 0 to 1"),
        ("seconds", 0.01, "seconds = 0.01, expected 0 or a float from 0.05"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_expected(key, value, text):
    with pytest.raises(BadArgumentsError, match=text):
        Pad(prompt="kick").with_value(key, value)


def test_zeros_leave_the_request_to_the_model():
    request = Pad(prompt="kick").request(seed=5)
    assert (request.steps, request.guidance, request.seconds, request.walk) == (None,) * 4


def test_a_pad_is_as_wide_as_the_settings_say_or_as_it_says_itself():
    assert Pad(prompt="kick").request(seed=5).width is None
    assert Pad(prompt="kick", width=0.0).request(seed=5).width == 0.0


def test_a_kit_has_no_pad_beyond_the_last():
    with pytest.raises(BadArgumentsError, match="pad = 64, expected an int from 0 to 63"):
        Kit(name="big", pads={64: Pad()})
