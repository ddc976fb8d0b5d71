"""Mel profiles as files."""

from pathlib import Path

import msgspec
import pytest

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.errors import NotFoundError, SettingsError
from oneshot_server.settings import find_profile, profile_names, read_profile
from oneshot_server.settings.keys import as_toml, keys_of
from tests.unit.dsp.profiles import PROFILE

GOOD = {key: value for key, value in msgspec.structs.asdict(PROFILE).items() if key != "name"}


def write(path: Path, **values: object) -> Path:
    lines = [f"{key} = {msgspec.json.encode(value).decode()}" for key, value in values.items()]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_the_built_in_profiles_are_those_of_their_models(tmp_path: Path) -> None:
    assert profile_names(tmp_path) == ("danand", "riffusion", "sd15-oneshot")
    riffusion = find_profile("riffusion", tmp_path)
    # int(0.4 * 44100), int(0.1 * 44100), int(0.01 * 44100): SpectrogramParams of riffusion 0.3
    assert (riffusion.n_fft, riffusion.window, riffusion.hop) == (17640, 4410, 441)
    assert (riffusion.f_min, riffusion.f_max, riffusion.image_power) == (0.0, 10_000.0, 0.25)
    assert find_profile("danand", tmp_path).seconds == pytest.approx(0.998, abs=0.001)
    assert find_profile("sd15-oneshot", tmp_path).samples == 65_536


def test_a_profile_of_ones_own_is_found_by_its_files_name_before_a_built_in_one(tmp_path):
    write(tmp_path / "mine.toml", **GOOD)
    write(tmp_path / "danand.toml", **{**GOOD, "hop": 99})
    assert find_profile("mine", tmp_path) == msgspec.structs.replace(PROFILE, name="mine")
    assert find_profile("danand", tmp_path).hop == 99
    assert "mine" in profile_names(tmp_path)


@pytest.mark.parametrize("name", ["none", "", "../mine", "a/b", "x\n", "a" * 500])
def test_a_name_that_is_no_profile_is_answered_with_those_that_there_are(tmp_path, name):
    (tmp_path / "in").mkdir()
    write(tmp_path / "mine.toml", **GOOD)
    with pytest.raises(NotFoundError, match=r"expected one of danand, riffusion, sd15-oneshot"):
        find_profile(name, tmp_path / "in")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({**GOOD, "hop": "256"}, 'mine.toml: hop = "256", expected an int from 1 to 32768'),
        ({**GOOD, "f_max": 1e9}, "mine.toml: f_max = 1000000000.0, expected a float from 0 to"),
        ({**GOOD, "hopp": 3}, 'mine.toml: "hopp" is no known key, expected one of sample_rate, '),
        ({"hop": 3}, "mine.toml: sample_rate is missing, expected an int from 8000 to 192000"),
        ({**GOOD, "name": "x"}, 'mine.toml: "name" is no known key'),
        ({**GOOD, "norm": "area"}, 'mine.toml: norm = "area", expected "none" or "slaney"'),
        ({**GOOD, "window": 4096}, "mine.toml: window = 4096, expected at most n_fft, 2048"),
        ({**GOOD, "hop": 600}, "mine.toml: hop = 600, expected 1 to half the window, 512"),
        ({**GOOD, "f_max": 30_000}, "mine.toml: f_min = 20.0, f_max = 30000.0, expected f_min < "),
        ({**GOOD, "frames": 2, "pad_mode": "reflect"}, "mine.toml: frames = 2, expected more"),
        ({**GOOD, "frames": 2, "pad": 256}, "mine.toml: pad = 256, expected less than half"),
    ],
)
def test_a_broken_profile_is_refused_with_file_and_key(tmp_path, values, text):
    with pytest.raises(SettingsError) as caught:
        read_profile(write(tmp_path / "mine.toml", **values))
    assert text in str(caught.value)


def test_what_was_written_before_the_new_keys_means_the_same_and_is_written_the_same() -> None:
    old = (
        b'{"name":"starter-128","sample_rate":44100,"n_fft":2048,"window":1024,"hop":256,'
        b'"mels":128,"frames":256,"f_min":20.0,"f_max":20000.0,"range_db":80.0}'
    )
    profile = msgspec.json.decode(old, type=MelProfile)
    assert (profile.power, profile.pad_mode, profile.image_curve) == (1.0, "constant", "db")
    assert msgspec.json.encode(profile) == old


def test_a_profile_with_a_key_of_a_later_version_is_refused_and_not_misread() -> None:
    later = msgspec.json.encode({**GOOD, "name": "x", "warp": 2.0})
    with pytest.raises(msgspec.ValidationError, match="warp"):
        msgspec.json.decode(later, type=MelProfile)


def test_the_page_on_spectrograms_has_every_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "spectrograms.md").read_text(encoding="utf-8")
    for key in list(keys_of(MelProfile).values())[1:]:
        default = "needed" if key.default is msgspec.NODEFAULT else f"`{as_toml(key.default)}`"
        assert f"| `{key.name}` | {key.expected} | {default} | {key.help} |" in page
