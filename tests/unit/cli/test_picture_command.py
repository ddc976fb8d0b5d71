"""``oneshot picture``: any sounds, one PNG."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from oneshot_server.cli import app
from oneshot_server.cli.drawing import LOWEST_HZ, ROWS, spectrogram_db

PNG = b"\x89PNG"


def write_sound(path: Path, seconds: float = 0.2, channels: int = 1, rate: int = 44100) -> Path:
    times = np.arange(int(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * 440 * times) * np.exp(-times * 20)
    soundfile.write(path, np.repeat(wave[:, None], channels, axis=1), rate)
    return path


def picture(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["picture", *map(str, arguments)])


def test_wav_and_flac_mono_and_stereo_share_a_picture(tmp_path: Path) -> None:
    files = [
        write_sound(tmp_path / "a.wav"),
        write_sound(tmp_path / "b.flac", channels=2, rate=96000),
        write_sound(tmp_path / "low.wav", rate=8000),
        write_sound(tmp_path / "$x$ 太鼓.wav", seconds=0.001),
        write_sound(tmp_path / "c.wav", seconds=3),
    ]
    target = tmp_path / "out.png"
    result = picture(*files, "--out", target)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(target)
    assert target.read_bytes().startswith(PNG)


def test_without_a_name_the_picture_is_a_new_file_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sound = write_sound(tmp_path / "kick.wav")
    (tmp_path / "kick.png").write_bytes(b"mine")
    assert picture(sound).stdout.strip() == "kick-2.png"
    assert (tmp_path / "kick.png").read_bytes() == b"mine"


def test_silence_and_one_sample_can_be_drawn(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(1000), 44100)
    soundfile.write(tmp_path / "one.wav", np.ones(1), 44100)
    soundfile.write(tmp_path / "nan.wav", np.full(500, np.nan), 44100, subtype="FLOAT")
    files = [tmp_path / name for name in ("silent.wav", "one.wav", "nan.wav")]
    assert picture(*files, "--out", tmp_path / "out.png").exit_code == 0


@pytest.mark.parametrize("content", [None, b"", b"no sound", b"RIFF\0\0\0\0WAVE"])
def test_what_is_no_sound_is_told_by_name(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "strange.wav"
    if content is not None:
        path.write_bytes(content)
    result = picture(path, "--out", tmp_path / "out.png")
    assert result.exit_code == 1
    assert "strange.wav" in result.stderr
    assert "Traceback" not in result.output


def test_an_empty_sound_is_told(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 44100)
    assert "is empty" in picture(tmp_path / "empty.wav", "--out", tmp_path / "o.png").stderr


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    result = picture(write_sound(tmp_path / "a.wav"), "--out", tmp_path / "none" / "o.png")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_a_tone_is_brightest_at_its_frequency() -> None:
    times = np.arange(44100) / 44100
    image = spectrogram_db(np.sin(2 * np.pi * 1000 * times)[:, None], 44100, 22050.0)
    rows = np.geomspace(LOWEST_HZ, 22050, ROWS)
    brightest = rows[image[:, image.shape[1] // 2].argmax()]
    assert abs(brightest - 1000) < 30
    assert image.max() <= 0
    assert image.min() >= -80.001


def test_channels_that_cancel_are_still_seen() -> None:
    wave = np.sin(2 * np.pi * 1000 * np.arange(4410) / 44100)
    image = spectrogram_db(np.stack([wave, -wave], axis=1), 44100, 22050.0)
    assert image.max() > -1
