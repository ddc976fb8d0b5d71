"""``oneshot library``: what a producer, and a program, reads."""

import json
import os

import pytest
from typer.testing import CliRunner

from oneshot_server.cli import app
from oneshot_server.library import sound_library
from oneshot_server.library.home import Home
from tests.unit.client.lossy import served
from tests.unit.library.sounds import InProcess, foreign, render


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(sound_library, "Analysts", InProcess)

    def run(*arguments, code=0):
        command = ["library", *map(str, arguments), "--home", str(tmp_path)]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def samples(tmp_path):
    (tmp_path / "samples").mkdir()
    for seed, prompt in enumerate(["dark kick", "bright kick", "dark snare"]):
        file = tmp_path / "samples" / f"{seed}.wav"
        file.write_bytes(render(seed, prompt))
        os.utime(file, (1000 + seed, 1000 + seed))
    return tmp_path / "samples"


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_scan_says_what_it_found(run, samples):
    (samples / "broken.wav").write_bytes(b"RIFF")
    assert run("scan").stdout.startswith("3 sounds, 1 files that cannot be used; 4 new or changed")
    (about,) = lines(run("scan", "--json"))
    assert (about["sounds"], about["changed"], about["gone"]) == (3, 0, 0)


def test_a_search_looks_at_the_folder_first_and_shows_what_it_finds(run, samples):
    shown = run("search", "dark").stdout
    assert "0.wav" in shown
    assert "snare" in shown
    assert "1.wav" not in shown
    (samples / "0.wav").unlink()
    assert [line["path"] for line in lines(run("search", "dark", "--json"))] == ["2.wav"]
    assert "nothing found" in run("search", "violin").stdout
    assert "3 in all" not in run("search", "--limit", 1).stdout
    assert "2 in all" in run("search", "--limit", 1).stdout
    assert "newest" in run("search", "--sort", "best", code=2).stderr


def test_stars_are_given_found_and_counted(run, samples):
    run("star", "1.wav", 4, "--tags", "dusty, intro")
    (found,) = lines(run("search", "--stars", 3, "--json"))
    assert (found["path"], found["stars"], found["tags"]) == ("1.wav", 4, ["dusty", "intro"])
    assert "★★★★" in run("search", "--tag", "dusty").stdout
    (about,) = lines(run("stats", "--json"))
    assert (about["sounds"], about["rendered"], about["stars"]) == (3, 3, [[4, 1]])
    shown = run("stats").stdout
    assert "kick" in shown
    assert "dusty" in shown
    assert "is not in" in run("star", "/etc/passwd", 4, code=1).stderr


def test_what_is_like_a_sound_comes_with_its_distance(run, samples, tmp_path):
    first, second = lines(run("search", "--like", "0.wav", "--json"))
    assert first["distance"] <= second["distance"]
    assert "away" in run("search", "--like", samples / "0.wav").stdout
    (tmp_path / "mine.wav").write_bytes(foreign(51))
    outside = lines(run("search", "--like", tmp_path / "mine.wav", "--json"))
    assert len(outside) == 3
    assert outside[0]["distance"] <= outside[1]["distance"]
    assert "no such file" in run("search", "--like", tmp_path / "none.wav", code=1).stderr
    assert "stands alone" in run("search", "dark", "--like", "0.wav", code=1).stderr


def test_gc_is_off_says_what_it_would_do_and_does_it(run, samples, tmp_path):
    assert "kept for ever" in run("gc", code=1).stderr
    run("star", "1.wav", 1)
    assert "2 renders" in run("gc", "--older-than", 1, "--dry-run").stdout
    assert len(list(samples.glob("*.wav"))) == 3
    moved = lines(run("gc", "--older-than", 1, "--json"))
    assert [line["path"] for line in moved] == ["0.wav", "2.wav"]
    assert [file.name for file in samples.glob("*.wav")] == ["1.wav"]
    assert sorted(file.name for file in (tmp_path / "trash").iterdir()) == ["0.wav", "2.wav"]
    assert [line["path"] for line in lines(run("search", "--json"))] == ["1.wav"]


def test_gc_goes_by_the_setting(run, samples, tmp_path):
    (tmp_path / "config.toml").write_text("[samples]\nkeep_days = 1\n", encoding="utf-8")
    assert "3 renders" in run("gc", "--dry-run").stdout


def test_an_export_is_a_folder_with_a_table(run, samples, tmp_path):
    assert "2 sounds" in run("export", tmp_path / "pack", "kick").stdout
    names = sorted(file.name for file in (tmp_path / "pack").iterdir())
    assert names == ["0.wav", "1.wav", "metadata.csv"]
    assert "not empty" in run("export", tmp_path / "pack", "kick", code=1).stderr


def test_a_strangers_file_name_cannot_command_the_terminal(run, samples):
    (samples / "evil\x1b[31m[bold].wav").write_bytes(foreign(100))
    (samples / "bad\x1b[0m.wav").write_bytes(b"RIFF")
    for command in ("search", "stats"):
        output = run(command).output
        assert "\x1b" not in output
    assert "[bold]" in run("search").output


def test_training_on_stars_needs_some_and_puts_them_into_a_dataset(
    run, samples, tmp_path, monkeypatch
):
    def train(*arguments):
        return CliRunner().invoke(app, ["train", *arguments, "--home", str(tmp_path)])

    trained = []

    async def train_locally(folder, name, *_arguments, **_options):
        trained.append((folder, name))

    monkeypatch.setattr("oneshot_server.app.train_locally", train_locally)
    assert "no sound has 4 stars" in train("--starred").stderr
    assert "or --starred" in train().stderr
    assert "or --starred" in train(str(samples), "--starred").stderr
    run("star", "1.wav", 4)
    assert train("--starred").exit_code == 0
    assert trained == [(tmp_path / "datasets" / "taste", "taste")]
    assert len(list((tmp_path / "datasets" / "taste").glob("*.wav"))) == 1


def test_gaps_are_shown_and_filled_in_a_few_rounds(run, samples, monkeypatch):
    asked = []

    def fill(prompts, _place):
        asked.append(list(prompts))
        for prompt in prompts:
            if "snare" in prompt:  # the model does not know what a long one is
                path = samples / f"{prompt} {len(asked)}.wav"
                path.write_bytes(foreign(1200 + len(asked), seconds=0.2))

    monkeypatch.setattr("oneshot_server.cli.filling.fill", fill)
    shown = run("gaps", "snare", "clap").stdout
    assert "short dark" in shown
    assert "regions are empty" in shown
    filled = run("gaps", "snare", "--fill", 2).stdout
    assert len(asked) == 3
    assert asked[0] == ["short snare", "short bright snare"]
    assert asked[1] == ["short bright snare"]
    assert "short bright snare: 0 → 0" in filled
    assert "short snare: 0 → 4" in filled
    regions = lines(run("gaps", "--json"))
    assert {"kind", "length", "brightness", "sounds", "prompt"} == set(regions[0])
    assert "expected one of" in run("gaps", "tuba", code=1).stderr


def test_a_running_daemon_is_asked_to_train_on_stars_by_its_own_settings(run, samples, tmp_path):
    run("star", "1.wav", 4)
    options = ["train", "--starred", "--home", str(tmp_path)]
    with served() as daemon, Home(tmp_path).lock(("127.0.0.1", daemon.port)):
        refused = CliRunner().invoke(app, [*options, "--steps", "5", "--anew"])
        assert refused.exit_code == 1
        assert "--steps, --anew with --starred, expected none" in refused.stderr
        assert not (tmp_path / "datasets" / "taste").exists()
        result = CliRunner().invoke(app, [*options, "--json"])
        assert result.exit_code == 0, result.output
        (said,) = lines(result)
        assert set(said) == {"job"}
        assert len(list((tmp_path / "datasets" / "taste").glob("*.wav"))) == 1
        assert daemon.core.asked == [("train", "taste")]
