import io

import numpy as np
import pytest
from PIL import Image

from oneshot_server.errors import MetadataError
from oneshot_server.library.sound_picture import (
    COLUMNS,
    ROWS,
    sound_picture,
    spectrogram_rows,
    waveform_rows,
)
from oneshot_server.library.wav_encoding import encode_wav

RATE = 44_100


def sine(hertz: float, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def test_the_loudest_moment_fills_the_height_and_silence_is_a_line():
    sound = np.concatenate([sine(2000, 0.25), np.zeros(RATE // 4, np.float32)])
    rows = waveform_rows(sound)
    assert rows.shape == (ROWS, COLUMNS)
    assert (rows[:, : COLUMNS // 2].sum(axis=0) > 0.9 * ROWS).all()
    np.testing.assert_allclose(rows[:, COLUMNS // 2 + 1 :].sum(axis=0), 1.0)
    assert rows[ROWS // 2 - 1 : ROWS // 2 + 1, -1].sum() == pytest.approx(1.0)


def test_a_high_tone_is_above_a_low_one():
    brightest = [
        int(spectrogram_rows(sine(f), RATE).sum(axis=1).argmax()) for f in (100, 1000, 9000)
    ]
    assert brightest == sorted(brightest, reverse=True)
    octaves = ROWS / np.log2(18_000 / 40)
    assert brightest[0] - brightest[1] == pytest.approx(np.log2(10) * octaves, abs=1.5)


@pytest.mark.parametrize("samples", [1, 100, 5000])
def test_short_and_silent_sounds_have_pictures(samples, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(encode_wav(np.zeros(samples, np.float32), RATE, "PCM_16"))
    with Image.open(io.BytesIO(sound_picture(path))) as image:
        assert (image.size, image.mode) == ((COLUMNS, 2 * ROWS), "LA")


def test_the_picture_is_small_and_the_same_each_time(tmp_path):
    path = tmp_path / "a.wav"
    noise = np.random.default_rng(1).uniform(-1, 1, (RATE, 2)) * np.linspace(1, 0, RATE)[:, None]
    path.write_bytes(encode_wav(noise, RATE, "PCM_24"))
    picture = sound_picture(path)
    assert len(picture) < 12_000
    assert picture == sound_picture(path)


def test_what_is_no_sound_is_refused_by_name(tmp_path):
    path = tmp_path / "notes.wav"
    path.write_bytes(b"words")
    with pytest.raises(MetadataError, match=r"notes\.wav cannot be read"):
        sound_picture(path)
