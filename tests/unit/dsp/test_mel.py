import pytest
import torch
import torchaudio

from oneshot_server.dsp.mel import filterbank, waveform_to_mel
from oneshot_server.errors import ProfileMismatchError
from tests.unit.dsp.profiles import PROFILE, sine


def test_filterbank_equals_torchaudios():
    theirs = torchaudio.functional.melscale_fbanks(
        PROFILE.bins, PROFILE.f_min, PROFILE.f_max, PROFILE.mels, PROFILE.sample_rate
    )
    assert torch.allclose(filterbank(PROFILE), theirs.T, atol=1e-4)


@pytest.mark.parametrize("hertz", [110.0, 440.0, 3520.0])
def test_a_sine_is_loudest_in_the_band_that_holds_its_pitch(hertz):
    mel = waveform_to_mel(sine(hertz, seconds=PROFILE.seconds)[None], PROFILE)
    loudest = int(mel[0].mean(dim=1).argmax())
    centres = filterbank(PROFILE) @ torch.linspace(0, PROFILE.sample_rate / 2, PROFILE.bins)
    centres = centres / filterbank(PROFILE).sum(dim=1).clamp_min(1e-6)
    assert abs(loudest - int((centres - hertz).abs().argmin())) <= 1


def test_level_does_not_matter():
    wave = sine(440.0, seconds=PROFILE.seconds)[None]
    quiet, loud = waveform_to_mel(wave * 0.01, PROFILE), waveform_to_mel(wave, PROFILE)
    assert torch.allclose(quiet, loud, atol=1e-2)
    assert loud.max() == 0.0


def test_silence_is_the_floor_and_not_nan():
    mel = waveform_to_mel(torch.zeros(2, PROFILE.samples), PROFILE)
    assert mel.shape == (2, PROFILE.mels, PROFILE.frames)
    assert bool((mel == -PROFILE.range_db).all())


def test_frame_k_is_centred_on_sample_k_times_hop():
    click = torch.zeros(1, PROFILE.samples)
    click[0, 40 * PROFILE.hop] = 1.0
    assert int(waveform_to_mel(click, PROFILE)[0].mean(dim=0).argmax()) == 40


def test_a_sound_of_another_length_is_refused_with_both_lengths():
    with pytest.raises(ProfileMismatchError, match=rf"100.*{PROFILE.samples}"):
        waveform_to_mel(torch.zeros(1, 100), PROFILE)
