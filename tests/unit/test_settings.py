"""The settings: what a producer writes into config.toml and what comes of it."""

from pathlib import Path
from typing import get_args

import pytest

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import SettingsError
from oneshot_server.settings import (
    Settings,
    default_toml,
    home_from_environment,
    load_settings,
    override,
)
from oneshot_server.settings.keys import keys_of, sections_of
from oneshot_server.settings.values import MidiSettings, SamplesSettings
from oneshot_server.transports.midi.clock import GRIDS

ROOT = Path(__file__).parent.parent.parent


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_bytes(text.encode())
    return path


def test_the_default_file_in_the_repository_is_the_one_that_the_structs_say() -> None:
    shipped = (ROOT / "config" / "default.toml").read_text(encoding="utf-8")
    assert shipped == default_toml(), (
        "make it again: python -c 'from oneshot_server.settings import default_toml; "
        'print(default_toml(), end="")\' > config/default.toml'
    )


def test_the_default_file_changes_nothing(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, default_toml())) == Settings()


def test_the_default_file_with_every_key_active_changes_nothing(tmp_path: Path) -> None:
    active = "\n".join(
        line.removeprefix("#") if line.startswith("#") and line[1:2].isalpha() else line
        for line in default_toml().splitlines()
    )
    assert "\nport = 9330" in active
    assert load_settings(write(tmp_path, active)) == Settings()


def test_every_key_has_a_help_of_one_line_and_says_what_is_expected() -> None:
    for section in sections_of(Settings).values():
        for key in keys_of(section).values():
            assert key.help
            assert "\n" not in key.help
            assert key.expected


def test_a_missing_file_means_all_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "config.toml") == Settings()


def test_keys_that_are_given_are_taken_and_the_others_stay(tmp_path: Path) -> None:
    text = '[osc]\nport = 9400\n\n[samples]\nlevel = "lufs"\npeak_db = -3\n'
    settings = load_settings(write(tmp_path, text))
    assert settings.osc.port == 9400
    assert settings.osc.host == "127.0.0.1"
    assert settings.samples.level == "lufs"
    assert settings.samples.peak_db == -3.0
    assert isinstance(settings.samples.peak_db, float)


def test_a_file_from_windows_notepad_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf[osc]\r\nport = 9400\r\n")
    assert load_settings(path).osc.port == 9400


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[osc]\nport = "abc"', 'osc.port = "abc", expected an int from 1 to 65535'),
        ("[osc]\nport = 0", "osc.port = 0, expected an int from 1 to 65535"),
        ("[osc]\nport = true", "osc.port = true, expected an int from 1 to 65535"),
        ("[osc]\nport = 9330.5", "osc.port = 9330.5, expected an int from 1 to 65535"),
        ("[osc]\nport = 1979-05-27", 'osc.port = "1979-05-27", expected an int from 1 to 65535'),
        ("[osc]\nhost = 1", "osc.host = 1, expected a string of 1 to 253 characters"),
        ("[samples]\npeak_db = nan", "samples.peak_db = nan, expected a float from -30 to -0.1"),
        ("[samples]\npeak_db = 1", "samples.peak_db = 1, expected a float from -30 to -0.1"),
        ('[samples]\nlevel = "x"', 'samples.level = "x", expected "peak" or "lufs"'),
        (
            '[samples]\nsubtype = "PCM_8"',
            'samples.subtype = "PCM_8", expected "PCM_16", "PCM_24" or "FLOAT"',
        ),
        (
            "[osc]\nprot = 1",
            "osc.prot is no known key, expected one of host, port, lease_seconds",
        ),
        (
            "[ocs]\nport = 1",
            "[ocs] is no known section, expected one of osc, samples, engine, jobs, pads, "
            "training, midi, web, log",
        ),
        (
            "[midi]\nchannel = 17",
            'midi.channel = 17, expected an int from 1 to 16 or "omni"',
        ),
        (
            "[samples]\nsample_rate = 22050",
            'samples.sample_rate = 22050, expected "model", 44100, 48000, 88200 or 96000',
        ),
        ("[midi]\ninputs = 1", "midi.inputs = 1, expected a list of up to 32 strings"),
        ("osc = 1", "osc = 1, expected a section: [osc]"),
        ("[osc]\nport = ", "line 2: Invalid value"),
        ('[osc]\nhost = "x', "line 2: Unterminated string"),
        ("[osc]\nport = 1\nport = 2", "line 3: Cannot overwrite a value"),
    ],
)
def test_a_complaint_names_file_key_value_and_what_is_expected(
    text: str, complaint: str, tmp_path: Path
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert str(caught.value) == f"{path}: {complaint}"


def test_a_long_value_is_shown_short(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, f'[osc]\nport = "{"x" * 5000}"'))
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "content", [b"\xff\xfe[osc]", b"x = " + b"[" * 20_000, b"#" * 1_100_000], ids=lambda c: c[:4]
)
def test_a_file_that_is_no_settings_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"config\.toml: .*expected"):
        load_settings(path)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path)


def test_what_the_settings_allow_the_finish_allows_too() -> None:
    defaults = SamplesSettings().finish_options(GenerateRequest(prompt="kick"))
    assert defaults == FinishOptions()
    request = GenerateRequest(prompt="kick", seconds=1.5, tune=-12.0, level=-6.0)
    for name, key in keys_of(SamplesSettings).items():
        if key.expected.startswith("a float"):
            low, high = (float(word) for word in key.expected.split()[3::2])
            for value in (low, high):
                options = SamplesSettings(**{name: value}).finish_options(request)
                assert getattr(options, name) == value
                assert (options.max_seconds, options.tune, options.gain_db) == (1.5, -12.0, -6.0)


def test_rate_and_width_are_those_of_the_settings_and_a_request_may_say_another_width() -> None:
    samples = SamplesSettings(sample_rate=48_000, width=0.6)
    options = samples.finish_options(GenerateRequest(prompt="clap"))
    assert (options.sample_rate, options.width) == (48_000, 0.6)
    assert samples.finish_options(GenerateRequest(prompt="kick", width=0.0)).width == 0.0


def test_an_empty_environment_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONESHOT_HOME", "")
    assert home_from_environment() is None
    monkeypatch.setenv("ONESHOT_HOME", "/somewhere")
    assert home_from_environment() == "/somewhere"


def test_an_option_overrides_one_key_within_its_range() -> None:
    changed = override(Settings(), "osc.port", 9400, origin="--port")
    assert changed.osc.port == 9400
    assert changed.osc.host == "127.0.0.1"
    assert override(changed, "osc.port", None, origin="--port") == changed
    with pytest.raises(SettingsError) as caught:
        override(Settings(), "osc.port", 0, origin="--port")
    assert str(caught.value) == "--port = 0, expected an int from 1 to 65535"


def test_the_grids_of_the_settings_are_those_of_the_clock() -> None:
    assert get_args(get_args(MidiSettings.__annotations__["quantise"])[0]) == tuple(GRIDS)


def test_midi_settings_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, '[midi]\nchannel = 10\ninputs = ["nano*", "mine"]\nquantise = "1/16"')
    midi = load_settings(path).midi
    assert (midi.channel, midi.inputs, midi.quantise) == (10, ("nano*", "mine"), "1/16")
