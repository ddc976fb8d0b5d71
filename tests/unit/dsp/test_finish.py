import math

import pytest
import torch

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.dsp.finish import finish
from oneshot_server.dsp.loudness import loudness
from tests.unit.dsp.profiles import PROFILE, decaying, sine

RATE = PROFILE.sample_rate


def late_kick(lead: int = 700) -> torch.Tensor:
    return torch.cat([torch.zeros(lead), 0.3 * decaying(60.0, t60=0.4, seconds=1.2)])


def test_the_onset_is_at_sample_0():
    done = finish(late_kick(), RATE, FinishOptions())
    onset = int((done.abs() > 0.01 * done.abs().max()).int().argmax())
    assert onset <= 0.001 * RATE


def test_the_peak_is_where_it_was_asked():
    done = finish(late_kick(), RATE, FinishOptions(peak_db=-6.0))
    assert 20 * math.log10(float(done.abs().max())) == pytest.approx(-6.0, abs=0.01)


def test_an_offset_is_gone_and_leaves_no_step_behind():
    done = finish(
        late_kick() + 0.1 * torch.exp(-torch.arange(53_620) / 30_000.0), RATE, FinishOptions()
    )
    assert abs(float(done.mean())) < 0.01
    assert float(done[-50:].abs().max()) < 0.01


def test_the_tail_is_cut_where_it_falls_below_60_db():
    done = finish(late_kick(), RATE, FinishOptions())
    assert 0.36 < len(done) / RATE < 0.45
    assert done[-1].abs() < 1e-4


def test_the_longest_duration_is_kept():
    done = finish(sine(200.0, seconds=2.0), RATE, FinishOptions(max_seconds=0.25))
    assert len(done) == round(0.25 * RATE)
    assert done[-1].abs() < 1e-3


def test_lufs_is_met_below_the_ceiling():
    done = finish(sine(997.0, seconds=1.0), RATE, FinishOptions(level="lufs", lufs=-20.0))
    assert loudness(done, RATE) == pytest.approx(-20.0, abs=0.1)


def test_lufs_never_lifts_a_sound_over_the_ceiling():
    click = torch.zeros(RATE)
    click[:20] = 1.0
    done = finish(click, RATE, FinishOptions(level="lufs", lufs=-5.0))
    assert float(done.abs().max()) <= 10 ** (-1.0 / 20) + 1e-6


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_full_scale_997_hz_sine_measures_as_the_standard_says(rate):
    assert loudness(sine(997.0, seconds=3.0, rate=rate), rate) == pytest.approx(-3.01, abs=0.02)


def test_low_frequencies_weigh_less():
    assert loudness(sine(30.0, seconds=2.0), RATE) < loudness(sine(997.0, seconds=2.0), RATE) - 5.0


@pytest.mark.parametrize("field", ["peak_db", "lufs", "tail_db", "fade_seconds", "max_seconds"])
def test_an_option_out_of_range_is_named(field):
    with pytest.raises(ValueError, match=field):
        FinishOptions(**{field: 1e9})
