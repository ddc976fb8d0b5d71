import numpy as np
import pytest
import soundfile
import torch

from oneshot_server.pipeline import sound_files
from oneshot_server.pipeline.sound_files import UnusableError, read_sound, sound_to_waveform
from tests.unit.pipeline.tiny_model import PROFILE
from tests.unit.training.making import RATE, hit, write_hit


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [
        ("a.wav", 44_100, 1, "PCM_U8"),
        ("a.wav", 44_100, 2, "PCM_24"),
        ("a.wav", 96_000, 1, "DOUBLE"),
        ("a.wav", 48_000, 6, "PCM_16"),
        ("a.wav", 8_000, 1, "FLOAT"),
        ("a.aif", 44_100, 2, "PCM_16"),
        ("a.flac", 192_000, 2, "PCM_24"),
        ("a.ogg", 44_100, 1, "VORBIS"),
        ("a.mp3", 44_100, 2, "MPEG_LAYER_III"),
        ("бочка 🥁.wav", 44_100, 1, "PCM_16"),
        (f"{'k' * 246}.wav", 44_100, 1, "PCM_16"),
    ],
)
def test_every_format_becomes_the_profiles_waveform(tmp_path, name, rate, channels, subtype):
    samples = np.repeat(hit(200.0, rate=rate)[:, None], channels, axis=1)
    form = "AIFF" if name.endswith(".aif") else None
    soundfile.write(tmp_path / name, samples, rate, subtype=subtype, format=form)
    audio, found = read_sound(tmp_path / name, 8.0)
    assert found == rate
    assert audio.shape[0] == channels
    waveform = sound_to_waveform(audio, found, PROFILE)
    assert waveform.shape == (PROFILE.samples,)
    assert float(waveform.abs().amax()) == pytest.approx(1.0)


def refusal(path, max_seconds=8.0):
    with pytest.raises(UnusableError) as caught:
        sound_to_waveform(*read_sound(path, max_seconds), PROFILE)
    assert str(path.parent) not in str(caught.value)
    return str(caught.value)


def test_a_text_named_wav_is_unreadable(tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("this is no sound")
    assert "unreadable" in refusal(path)


def test_an_empty_file_is_unreadable(tmp_path):
    path = tmp_path / "empty.wav"
    path.touch()
    assert "unreadable" in refusal(path)


def test_a_truncated_wav_is_told_as_cut_off(tmp_path):
    path = write_hit(tmp_path / "a.wav", 100.0)
    path.write_bytes(path.read_bytes()[:9000])
    assert "cut off: 9000 of" in refusal(path)


def test_a_truncated_flac_is_unreadable(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, RATE), RATE)
    path.write_bytes(path.read_bytes()[:20_000])
    assert "unreadable" in refusal(path)


def test_nan_samples_are_told(tmp_path):
    samples = hit(100.0)
    samples[50] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    assert "NaN" in refusal(tmp_path / "a.wav")


def test_silence_is_told(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    assert "silent" in refusal(tmp_path / "a.wav")


def test_a_file_without_samples_is_told(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(0), RATE)
    assert "no samples" in refusal(tmp_path / "a.wav")


def test_a_loop_is_told_with_its_length(tmp_path):
    write_hit(tmp_path / "a.wav", 100.0, seconds=3.0, decay=0.1)
    assert refusal(tmp_path / "a.wav", 2.0) == "a loop of 3.0 s, longer than 2 s"


def test_a_one_shot_with_a_long_silence_behind_is_no_loop(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.r_[hit(100.0), np.zeros(5 * RATE)], RATE)
    read_sound(tmp_path / "a.wav", 2.0)


def test_a_file_that_has_gone_is_told(tmp_path):
    assert "not there" in refusal(tmp_path / "a.wav")


def test_pitch_and_shift_move_the_sound():
    audio = torch.from_numpy(hit(400.0)[None])
    plain = sound_to_waveform(audio, RATE, PROFILE)
    higher = sound_to_waveform(audio, RATE, PROFILE, semitones=12.0)
    later = sound_to_waveform(audio, RATE, PROFILE, shift_seconds=0.01)
    crossings = [int((w[:1000].diff(dim=0) > 0).diff().sum()) for w in (plain, higher)]
    assert crossings[1] == pytest.approx(2 * crossings[0], abs=2)
    shift = round(0.01 * PROFILE.sample_rate)
    assert torch.equal(later[shift:], plain[:-shift])


def test_a_small_file_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "bomb.flac"
    soundfile.write(path, np.zeros((2000, 8)), 192_000)
    monkeypatch.setattr(sound_files, "MOST_SAMPLES", 15_999)
    assert "8 channels at 192000 Hz, more than can be read at once" in refusal(path)
