"""``oneshot doctor`` and Live's User Library: it offers, and does only what it was told to."""

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from oneshot_server.cli import app, doctor, home_checks
from oneshot_server.cli.check import Check, Level
from oneshot_server.cli.live_check import check_user_library, put_samples_into_user_library
from oneshot_server.errors import ForbiddenError, NotFoundError, SettingsError
from oneshot_server.library.home import Home
from oneshot_server.settings import default_toml, load_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home in the fake home directory of a person."""
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    home = Home(tmp_path / "Music" / "Oneshot")
    home.create()
    return home


@pytest.fixture
def library(home: Home) -> Path:
    """That person has Live."""
    library = home.root.parent / "Ableton" / "User Library"
    library.mkdir(parents=True)
    return library


def check(home: Home) -> Check:
    return check_user_library(home, load_settings(home.config))


def run(home: Home, *options: str) -> str:
    """``oneshot doctor`` with this check alone."""
    result = CliRunner().invoke(app, ["doctor", "--home", str(home.root), *options])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "run_checks", lambda option: iter([check(Home(option))]))


def test_without_live_nothing_is_offered(home: Home) -> None:
    assert check(home).level is Level.OK
    assert put_samples_into_user_library(home, load_settings(home.config)) is None
    assert home.config.read_text(encoding="utf-8") == default_toml()


@pytest.mark.usefixtures("alone")
def test_a_user_library_is_offered_with_the_command_and_nothing_is_done(
    home: Home, library: Path
) -> None:
    told = run(home)
    assert f"tip      live       Live keeps its User Library in sync by itself: {library}" in told
    folder = library / "Samples" / "Oneshot"
    assert f"-> oneshot doctor --fix lets new sounds appear in {folder};" in told
    assert list(library.iterdir()) == []
    assert home.config.read_text(encoding="utf-8") == default_toml()


@pytest.mark.usefixtures("alone")
def test_fix_lets_new_sounds_appear_there_and_moves_none(home: Home, library: Path) -> None:
    old = home.samples / "kick_7.wav"
    old.write_bytes(b"mine")
    folder = library / "Samples" / "Oneshot"
    told = run(home, "--fix")
    assert f'samples.folder = "{folder}"' in told
    assert f"sounds appear in Live's User Library, {library}" in told
    settings = load_settings(home.config)
    assert home.samples_folder(settings.samples.folder) == folder
    assert home_checks.check_folders(home, settings).level is Level.OK
    assert old.read_bytes() == b"mine"
    assert list(folder.iterdir()) == []
    assert "nothing to fix" in run(home, "--fix")


@pytest.mark.usefixtures("alone")
def test_a_daemon_that_runs_is_to_be_started_again(home: Home, library: Path) -> None:
    with home.lock():
        assert "start the daemon again" in run(home, "--fix")


def test_only_one_key_of_the_config_is_changed(home: Home, library: Path) -> None:
    home.config.write_text('# mine\n[samples]\nlevel = "lufs"\n[osc]\nport = 9340\n', "utf-8")
    put_samples_into_user_library(home, load_settings(home.config))
    text = home.config.read_text(encoding="utf-8")
    assert text.startswith("# mine\n")
    assert tomllib.loads(text) == {
        "samples": {"level": "lufs", "folder": str(library / "Samples" / "Oneshot")},
        "osc": {"port": 9340},
    }


def test_a_folder_that_was_chosen_stays(home: Home, library: Path) -> None:
    home.config.write_text('[samples]\nfolder = "elsewhere"\n', "utf-8")
    assert check(home).level is Level.OK
    assert "where samples.folder says" in check(home).text
    assert put_samples_into_user_library(home, load_settings(home.config)) is None


def test_a_home_that_is_in_the_user_library_is_well(library: Path) -> None:
    inside = Home(library / "Oneshot")
    assert "appear in Live's User Library" in check(inside).text


def test_a_user_library_that_is_not_there_is_told(home: Home) -> None:
    home.config.write_text('[samples]\nuser_library = "/nowhere"\n', "utf-8")
    assert check(home).level is Level.WARNING
    assert "samples.user_library = /nowhere" in check(home).text
    with pytest.raises(NotFoundError):
        put_samples_into_user_library(home, load_settings(home.config))


def test_what_stands_in_the_way_is_told(home: Home, library: Path) -> None:
    (library / "Samples").write_text("a file")
    settings = load_settings(home.config)
    with pytest.raises(ForbiddenError, match="cannot be made"):
        put_samples_into_user_library(home, settings)
    (library / "Samples").unlink()
    home.config.write_text("samples = {}\n", "utf-8")
    with pytest.raises(SettingsError, match="not safe"):
        put_samples_into_user_library(home, settings)
