import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from oneshot_server.dsp.prepare import prepare
from oneshot_server.errors import DefectError
from tests.unit.dsp.profiles import PROFILE, decaying, sine


def test_length_rate_and_peak_are_the_profiles():
    ready = prepare(sine(440.0, seconds=0.5, rate=48_000)[None] * 0.1, 48_000, PROFILE)
    assert ready.shape == (PROFILE.samples,)
    assert ready.abs().max() == pytest.approx(1.0, abs=1e-5)


def test_pitch_survives_another_sample_rate():
    ready = prepare(sine(1000.0, seconds=PROFILE.seconds, rate=96_000)[None], 96_000, PROFILE)
    peak = int(torch.fft.rfft(ready).abs().argmax())
    assert peak * PROFILE.sample_rate / PROFILE.samples == pytest.approx(1000.0, abs=2.0)


def test_channels_out_of_phase_do_not_cancel():
    left = decaying(100.0, t60=0.3, seconds=0.4)
    ready = prepare(torch.stack([left, -0.9 * left]), PROFILE.sample_rate, PROFILE)
    assert torch.allclose(ready[: len(left)], left / left.abs().max(), atol=1e-3)


def test_in_phase_channels_are_mixed():
    left, right = sine(300.0, seconds=0.3), sine(500.0, seconds=0.3)
    ready = prepare(torch.stack([left, right]), PROFILE.sample_rate, PROFILE)
    spectrum = torch.fft.rfft(ready[: len(left)]).abs()
    bins = [round(f * len(left) / PROFILE.sample_rate) for f in (300.0, 500.0)]
    assert min(spectrum[b] for b in bins) > 0.3 * spectrum.max()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_leading_silence_is_cut_whatever_the_sign_of_the_first_sample(sign):
    late = torch.zeros(20_000)
    late[9_000:] = sign * decaying(100.0, t60=0.3, seconds=1.0)[:11_000].abs()
    ready = prepare(late[None], PROFILE.sample_rate, PROFILE)
    assert int((ready.abs() > 0.01).int().argmax()) <= 0.002 * PROFILE.sample_rate


def test_a_long_sound_ends_in_a_fade():
    ready = prepare(sine(440.0, seconds=3.0)[None], PROFILE.sample_rate, PROFILE)
    assert ready[-1] == 0.0
    assert ready[-2000:-1000].abs().max() > 0.9


def test_the_peak_is_1_where_the_loudest_sample_lies_behind_the_cut():
    quiet, loud = 0.1 * sine(440.0, seconds=2.0), sine(440.0, seconds=0.5)
    ready = prepare(torch.cat([quiet, loud])[None], PROFILE.sample_rate, PROFILE)
    assert ready.abs().max() == pytest.approx(1.0, abs=1e-5)


def test_a_sound_shorter_than_one_sample_of_the_profile_is_refused_with_both_rates():
    with pytest.raises(DefectError, match=r"too short: 1 samples at 192000 Hz.*44100"):
        prepare(torch.ones(1, 1), 192_000, PROFILE)


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        (torch.zeros(1, 1000), "silent"),
        (torch.full((1, 1000), float("nan")), "NaN"),
        (torch.zeros(2, 0), "shape"),
        (torch.zeros(1000), "shape"),
    ],
)
def test_what_is_no_sound_is_refused_with_the_reason(audio, reason):
    with pytest.raises(DefectError, match=reason):
        prepare(audio, 44_100, PROFILE)


@settings(max_examples=25, deadline=None)
@given(
    channels=st.integers(1, 6),
    samples=st.integers(1, 5000),
    rate=st.sampled_from([8_000, 22_050, 44_100, 48_000, 192_000]),
    level=st.floats(1e-3, 1e3),
    seed=st.integers(0, 1000),
)
def test_any_finite_sound_of_a_sample_or_more_becomes_a_finite_one_of_the_profile(
    channels, samples, rate, level, seed
):
    audio = torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed))
    audio *= level / audio.abs().amax()
    try:
        ready = prepare(audio, rate, PROFILE)
    except DefectError:
        assert samples * PROFILE.sample_rate < rate
        return
    assert ready.shape == (PROFILE.samples,)
    assert bool(torch.isfinite(ready).all())
