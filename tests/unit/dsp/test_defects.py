import pytest
import torch

from oneshot_server.dsp.defects import find_defect
from tests.unit.dsp.profiles import PROFILE, decaying

RATE = PROFILE.sample_rate
KICK = decaying(50.0, t60=0.4, seconds=0.8)


def with_nan(waveform: torch.Tensor) -> torch.Tensor:
    broken = waveform.clone()
    broken[1000] = float("nan")
    return broken


@pytest.mark.parametrize(
    ("waveform", "defect"),
    [
        (with_nan(KICK), "not finite"),
        (KICK / 0.0, "not finite"),
        (torch.zeros(1000), "silent"),
        (torch.zeros(0), "silent"),
        (1e-5 * KICK, "silent"),
        ((5.0 * KICK).clamp(-1.0, 1.0), "clipped"),
        (torch.cat([torch.zeros(RATE // 2), KICK]), "late"),
        (KICK.abs(), "offset"),
    ],
)
def test_a_broken_render_is_named(waveform, defect):
    assert find_defect(waveform, RATE) == defect


@pytest.mark.parametrize("level", [0.01, 1.0, 40.0])
def test_a_good_sound_has_no_defect_at_any_level(level):
    assert find_defect(level * KICK, RATE) is None


def test_a_short_silence_in_front_is_no_defect():
    assert find_defect(torch.cat([torch.zeros(2000), KICK]), RATE) is None
