import pytest
import torch
import torchaudio
from msgspec import structs

from oneshot_server.dsp.mel import WINDOWS, filterbank, waveform_to_mel
from oneshot_server.errors import ProfileMismatchError
from tests.unit.dsp.profiles import PROFILE, built_in, sine


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


@pytest.mark.parametrize(
    "profile",
    [
        *(built_in(name) for name in ("sd15-oneshot", "riffusion", "danand")),
        structs.replace(PROFILE, mel_scale="slaney", norm="slaney", power=2.0),
        structs.replace(PROFILE, window_shape="kaiser", normalized=True, full_scale=3.0),
        structs.replace(PROFILE, window_shape="blackman", pad=700, pad_mode="reflect"),
        structs.replace(PROFILE, center=False, pad=100, window_shape="hamming"),
        structs.replace(PROFILE, pad_mode="circular", window_shape="bartlett", f_min=900.0),
    ],
    ids=lambda profile: profile.name,
)
@pytest.mark.filterwarnings("ignore:At least one mel filterbank has all zero values:UserWarning")
def test_every_parameter_means_what_torchaudio_means_by_it(profile):
    torch.manual_seed(0)
    wave = torch.randn(1, profile.samples) * torch.linspace(1, 0, profile.samples) ** 4
    theirs = torchaudio.transforms.MelSpectrogram(
        sample_rate=profile.sample_rate,
        n_fft=profile.n_fft,
        win_length=profile.window,
        hop_length=profile.hop,
        f_min=profile.f_min,
        f_max=profile.f_max,
        pad=profile.pad,
        n_mels=profile.mels,
        window_fn=WINDOWS[profile.window_shape],
        power=profile.power,
        normalized=profile.normalized,
        center=profile.center,
        pad_mode=profile.pad_mode,
        norm=None if profile.norm == "none" else profile.norm,
        mel_scale=profile.mel_scale,
    )(wave)[:, :, : profile.frames]
    top = profile.full_scale or theirs.max()
    expected = (20 / profile.power * torch.log10((theirs / top).clamp(1e-30, 1.0))).clamp_min(
        -profile.range_db
    )
    found = waveform_to_mel(wave, profile)
    assert found.shape == (1, profile.mels, profile.frames)
    assert (found - expected).abs().mean() < 0.01
    assert expected.std() > 5.0
