"""WAV bytes: the right samples, and the same bytes every time."""

import io
import time

import numpy as np
import pytest
import soundfile

from oneshot_server.library.riff import walk
from oneshot_server.library.wav_encoding import encode_wav


def noise(samples: int, channels: int = 1) -> np.ndarray:
    shape = samples if channels == 1 else (samples, channels)
    return np.random.default_rng(0).uniform(-0.9, 0.9, shape).astype(np.float32)


@pytest.mark.parametrize(
    ("subtype", "tolerance"), [("PCM_16", 2**-15), ("PCM_24", 2**-23), ("FLOAT", 0.0)]
)
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_come_back_within_the_last_bit(
    subtype: str, tolerance: float, channels: int
) -> None:
    waveform = noise(1001, channels)
    wav = encode_wav(waveform, 48000, subtype)
    back, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    assert rate == 48000
    np.testing.assert_allclose(back, waveform, rtol=0, atol=tolerance)
    assert soundfile.info(io.BytesIO(wav)).subtype == subtype


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_the_same_samples_give_the_same_bytes_a_second_later(subtype: str) -> None:
    first = encode_wav(noise(101), 44100, subtype)
    assert b"PEAK" not in [chunk.id for chunk in walk(io.BytesIO(first))]
    now = int(time.time())
    while int(time.time()) == now:  # libsndfile's time stamp counts whole seconds
        time.sleep(0.02)
    assert encode_wav(noise(101), 44100, subtype) == first


def test_full_scale_does_not_wrap_around() -> None:
    wav = encode_wav(np.array([1.0, -1.0, 1.5], np.float32), 44100, "PCM_24")
    back, _ = soundfile.read(io.BytesIO(wav))
    assert back[0] > 0.99
    assert back[1] < -0.99
    assert back[2] > 0.99


@pytest.mark.parametrize(
    ("waveform", "subtype", "trouble"),
    [
        (np.zeros(10), "MP3", "PCM_16, PCM_24, FLOAT"),
        (np.zeros(0), "PCM_24", "shape"),
        (np.zeros((2, 2, 2)), "PCM_24", "shape"),
        (np.array([np.nan]), "PCM_24", "finite"),
        (np.array([np.inf]), "PCM_24", "finite"),
    ],
)
def test_what_is_no_sound_is_refused(waveform: np.ndarray, subtype: str, trouble: str) -> None:
    with pytest.raises(ValueError, match=trouble):
        encode_wav(waveform, 44100, subtype)
