import math

import pytest
import soxr
import torch

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.dsp.finish import finish
from oneshot_server.dsp.loudness import loudness
from oneshot_server.dsp.stereo import mono_to_side, mono_to_stereo
from tests.unit.dsp.profiles import PROFILE, decaying, sine

RATE = PROFILE.sample_rate
RATES = [44_100, 48_000, 88_200, 96_000]


def noise(t60: float = 0.8, seconds: float = 1.0) -> torch.Tensor:
    samples = round(seconds * RATE)
    decay = torch.exp(-6.91 * torch.arange(samples) / RATE / t60)
    return decay * torch.randn(samples, generator=torch.Generator().manual_seed(4))


def snare() -> torch.Tensor:
    """Noise, a body that stays in the middle, and a partial that does not."""
    return (
        noise() + 2.0 * decaying(60.0, t60=0.5, seconds=1.0) + decaying(740.0, t60=0.9, seconds=1.0)
    )


def energies(sound: torch.Tensor, low: float, high: float, rate: int = RATE) -> torch.Tensor:
    """Energy between two frequencies, (channels,) of (channels, samples)."""
    hertz = torch.fft.rfftfreq(sound.shape[-1], 1.0 / rate)
    power = torch.fft.rfft(sound).abs().square()
    return power[..., (hertz >= low) & (hertz < high)].sum(dim=-1)


def correlation(left: torch.Tensor, right: torch.Tensor, low: float, rate: int = RATE) -> float:
    hertz = torch.fft.rfftfreq(len(left), 1.0 / rate)
    a, b = (torch.fft.rfft(one)[hertz > low] for one in (left, right))
    return float((a * b.conj()).real.sum() / (a.norm() * b.norm()))


def db(ratio: torch.Tensor | float) -> float:
    return 10.0 * math.log10(float(ratio))


@pytest.mark.parametrize("rate", [None, 48_000])
@pytest.mark.parametrize("width", [0.3, 1.0])
def test_the_mean_of_left_and_right_is_the_mono_sound(width, rate):
    mono = finish(snare(), RATE, FinishOptions(sample_rate=rate))
    wide = finish(snare(), RATE, FinishOptions(sample_rate=rate, width=width))
    assert wide.shape == (len(mono), 2)
    middle = wide.mean(dim=1)
    torch.testing.assert_close(middle / middle.norm(), mono / mono.norm(), atol=2e-8, rtol=1e-5)


def test_bass_stays_in_the_middle():
    side = mono_to_side(snare(), RATE)
    assert db(energies(side, 0, 200) / energies(snare(), 0, 200)) < -40.0
    assert db(energies(side, 0, 200) / energies(side, 0, RATE)) < -40.0


def test_the_wider_the_less_left_and_right_are_alike():
    alike = [
        correlation(*mono_to_stereo(noise(), RATE, width), low=300.0)
        for width in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert alike[0] == pytest.approx(1.0, abs=1e-5)
    assert alike == sorted(alike, reverse=True)
    assert alike[2] == pytest.approx(0.6, abs=0.08)
    assert alike[-1] == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("width", [0.5, 1.0])
def test_both_channels_are_equally_loud_in_every_band(width):
    wide = mono_to_stereo(noise(t60=8.0), RATE, width)
    for third in range(19):
        low = 250.0 * 2.0 ** (third / 3)
        left, right = energies(wide, low, low * 2.0 ** (1 / 3))
        assert abs(db(left / right)) < 1.0


@pytest.mark.parametrize("hertz", [300.0, 523.0, 740.0, 1234.5, 5000.0])
def test_a_tone_stays_in_the_middle(hertz):
    wide = mono_to_stereo(sine(hertz, seconds=1.0), RATE, 1.0)[:, RATE // 4 : -RATE // 4]
    left, right = wide.square().sum(dim=1)
    assert abs(db(left / right)) < 0.5


def test_the_attack_is_as_sharp_as_it_was_and_comes_from_the_middle():
    clicks = torch.zeros(RATE)
    clicks[0], clicks[RATE // 2] = 1.0, 0.5
    left, right = mono_to_stereo(clicks, RATE, 1.0)
    first = slice(0, round(0.002 * RATE))
    torch.testing.assert_close(left[first], right[first], atol=0.01, rtol=0.0)
    # What is later is widened, and little of that comes more than 5 ms before it.
    before = slice(RATE // 4, RATE // 2 - round(0.005 * RATE))
    side = 0.5 * (left - right)
    assert db(side[before].square().sum() / side.square().sum()) < -12.0


@pytest.mark.parametrize("level", ["peak", "lufs"])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("width", [0.0, 1.0])
def test_no_channel_is_above_the_ceiling_at_any_rate(rate, width, level):
    options = FinishOptions(level=level, lufs=-5.0, peak_db=-3.0, sample_rate=rate, width=width)
    done = finish(snare(), RATE, options)
    assert options.rate_of(RATE) == rate
    assert float(done.abs().max()) == pytest.approx(10.0 ** (-3.0 / 20.0), abs=1e-4)


def test_loudness_is_that_of_both_channels():
    mono = sine(997.0, seconds=1.0)
    both = torch.stack([mono, mono])
    assert loudness(both, RATE) == pytest.approx(loudness(mono, RATE) + 3.01, abs=0.01)
    wide = finish(noise(), RATE, FinishOptions(level="lufs", lufs=-30.0, width=1.0))
    assert loudness(wide.T, RATE) == pytest.approx(-30.0, abs=0.05)


@pytest.mark.parametrize("rate", RATES)
def test_another_rate_is_the_same_sound(rate):
    done = finish(snare(), RATE, FinishOptions(sample_rate=rate))
    own = finish(snare(), RATE, FinishOptions())
    assert len(done) / rate == pytest.approx(len(own) / RATE, abs=0.006)  # a block of the tail
    back = torch.from_numpy(soxr.resample(done.numpy(), rate, RATE, "VHQ"))
    count = min(len(back), len(own)) - RATE // 50
    # Between samples a peak may be higher, so the level that meets the ceiling is another.
    back = back * (own[:count].norm() / back[:count].norm())
    for low, high in ((30, 200), (200, 2000), (2000, 16_000)):
        made, expected = (energies(one[:count], low, high) for one in (back, own))
        assert db(made / expected) == pytest.approx(0.0, abs=0.2)


@pytest.mark.parametrize("rate", RATES)
def test_pitch_length_and_fade_are_right_at_any_rate(rate):
    options = FinishOptions(sample_rate=rate, tune=12.0, max_seconds=0.25, fade_seconds=0.02)
    done = finish(sine(200.0, seconds=2.0), RATE, options)
    assert len(done) == round(0.25 * rate)
    power = torch.fft.rfft(done).abs()
    assert float(power.argmax()) * rate / len(done) == pytest.approx(400.0, abs=4.0)
    fade = round(0.02 * rate)
    assert float(done[-fade // 4 :].abs().max()) < 0.2
    assert float(done[-2 * fade : -fade].abs().max()) > 0.8


def test_a_rate_that_no_file_has_is_named():
    with pytest.raises(ValueError, match="sample_rate = 22050, expected one of 44100, 48000"):
        FinishOptions(sample_rate=22_050)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="width"):
        FinishOptions(width=1.5)
