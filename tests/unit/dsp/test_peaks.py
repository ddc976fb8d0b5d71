import pytest
import torch
from msgspec import structs

from oneshot_server.dsp.magnitudes import mel_to_magnitudes
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.dsp.peaks import peak_frequencies
from tests.unit.dsp.profiles import PROFILE, built_in, sine


def seen(hertz, profile, n_fft):
    """What the peak at a steady sine's bin is taken for, Hz, in each frame that is full of it."""
    wave = sine(hertz, seconds=2.0 * profile.seconds, rate=profile.sample_rate)
    mel = waveform_to_mel(wave[None, : profile.samples], profile)
    level = torch.log(mel_to_magnitudes(mel, profile, n_fft=n_fft) + 1e-8).transpose(1, 2)
    _, frequency = peak_frequencies(level, profile, n_fft)
    width = profile.sample_rate / n_fft
    return frequency[0, 8:-8, max(1, round(hertz / width))] * width


@pytest.mark.parametrize("hertz", [42.0, 50.0, 75.0, 100.0, 171.0, 440.0])
@pytest.mark.parametrize(
    ("profile", "n_fft"),
    [
        (PROFILE, 1024),
        (structs.replace(PROFILE, mel_scale="slaney", norm="slaney", power=2.0), 1024),
        (built_in("sd15-oneshot", frames=128), 1024),
        (structs.replace(PROFILE, full_scale=1000.0), 1024),
    ],
    ids=["starter", "slaney", "sd15-oneshot", "full scale"],
)
def test_a_sine_is_taken_for_its_own_frequency(profile, n_fft, hertz):
    frequency = seen(hertz, profile, n_fft)
    assert abs(float(frequency.mean()) - hertz) < 0.7
    assert float(frequency.std()) < 3.0


def test_a_profile_without_low_bands_has_nothing_to_tune():
    profile = structs.replace(PROFILE, f_min=5000.0)
    assert abs(float(seen(9000.0, profile, 1024).mean()) - 9000.0) < 60.0


def test_in_a_frame_without_a_peak_each_bin_is_its_own():
    level = torch.linspace(0.0, -9.0, 513).expand(1, 4, 513)
    nearest, _ = peak_frequencies(level, PROFILE, 1024)
    assert torch.equal(nearest, torch.arange(513).expand(1, 4, 513))
