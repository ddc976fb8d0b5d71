import pytest
import torch
from msgspec import structs

from oneshot_server.dsp.image import image_to_mel, mel_to_image
from oneshot_server.dsp.inversion import (
    Heard,
    level_with_mel,
    mel_to_detail,
    mel_to_waveform,
)
from oneshot_server.dsp.magnitudes import mel_to_magnitudes
from oneshot_server.dsp.mel import filterbank, waveform_to_magnitudes, waveform_to_mel
from oneshot_server.dsp.phases import InverseStft
from oneshot_server.errors import ProfileMismatchError
from tests.unit.dsp.profiles import PROFILE, built_in, decaying, sine


def round_trip(waveform):
    padded = torch.nn.functional.pad(waveform, (0, PROFILE.samples - len(waveform)))
    return mel_to_waveform(waveform_to_mel(padded[None], PROFILE), PROFILE)[0]


def test_a_440_hz_sound_comes_back_within_one_mel_band():
    back = round_trip(decaying(440.0, t60=0.5, seconds=0.7))
    spectrum = torch.fft.rfft(back).abs()
    hertz = float(spectrum.argmax()) * PROFILE.sample_rate / PROFILE.samples
    assert abs(hertz - 440.0) < 30.0


@pytest.mark.parametrize("start", [20 * PROFILE.hop + 60, 50 * PROFILE.hop, 50 * PROFILE.hop + 100])
def test_the_onset_of_a_click_comes_back_within_a_millisecond(start):
    click = torch.zeros(PROFILE.samples)
    click[start : start + 30] = 1.0
    back = round_trip(click).abs()
    onset = int((back > 0.25 * back.max()).int().argmax())
    assert abs(onset - start) < 0.001 * PROFILE.sample_rate


def test_the_mel_of_the_result_is_the_mel_that_was_asked_for():
    torch.manual_seed(0)
    noise = torch.randn(PROFILE.samples) * torch.linspace(1, 0, PROFILE.samples) ** 3
    asked = waveform_to_mel(
        (noise + decaying(80.0, t60=1.0, seconds=PROFILE.seconds))[None], PROFILE
    )
    back = mel_to_waveform(asked, PROFILE)
    assert (waveform_to_mel(back, PROFILE) - asked).abs().mean() < 2.0


def test_magnitudes_reproduce_their_mel_bands():
    torch.manual_seed(0)
    true = torch.rand(1, PROFILE.bins, PROFILE.frames)
    mel = filterbank(PROFILE) @ true
    mel_db = (20 * torch.log10(mel / mel.max())).clamp_min(-80.0)
    found = filterbank(PROFILE) @ mel_to_magnitudes(mel_db, PROFILE, iterations=60)
    assert torch.allclose(found, mel / mel.max(), rtol=0.05, atol=1e-3)


def test_a_sound_is_the_same_alone_and_in_a_batch():
    mels = torch.stack(
        [
            waveform_to_mel(decaying(f, t60=0.3, seconds=PROFILE.seconds)[None], PROFILE)[0]
            for f in (60.0, 200.0, 900.0)
        ]
    )
    together = mel_to_waveform(mels, PROFILE)
    assert torch.equal(mel_to_waveform(mels[1:2], PROFILE)[0], together[1])


def test_silence_behind_a_sound_changes_no_bit_of_it_and_stays_silent():
    waveform = torch.zeros(1, PROFILE.samples)
    waveform[0, :4096] = decaying(150.0, t60=0.1, seconds=1.0)[:4096]
    mel = waveform_to_mel(waveform, PROFILE)
    longer = structs.replace(PROFILE, frames=2 * PROFILE.frames)
    silence = torch.full_like(mel, -PROFILE.range_db)
    back = mel_to_waveform(torch.cat([mel, silence], dim=2), longer)
    assert torch.equal(back[:, : PROFILE.samples], mel_to_waveform(mel, PROFILE))
    assert not back[:, PROFILE.samples :].any()


@pytest.mark.parametrize("hertz", [42.0, 50.0, 60.0, 100.0])
def test_the_body_of_a_kick_comes_back_at_its_pitch_and_without_a_warble(hertz):
    time = torch.arange(PROFILE.samples) / PROFILE.sample_rate
    swept = hertz * (time + 0.04 * (1.0 - torch.exp(-time / 0.02)))
    kick = torch.sin(2 * torch.pi * swept) * torch.exp(-6.0 * time)
    spectrum = torch.fft.fft(round_trip(kick))
    # The analytic signal of what lies around the fundamental.
    bins = torch.fft.fftfreq(len(spectrum), 1.0 / PROFILE.sample_rate)
    around = (bins > 0.0) & (bins < 3.0 * hertz)
    analytic = torch.fft.ifft(torch.where(around, spectrum, 0.0))
    turned = torch.angle(analytic[1:] * analytic[:-1].conj()).double()
    begin, end = int(0.15 * PROFILE.sample_rate), int(0.5 * PROFILE.sample_rate)
    phase = torch.cumsum(turned[begin:end], dim=0)
    line = torch.stack([time[begin:end].double(), torch.ones(end - begin).double()], 1)
    fitted = torch.linalg.lstsq(line, phase[:, None]).solution
    assert abs(float(fitted[0, 0]) / (2 * torch.pi) - hertz) < 0.75
    assert float((phase - (line @ fitted)[:, 0]).abs().max()) < 0.25


def test_the_bursts_of_a_clap_come_back_in_their_places():
    generator = torch.Generator().manual_seed(0)
    clap = torch.zeros(PROFILE.samples)
    for start, seconds in ((0, 0.003), (500, 0.003), (1000, 0.003), (1500, 0.08)):
        time = torch.arange(PROFILE.samples - start) / PROFILE.sample_rate
        noise = torch.randn(len(time), generator=generator)
        clap[start:] += noise * torch.exp(-time / seconds)
    back = round_trip(clap)
    envelopes = [w.abs()[: 66 * 60].unfold(0, 66, 66).mean(dim=1) for w in (clap, back)]
    gain = (envelopes[0] * envelopes[1]).sum() / envelopes[1].square().sum()
    error = (envelopes[0] - gain * envelopes[1]).norm() / envelopes[0].norm()
    assert float(error) < 0.3


def test_steady_noise_does_not_pulse_with_the_frames():
    noise = torch.randn(PROFILE.samples, generator=torch.Generator().manual_seed(0))
    back = round_trip(noise)[8 * PROFILE.hop : -8 * PROFILE.hop]
    # How loud it is at each place between two frames.
    place = back.view(-1, 8, PROFILE.hop // 8).square().mean(dim=(0, 2))
    assert float(place.amax() / place.amin()) < 1.6


def test_silence_comes_back_silent():
    floor = torch.full((1, PROFILE.mels, PROFILE.frames), -PROFILE.range_db)
    assert mel_to_waveform(floor, PROFILE).abs().max() < 1e-6


@pytest.mark.parametrize("hertz", [50.0, 440.0, 8000.0])
def test_a_sine_at_0_db_comes_back_with_an_amplitude_of_its_order(hertz):
    back = round_trip(decaying(hertz, t60=20.0, seconds=PROFILE.seconds)).abs()
    assert 0.3 < float(back[5000:-5000].max()) < 1.2


def test_what_a_broken_model_paints_is_not_taken_for_silence():
    nan = torch.full((1, PROFILE.mels, PROFILE.frames), float("nan"))
    assert bool(mel_to_waveform(nan, PROFILE).isnan().any())


def test_another_profile_is_refused_with_both_shapes():
    with pytest.raises(ProfileMismatchError, match=r"64.*128"):
        mel_to_waveform(torch.zeros(1, 64, PROFILE.frames), PROFILE)


@pytest.mark.parametrize(("n_fft", "hop"), [(1024, 256), (1000, 300), (512, 512)])
def test_the_inverse_stft_is_torchs(n_fft: int, hop: int) -> None:
    window = torch.hamming_window(n_fft)
    waves = torch.randn(2, 20 * hop, generator=torch.Generator().manual_seed(0))
    spectrum = torch.stft(waves, n_fft, hop, window=window, return_complex=True)
    expected = torch.istft(spectrum, n_fft, hop, window=window, length=waves.shape[1])
    inverse = InverseStft(window, hop, spectrum.shape[2], waves.shape[1], n_fft // 2)
    torch.testing.assert_close(inverse(spectrum.transpose(1, 2)), expected)


@pytest.mark.parametrize(
    "profile",
    [
        built_in("sd15-oneshot", frames=256),
        built_in("riffusion", frames=100),
        built_in("danand", frames=256),
        structs.replace(PROFILE, mel_scale="slaney", norm="slaney", power=2.0),
        structs.replace(PROFILE, window_shape="hamming", pad=700, pad_mode="reflect"),
        structs.replace(PROFILE, n_fft=4096, center=False, pad=100),
    ],
    ids=lambda profile: profile.name,
)
def test_a_sound_survives_mel_and_image_and_back_in_pitch_level_and_place(profile):
    count, start = profile.samples, profile.samples // 3
    time = torch.arange(count - start) / profile.sample_rate
    wave = torch.zeros(1, count)
    wave[0, start:] = (
        torch.exp(-12.0 * time)
        * sine(880.0, seconds=5.0, rate=profile.sample_rate)[: count - start]
    )
    if profile.full_scale:
        wave *= 0.01  # louder is clipped by the image, as that app does it
    image = mel_to_image(waveform_to_mel(wave, profile), profile, 3)
    back = mel_to_waveform(image_to_mel(image, profile), profile)
    assert back.shape == wave.shape
    hertz = float(torch.fft.rfft(back[0]).abs().argmax()) * profile.sample_rate / count
    assert abs(hertz - 880.0) < 30.0
    envelopes = [w[0].abs().unfold(0, 256, 64).mean(dim=1) for w in (wave, back)]
    a, b = (envelope / envelope.norm() for envelope in envelopes)
    assert float(a @ b) > 0.9
    # The frame that is best in step is the right one: no profile is off by its padding.
    lags = [float(a @ b.roll(lag)) for lag in range(-20, 21)]
    assert abs(lags.index(max(lags)) - 20) * 64 <= max(profile.window // 8, 64)


def struck(hertz=120.0, seed=0):
    """A tone and a burst of noise, (1, samples)."""
    noise = torch.randn(PROFILE.samples, generator=torch.Generator().manual_seed(seed))
    time = torch.arange(PROFILE.samples) / PROFILE.sample_rate
    tone = decaying(hertz, t60=0.4, seconds=PROFILE.seconds)[: PROFILE.samples]
    return (tone + 0.3 * noise * torch.exp(-30.0 * time))[None]


@pytest.mark.parametrize(
    "profile",
    [
        PROFILE,
        structs.replace(PROFILE, power=2.0, norm="slaney", normalized=True),
        structs.replace(PROFILE, full_scale=500.0),
    ],
)
def test_a_sound_at_the_level_of_its_mel_is_as_loud_as_what_is_made_of_the_mel(profile):
    sound = level_with_mel(struck(), profile)
    back = mel_to_waveform(waveform_to_mel(struck(), profile), profile)
    assert float(back.square().sum() / sound.square().sum()) == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("hertz", [60.0, 400.0])
def test_a_heard_sound_gives_back_what_its_mel_has_lost(hertz):
    sound = level_with_mel(struck(hertz), PROFILE)
    mel = waveform_to_mel(struck(hertz), PROFILE)
    magnitudes = waveform_to_magnitudes(sound, PROFILE)
    heard = Heard(waveform=sound, detail=mel_to_detail(mel, magnitudes, PROFILE))

    def error(back):
        return float((back - sound).norm() / sound.norm())

    assert error(mel_to_waveform(mel, PROFILE, heard=heard)) < 0.15
    assert error(mel_to_waveform(mel, PROFILE)) > 0.3


def test_kept_frames_are_those_of_the_heard_sound_and_the_others_are_the_mels():
    other = waveform_to_mel(struck(hertz=2000.0, seed=1), PROFILE)
    mel = torch.cat([waveform_to_mel(struck(), PROFILE)[:, :, :40], other[:, :, 40:]], dim=2)
    sound = level_with_mel(struck(), PROFILE)
    kept = torch.arange(PROFILE.frames) < 38
    back = mel_to_waveform(mel, PROFILE, heard=Heard(waveform=sound, kept=kept))
    sure = 36 * PROFILE.hop
    assert float((back - sound)[:, :sure].norm() / sound[:, :sure].norm()) < 0.05
    loud = other[:, :, 44:] > -60.0
    found = waveform_to_mel(back, PROFILE)[:, :, 44:]
    assert float((found - other[:, :, 44:])[loud].abs().mean()) < 3.0


def test_a_heard_sound_changes_no_sound_beside_it():
    mels = torch.cat([waveform_to_mel(struck(hertz=h), PROFILE) for h in (100.0, 300.0)])
    heard = Heard(waveform=level_with_mel(struck(), PROFILE))
    both = mel_to_waveform(mels, PROFILE, heard=heard)
    assert torch.equal(mel_to_waveform(mels[1:], PROFILE, heard=heard)[0], both[1])
