"""``oneshot image``: painted sounds."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from msgspec import json
from PIL import Image
from typer.testing import CliRunner, Result

from oneshot_server.cli import app
from tests.unit.dsp.profiles import PROFILE

RATE = 44_100


def image(home: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["image", *map(str, arguments), "--home", str(home)])


def small_profile(folder: Path, name: str = "small", **changes: object) -> Path:
    """A profile that is inverted in a moment, as a producer's own in the home."""
    values = json.decode(json.encode(PROFILE)) | {"frames": 64, **changes}
    del values["name"]
    lines = [f"{key} = {json.encode(value).decode()}" for key, value in values.items()]
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder / f"{name}.toml"


def snap(path: Path, seconds: float = 0.2, silence: float = 0.0) -> npt.NDArray[np.float64]:
    times = np.arange(int(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * 440 * times) * np.exp(-times * 30)
    wave = np.concatenate([np.zeros(int(silence * RATE)), wave])
    soundfile.write(path, wave, RATE)
    return wave


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    small_profile(tmp_path / "profiles")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.mark.parametrize("profile", ["small", "danand"])
def test_a_sound_becomes_an_image_that_plays_by_itself(home: Path, profile: str) -> None:
    snap(home / "kick.wav")
    painted = image(home, "from-wav", home / "kick.wav", "--profile", profile)
    assert painted.stdout.strip() == "kick.png", painted.output
    played = image(home, "to-wav", "kick.png")
    assert played.stdout.strip() == "kick.wav", played.output
    wave, rate = soundfile.read("kick.wav")
    hertz = np.abs(np.fft.rfft(wave)).argmax() * rate / len(wave)
    assert abs(hertz - 440) < 15
    assert np.abs(wave).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)


def test_the_files_that_are_there_are_kept(home: Path) -> None:
    snap(home / "kick.wav")
    for name in ("kick.png", "kick-2.png"):
        assert (
            image(home, "from-wav", home / "kick.wav", "--profile", "small").stdout == f"{name}\n"
        )
    image(home, "to-wav", "kick.png", "--out", "a.wav")
    assert Path("a.wav").exists()


def test_a_longer_image_is_a_longer_sound_and_erased_pixels_are_silent(home: Path) -> None:
    snap(home / "kick.wav")
    image(home, "from-wav", home / "kick.wav", "--profile", "small")
    kick = Image.open("kick.png").convert("RGBA")
    wide = Image.new("RGBA", (kick.width * 2, kick.height))  # transparent
    wide.paste(kick, (0, 0))
    wide.paste(kick, (kick.width, 0))
    wide.save("twice.png")
    assert image(home, "to-wav", "twice.png", "--profile", "small").exit_code == 0
    wave, _ = soundfile.read("twice.wav")
    half = PROFILE.hop * 64
    assert len(wave) > half
    assert np.abs(wave[half - 200 : half + 1500]).max() > 0.3
    assert np.abs(wave[half - 2000 : half - 1000]).max() < 0.05


def test_a_low_tone_is_at_the_bottom_where_people_draw_it(home: Path) -> None:
    small_profile(home / "profiles", "turned", image_low_row="bottom", image_inverted=True)
    snap(home / "kick.wav")
    for profile in ("small", "turned"):
        image(home, "from-wav", home / "kick.wav", "--profile", profile, "--out", f"{profile}.png")
    small, turned = (np.asarray(Image.open(f"{name}.png")) for name in ("small", "turned"))
    assert (255 - small[::-1] == turned).all()
    assert small.mean(axis=1).argmax() < 64  # 440 Hz of 20 kHz


def test_a_sound_that_is_too_long_is_cut_and_said_so(home: Path) -> None:
    snap(home / "long.wav", seconds=2.0)
    result = image(home, "from-wav", home / "long.wav", "--profile", "small")
    assert "long.wav: 2.00 s, cut at the 0.37 s of small" in result.stderr


def test_profiles_are_listed_with_ones_own(home: Path) -> None:
    lines = image(home, "profiles").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["danand", "riffusion", "sd15-oneshot", "small"]
    assert "512 by 512 pixels, 5.12 s, 44100 Hz" in lines[1]


def test_what_cannot_be_played_or_painted_is_told_in_a_line(home: Path) -> None:
    Image.new("L", (64, 128)).save("plain.png")
    Image.new("L", (64, 100), 128).save("small.png")
    Image.new("L", (0x1000, 128), 128).save("wide.png")
    Path("text.wav").write_text("no sound")
    soundfile.write("silent.wav", np.zeros(1000), RATE)
    small_profile(home, "broken", hop=-1)
    for arguments, text in (
        (("to-wav", "plain.png"), "plain.png: no mel profile inside, expected --profile"),
        (("to-wav", "plain.png", "--profile", "small"), "plain.png: silent, read as small"),
        (("to-wav", "small.png", "--profile", "small"), "64 by 100 pixels, expected 128 rows"),
        (("to-wav", "none.png"), "none.png: No such file"),
        (("to-wav", "plain.png", "--profile", "no"), "expected one of danand, riffusion, sd15-"),
        (("to-wav", "plain.png", "--profile", home / "broken.toml"), "broken.toml: hop = -1, exp"),
        (("from-wav", "none.wav"), "none.wav: no such file"),
        (("from-wav", "text.wav"), "text.wav: unreadable: "),
        (("from-wav", "silent.wav"), "silent.wav: silent"),
    ):
        result = image(home, *arguments)
        assert result.exit_code in {1, 2}, arguments
        assert text in result.stderr
        assert result.stderr.count("\n") == 1
        assert not result.stdout
    assert not list(Path().glob("*-2.*"))
