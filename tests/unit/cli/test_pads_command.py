"""``oneshot pads``, ``kit`` and ``multisample`` without a daemon."""

import json
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from oneshot_server.cli import app, render_set
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.library.wav_metadata import extract
from tests.unit.jobs.pad_rig import sound

runner = CliRunner()


@pytest.fixture(autouse=True)
def _log_as_before():
    yield
    structlog.reset_defaults()


def oneshot(home: Path, *arguments: str, code: int = 0) -> str:
    result = runner.invoke(app, [*arguments, "--home", str(home)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def rendered(monkeypatch) -> list[GenerateRequest]:
    asked: list[GenerateRequest] = []

    def render(requests: Any, **_: object) -> list[list[bytes]]:
        asked.extend(requests)
        return [[sound(r.seed_of(index)) for index in range(r.count)] for r in requests]

    monkeypatch.setattr(render_set, "render_set", render)
    return asked


def test_a_new_home_has_the_house_kit_on_its_pads(tmp_path):
    lines = oneshot(tmp_path, "pads", "--json").splitlines()
    assert len(lines) == 16
    assert json.loads(lines[0])["name"] == "kick"
    assert "punchy electronic kick" in oneshot(tmp_path, "pads")


def test_a_pad_is_changed_and_the_kit_saved_loaded_and_renamed(tmp_path):
    assert "dark kick" in oneshot(tmp_path, "pads", "0", "prompt=dark kick", "tune=-2")
    oneshot(tmp_path, "kit", "save", "mine")
    oneshot(tmp_path, "kit", "load", "trap")
    assert json.loads(oneshot(tmp_path, "pads", "0", "--json"))["name"] == "808"
    oneshot(tmp_path, "kit", "rename", "mine", "ours")
    oneshot(tmp_path, "kit", "load", "ours")
    pad = json.loads(oneshot(tmp_path, "pads", "0", "--json"))
    assert (pad["prompt"], pad["tune"], pad["kit"]) == ("dark kick", -2.0, "ours")
    listed = [json.loads(line) for line in oneshot(tmp_path, "kit", "list", "--json").splitlines()]
    assert [(kit["name"], kit["loaded"]) for kit in listed][-2:] == [
        ("ours", True),
        ("trap", False),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("pads", "99"),
        ("pads", "0", "tune=99"),
        ("pads", "0", "tune=up"),
        ("pads", "0", "colour=red"),
        ("kit", "load", "../house"),
        ("kit", "rename", "house", "x"),
    ],
)
def test_what_is_wrong_is_one_line_and_changes_nothing(arguments, tmp_path):
    before = oneshot(tmp_path, "pads", "--json")
    assert oneshot(tmp_path, *arguments, code=1).startswith("oneshot: ")
    assert oneshot(tmp_path, "pads", "--json") == before


def test_a_kit_from_one_prompt_is_sixteen_files_named_by_role(tmp_path, rendered):
    out = tmp_path / "kit"
    oneshot(
        tmp_path, "kit", "new", "dusty", "lofi", "--out", str(out), "--seed", "5", "--save", "d"
    )
    files = sorted(path.name for path in out.iterdir())
    assert len(files) == 16
    assert files[0] == "01 kick.wav"
    assert all(request.prompt.startswith("dusty lofi ") for request in rendered)
    assert [request.seed for request in rendered] == list(range(5, 21))
    oneshot(tmp_path, "kit", "load", "d")


def test_a_set_is_not_mixed_with_files_that_are_there(tmp_path, rendered):
    (tmp_path / "mine.wav").write_bytes(b"mine")
    error = oneshot(tmp_path, "kit", "new", "lofi", "--out", str(tmp_path), code=1)
    assert "holds files already" in error
    assert rendered == []


def test_an_instrument_has_layers_and_round_robins_of_one_sound(tmp_path, rendered):
    out = tmp_path / "bass"
    arguments = ("--velocities", "2", "--round-robins", "3", "--notes", "C2,c1", "--seed", "9")
    oneshot(tmp_path, "multisample", "deep", "bass", *arguments, "--out", str(out))
    assert [request.prompt for request in rendered] == ["deep bass c1", "deep bass c2"]
    assert {(request.count, request.seed) for request in rendered} == {(3, 9)}
    wavs = sorted((out / "samples").iterdir())
    assert len(wavs) == 12
    sfz = (out / "deep_bass.sfz").read_text()
    assert sfz.count("<region>") == (out / "deep_bass.dspreset").read_text().count("<sample") == 12
    assert "lokey=0 hikey=30 pitch_keycenter=24" in sfz
    assert "lokey=31 hikey=127 pitch_keycenter=36" in sfz
    for wav in wavs:
        assert f"sample=samples/{wav.name}" in sfz
        hardest = "_v2_" in wav.name
        assert (extract(wav.read_bytes()).touch is None) == hardest
