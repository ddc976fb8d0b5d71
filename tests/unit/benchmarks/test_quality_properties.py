import math

import numpy as np
import pytest
import torch

from benchmarks.quality.attributes import (
    caption_to_value,
    listen,
    prompts_for,
    questions,
)
from benchmarks.quality.properties import centroid_hz, defects, length_seconds, pitch_hz

RATE = 44_100
LONGEST = 65_536


def tone(hertz: float, *, seconds: float = 0.5, decay: float = 0.0) -> torch.Tensor:
    times = torch.arange(round(seconds * RATE)) / RATE
    fade = torch.clamp((seconds - times) / 0.01, 0.0, 1.0)
    return 0.8 * torch.sin(2 * math.pi * hertz * times) * torch.exp(-decay * times) * fade


def test_the_length_ends_where_40_db_have_gone():
    # e^(-46 t) has fallen by 40 dB after 0.1 s.
    assert length_seconds(tone(1000.0, decay=46.05), RATE) == pytest.approx(0.1, abs=0.006)
    assert length_seconds(torch.zeros(1000), RATE) == 0.0


def test_the_centroid_of_two_tones_lies_between_them():
    window = torch.hann_window(22_050)
    both = window * (tone(1000.0) + tone(4000.0)) / 2
    assert centroid_hz(both, RATE) == pytest.approx(2500.0, rel=0.02)


def test_a_tone_has_its_pitch_and_noise_has_none():
    assert pitch_hz(tone(55.0, decay=3.0), RATE) == pytest.approx(55.0, rel=0.01)
    noise = torch.rand(20_000, generator=torch.Generator().manual_seed(1)) - 0.5
    assert math.isnan(pitch_hz(noise, RATE))


def late() -> torch.Tensor:
    return torch.nn.functional.pad(tone(400.0), (441, 0))


def endless() -> torch.Tensor:
    return tone(400.0, seconds=LONGEST / RATE)


@pytest.mark.parametrize(
    ("waveform", "name"),
    [
        (torch.zeros(1000), "silent"),
        (torch.full((1000,), math.nan), "silent"),
        ((2 * tone(100.0)).clamp(-0.8, 0.8), "clipped"),
        (tone(400.0) * 1.3, "clipped"),
        (tone(400.0) * 0.5 + 0.1 * torch.hann_window(22_050), "dc"),
        (late(), "late"),
        (torch.cat((tone(400.0), torch.tensor([0.5]))), "click"),
        (endless(), "cut off"),
    ],
)
def test_a_defect_is_found(waveform, name):
    assert name in defects(waveform, RATE, LONGEST)


def test_a_good_sound_has_no_defect():
    assert defects(tone(400.0, decay=10.0), RATE, LONGEST) == []
    assert defects(tone(400.0, seconds=LONGEST / RATE, decay=5.0), RATE, LONGEST) == []


def test_the_correlation_is_that_of_order_and_knows_its_direction():
    lengths = [0.05, 0.06, 0.07, 0.3, 0.4, 0.5]
    waveforms = [tone(400.0, seconds=seconds) for seconds in lengths]
    asked = [-1.0] * 3 + [1.0] * 3
    assert listen(asked, waveforms, "length", RATE).correlation == pytest.approx(0.878, abs=0.001)
    turned = listen(asked[::-1], waveforms, "length", RATE)
    assert turned.correlation == pytest.approx(-0.878, abs=0.001)


def test_pitches_are_told_in_semitones_and_noises_left_out():
    waveforms = [tone(hertz, decay=3.0) for hertz in (100.0, 100.0, 200.0, 200.0, 400.0, 400.0)]
    noise = torch.rand(20_000, generator=torch.Generator().manual_seed(1)) - 0.5
    semitone = 2 ** (1 / 12)
    asked = [hertz * semitone for hertz in (100.0, 100.0, 200.0, 200.0, 400.0, 400.0)]
    heard = listen([*asked, 300.0], [*waveforms, noise], "pitch", RATE)
    assert (heard.count, heard.of) == (6, 7)
    assert heard.correlation == pytest.approx(1.0)
    assert heard.semitones == pytest.approx(1.0, abs=0.1)


def test_too_few_sounds_have_no_correlation():
    heard = listen([-1.0, 1.0], [tone(400.0), tone(500.0)], "length", RATE)
    assert heard.correlation is None


@pytest.mark.parametrize(
    ("caption", "attribute", "value"),
    [
        ("long dark acoustic snare drum", "length", 1.0),
        ("short bright hi-hat", "length", -1.0),
        ("short bright hi-hat", "brightness", 1.0),
        ("snare drum", "brightness", None),
        ("short long guiro", "length", None),
        ("longer kick", "length", None),
        ("long fretless bass note A2, hard velocity", "pitch", 110.0),
        ("sticky snare a2", "pitch", None),
    ],
)
def test_a_caption_says_what_a_recording_is_taken_for(caption, attribute, value):
    found = caption_to_value(caption, attribute)
    assert found == (None if value is None else pytest.approx(value))


def test_what_is_asked_rises_with_its_value():
    assert prompts_for("open_hat", "length") == [(-1.0, "short open hat"), (1.0, "long open hat")]
    assert [p for _, p in prompts_for("kick", "pitch")] == [
        "kick 40 hz",
        "kick 55 hz",
        "kick 75 hz",
    ]
    for kind, attribute in questions():
        values = [value for value, _ in prompts_for(kind, attribute)]
        assert values == sorted(values)
        assert np.ptp(values) > 0
