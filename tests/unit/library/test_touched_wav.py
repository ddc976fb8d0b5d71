"""A soft hit of a finished file: its samples, its recipe, and nothing else of it."""

import io
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from oneshot_server.domain.touch import Touch
from oneshot_server.errors import MetadataError
from oneshot_server.library.touched_wav import touch_wav
from oneshot_server.library.wav_encoding import SUBTYPES, encode_wav
from oneshot_server.library.wav_metadata import embed, extract
from tests.unit.library.test_wav_metadata import RECIPE

RATE = 44_100
NOISE = np.random.default_rng(1).uniform(-0.9, 0.9, RATE // 2).astype(np.float32)


def made(subtype: str = "PCM_24", samples: np.ndarray = NOISE) -> bytes:
    return embed(encode_wav(samples, RATE, subtype), replace(RECIPE, subtype=subtype))


def read(wav: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(wav))[0]


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_a_quieter_hit_is_the_sound_times_the_gain(subtype):
    wav, seconds = touch_wav(made(subtype), Touch(gain_db=-12.0))
    assert soundfile.info(io.BytesIO(wav)).subtype == subtype
    assert seconds == 0.5
    np.testing.assert_allclose(read(wav), read(made(subtype)) * 10 ** (-12 / 20), atol=2**-15)


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("channels", [1, 2])
def test_channels_stay_apart(subtype, channels):
    samples = np.stack([NOISE, 0.5 * NOISE[::-1]][:channels], axis=1)
    wav, _ = touch_wav(made(subtype, samples), Touch(low_pass_hz=1000.0))
    for channel in range(channels):
        alone, _ = touch_wav(made(subtype, samples[:, channel]), Touch(low_pass_hz=1000.0))
        np.testing.assert_array_equal(read(wav).reshape(-1, channels)[:, channel], read(alone))


@pytest.mark.parametrize("hertz", [50.0, 1000.0, 15_000.0])
def test_a_darker_hit_is_the_sound_through_a_one_pole_low_pass(hertz):
    wav, _ = touch_wav(made("FLOAT"), Touch(low_pass_hz=hertz))
    pole, state, expected = np.exp(-2 * np.pi * hertz / RATE), 0.0, []
    for sample in read(made("FLOAT")):
        state = (1 - pole) * sample + pole * state
        expected.append(state)
    np.testing.assert_allclose(read(wav), expected, atol=1e-6)


def test_a_shorter_hit_keeps_its_attack_and_ends_in_silence():
    wav, seconds = touch_wav(made(), Touch(length=0.5))
    assert seconds == pytest.approx(0.25, abs=1e-4)
    before, after = read(made()), read(wav)
    np.testing.assert_array_equal(after[: len(after) // 2], before[: len(after) // 2])
    assert abs(after[-1]) < 1e-6
    assert np.abs(after[-RATE // 100 :]).max() < 0.05


def test_the_recipe_tells_of_the_touch_and_is_otherwise_the_same():
    touch = Touch(gain_db=-3.0, low_pass_hz=5000.0, length=0.9)
    wav, _ = touch_wav(made(), touch)
    assert extract(wav) == replace(RECIPE, touch=touch)


def test_the_same_hit_gives_the_same_bytes():
    touch = Touch(gain_db=-3.0, low_pass_hz=5000.0, length=0.9)
    assert touch_wav(made(), touch) == touch_wav(made(), touch)


def test_a_soft_hit_is_not_touched_again():
    wav, _ = touch_wav(made(), Touch(gain_db=-3.0))
    with pytest.raises(MetadataError, match="soft hit"):
        touch_wav(wav, Touch(gain_db=-3.0))


def test_a_file_without_a_recipe_is_refused():
    with pytest.raises(MetadataError, match="no recipe"):
        touch_wav(encode_wav(NOISE, RATE, "PCM_24"), Touch(gain_db=-3.0))


def test_the_shortest_sound_survives_the_softest_hit():
    wav, seconds = touch_wav(
        made(samples=NOISE[:1]), Touch(gain_db=-60.0, low_pass_hz=50.0, length=0.05)
    )
    assert len(read(wav)) == 1
    assert seconds == 1 / RATE
