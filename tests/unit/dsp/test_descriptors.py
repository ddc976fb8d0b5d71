import numpy as np
import pytest

from oneshot_server.dsp.descriptors import FEATURES, LONGEST_SECONDS, describe, hertz_to_note

RATES = (22_050, 44_100, 48_000, 96_000)


def tone(hertz, rate=44_100, seconds=0.5, decay=6.0):
    time = np.arange(int(seconds * rate)) / rate
    return (0.8 * np.sin(2 * np.pi * hertz * time) * np.exp(-decay * time)).astype(np.float32)


def noise(seed=0, samples=22_050):
    decay = np.exp(-np.arange(samples) / 4000)
    return (np.random.default_rng(seed).uniform(-0.8, 0.8, samples) * decay).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("hertz", "note"), [(43.65, "F1"), (55.0, "A1"), (261.63, "C4"), (466.16, "A#4"), (1760, "A6")]
)
def test_the_note_of_a_tone_is_heard_at_any_rate(rate, hertz, note):
    assert describe(tone(hertz, rate), rate).key == note


def test_harmonics_do_not_move_the_note():
    rich = sum(tone(110 * n) / n for n in range(1, 9)) / 2
    assert describe(rich.astype(np.float32), 44_100).key == "A2"


def test_what_has_no_pitch_has_no_note():
    assert describe(noise(), 44_100).key == ""
    assert describe(np.zeros(4410, np.float32), 44_100).key == ""
    assert hertz_to_note(0) == ""


@pytest.mark.parametrize("hertz", [100, 1000, 8000])
def test_brightness_is_the_frequency_of_a_tone(hertz):
    assert describe(tone(hertz), 44_100).brightness_hz == pytest.approx(hertz, rel=0.05, abs=15)


def test_level_is_that_of_the_loudest_50_ms_and_falls_by_6_db_with_half_the_amplitude():
    steady = tone(1000, decay=0.0)
    level = describe(steady, 44_100).level_db
    assert level == pytest.approx(20 * np.log10(0.8 / np.sqrt(2)), abs=0.05)
    assert describe(steady / 2, 44_100).level_db == pytest.approx(level - 6.02, abs=0.05)
    quiet_tail = np.concatenate([steady, np.zeros(44_100, np.float32)])
    assert describe(quiet_tail, 44_100).level_db == pytest.approx(level, abs=0.05)


def test_features_do_not_hear_the_level():
    loud, quiet = (describe(tone(50) * gain, 44_100).features for gain in (1.0, 0.1))
    np.testing.assert_allclose(loud, quiet, atol=0.05)


@pytest.mark.parametrize("samples", [0, 1, 2, 100, 512, 44_100 * 5])
@pytest.mark.parametrize("rate", [8000, 44_100])
def test_sounds_of_any_length_have_finite_descriptors(samples, rate):
    heard = describe(noise(samples=samples), rate)
    assert heard.features.shape == (FEATURES,)
    assert np.isfinite([heard.level_db, heard.brightness_hz, *heard.features]).all()


def test_what_lies_behind_three_seconds_is_not_heard():
    rate = 8000
    long = tone(200, rate, seconds=10, decay=0.0)
    begin = long[: int(LONGEST_SECONDS * rate)]
    np.testing.assert_array_equal(describe(long, rate).features, describe(begin, rate).features)
