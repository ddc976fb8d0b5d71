"""Plain WAVs are decoded here, to what libsndfile makes of them; all others are left to it."""

from io import BytesIO

import numpy as np
import pytest
import soundfile

from oneshot_server.library import sound_file
from oneshot_server.library.riff import walk
from oneshot_server.library.sound_file import read_sound
from oneshot_server.library.wav_decoding import WavFormat, decode_samples, read_format

RATE = 44_100
NOISE = np.random.default_rng(0).uniform(-1, 1, (1000, 2))


def written(form="WAV", subtype="PCM_16", channels=1, samples=NOISE):
    stream = BytesIO()
    soundfile.write(stream, samples[:, :channels], RATE, format=form, subtype=subtype)
    return stream.getvalue()


def chunks(wav):
    return {c.id: wav[c.start : c.start + c.size] for c in walk(BytesIO(wav))}


@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_samples_are_those_that_libsndfile_reads(form, subtype, channels):
    wav = written(form, subtype, channels)
    found = read_format(chunks(wav)[b"fmt "])
    assert (found.channels, found.sample_rate) == (channels, RATE)
    decoded = decode_samples(chunks(wav)[b"data"], found)
    expected = soundfile.read(BytesIO(wav), dtype="float32", always_2d=True)[0]
    np.testing.assert_array_equal(decoded, expected)


@pytest.mark.parametrize(
    ("form", "subtype"),
    [("WAV", "PCM_U8"), ("WAV", "PCM_32"), ("WAV", "DOUBLE"), ("WAV", "ULAW"), ("WAVEX", "ALAW")],
)
def test_other_formats_are_left_to_libsndfile(tmp_path, form, subtype):
    wav = written(form, subtype)
    assert read_format(chunks(wav)[b"fmt "]) is None
    (tmp_path / "a.wav").write_bytes(wav)
    found = read_sound(tmp_path / "a.wav", tmp_path)
    assert (found.trouble, found.seconds) == ("", pytest.approx(1000 / RATE))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01\x00" * 7,
        chunks(written())[b"fmt "][:12] + b"\x03\x00\x10\x00",  # frames of 3 bytes
        b"\x01\x00\x00\x00" + chunks(written())[b"fmt "][4:],  # no channel
        chunks(written())[b"fmt "][:4] + bytes(4) + chunks(written())[b"fmt "][8:],  # 0 Hz
    ],
)
def test_a_format_that_makes_no_sense_is_none(content):
    assert read_format(content) is None


def test_half_a_frame_is_no_samples():
    with pytest.raises(ValueError, match="3 bytes, expected frames of 4"):
        decode_samples(b"123", WavFormat(channels=2, sample_rate=RATE, bits=16))


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("held", [0, 10**9])
def test_a_file_is_known_by_the_same_whoever_decodes_it(tmp_path, monkeypatch, subtype, held):
    monkeypatch.setattr(sound_file, "HELD_BYTES", held)
    (tmp_path / "a.wav").write_bytes(written("WAV", subtype, 2))
    here = read_sound(tmp_path / "a.wav", tmp_path)
    monkeypatch.setattr(sound_file, "read_format", lambda _content: None)
    there = read_sound(tmp_path / "a.wav", tmp_path)
    assert here == there


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, -1e30])
def test_floats_that_are_no_sound_leave_numbers_that_can_be_compared(tmp_path, value):
    samples = NOISE.copy()
    samples[::7] = value
    (tmp_path / "a.wav").write_bytes(written("WAV", "FLOAT", 1, samples))
    found = read_sound(tmp_path / "a.wav", tmp_path)
    assert found.trouble == ""
    assert np.isfinite(np.frombuffer(found.embedding, np.float16)).all()
    assert np.isfinite([found.level_db, found.brightness_hz]).all()
