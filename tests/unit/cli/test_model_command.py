"""``oneshot model``: what a producer sees, and what stays of the config file."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from oneshot_server.cli import app
from oneshot_server.domain.events import Cancelled, Done, Failed, JobId, Progress
from oneshot_server.errors import ErrorCode
from oneshot_server.settings import default_toml, load_settings
from tests.unit.pipeline.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("theirs") / "tiny")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def oneshot(home, *arguments):
    return CliRunner().invoke(app, ["model", *map(str, arguments), "--home", str(home)])


def test_a_model_is_added_listed_shown_and_used(home, tiny):
    before = sorted(path.name for path in tiny.iterdir())
    added = oneshot(home, "add", tiny, "--name", "mine")
    assert added.exit_code == 0, added.output
    assert added.stdout.splitlines() == [
        "added mine: of Stable Diffusion's architecture, predicts the noise, mel profile tiny-64",
        'Play it: oneshot model use "mine"',
    ]
    assert sorted(path.name for path in tiny.iterdir()) == before
    assert [path.name for path in (home / "models" / "mine").iterdir()] == ["oneshot.json"]
    listed = [json.loads(line) for line in oneshot(home, "list", "--json").stdout.splitlines()]
    assert [(row["name"], row["used"], row["kind"]) for row in listed] == [
        ("starter", True, "built in"),
        ("mine", False, "of Stable Diffusion's architecture"),
    ]
    shown = oneshot(home, "info", "mine").stdout
    assert "tiny-64: 64 mels by 64 frames, 22050 Hz, n_fft 1024, window 512, hop 128" in shown
    assert str(tiny) in shown
    told = json.loads(oneshot(home, "info", "mine", "--json").stdout)
    assert len(told["sha256"]) == 64
    assert told["parameters"] > 100_000
    used = oneshot(home, "use", "mine")
    assert used.exit_code == 0, used.output
    assert load_settings(home / "config.toml").engine.model == "mine"
    changed = (home / "config.toml").read_text().splitlines()
    kept = [(a, b) for a, b in zip(default_toml().splitlines(), changed, strict=True) if a != b]
    assert kept == [('#model = "starter"', 'model = "mine"')]
    assert "mine (used)" in oneshot(home, "list").stdout


def test_a_model_without_a_card_gets_the_default_profile_and_a_warning(home, tiny):
    (tiny / "oneshot.json").rename(tiny / "kept")
    try:
        told = oneshot(home, "add", tiny).stdout
    finally:
        (tiny / "kept").rename(tiny / "oneshot.json")
    assert "mel profile sd15-oneshot" in told
    assert "paints pictures, which sound like noise" in told


def test_a_profile_is_chosen_by_its_name(home, tiny):
    added = oneshot(home, "add", tiny, "--profile", "riffusion", "--json")
    assert json.loads(added.stdout)["profile"]["name"] == "riffusion"
    refused = oneshot(home, "add", tiny, "--name", "b", "--profile", "none")
    assert refused.exit_code == 1
    assert "riffusion" in refused.stderr
    assert "sd15-oneshot" in refused.stderr


@pytest.mark.parametrize("command", ["use", "info"])
def test_a_model_that_is_not_there_is_told_with_those_that_are(home, command):
    refused = oneshot(home, command, "none")
    assert refused.exit_code == 1
    assert 'no model is named "none", expected one of: starter' in refused.stderr
    assert not (home / "config.toml").exists()


def test_a_model_whose_weights_are_gone_is_listed_with_what_to_do(home, tiny, tmp_path):
    oneshot(home, "add", tiny)
    tiny.rename(tmp_path / "moved")
    try:
        (_, row) = oneshot(home, "list", "--json").stdout.splitlines()
        assert "is gone: put it back, or add the model again" in json.loads(row)["error"]
        assert "cannot be used" in oneshot(home, "list").stdout
        assert oneshot(home, "use", "tiny").exit_code == 1
    finally:
        (tmp_path / "moved").rename(tiny)


class FakeDaemon:
    """In place of one that runs."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def begin(self, address, name):
        assert address == "/oneshot/model"
        return name


@pytest.fixture
def running(monkeypatch):
    """What a running daemon answers to a change."""
    events = []
    asked = []

    def follow(name, listener):
        asked.append(name)
        for event in events:
            listener(event)

    monkeypatch.setattr("oneshot_server.cli.by_daemon.daemon_of", lambda *_: FakeDaemon())
    monkeypatch.setattr("oneshot_server.cli.by_daemon.follow", follow)
    return events, asked


def test_a_daemon_that_runs_changes_first(home, running):
    events, asked = running
    events += [
        Progress(job=JobId("j"), fraction=0.0, stage="loading"),
        Done(job=JobId("j"), count=0, milliseconds=5),
    ]
    told = oneshot(home, "use", "starter")
    assert asked == ["starter"]
    assert "the daemon plays starter now" in told.stdout
    assert 'model = "starter"' in (home / "config.toml").read_text().splitlines()


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Failed(job=JobId("j"), code=ErrorCode.ENGINE_FAILED, text="it is broken"), "it is broken"),
        (Cancelled(job=JobId("j")), "gave way to another change"),
    ],
)
def test_what_the_daemon_cannot_load_is_not_written_down(home, running, event, why):
    running[0].append(event)
    refused = oneshot(home, "use", "starter")
    assert refused.exit_code == 1
    assert why in refused.stderr
    assert (home / "config.toml").read_text() == default_toml()


def test_the_few_steps_of_a_model_are_shown(home, tmp_path):
    few = write_tiny_model(tmp_path / "few", distilled_steps=3)
    assert oneshot(home, "add", few).exit_code == 0
    shown = oneshot(home, "info", "few").stdout
    assert "dpmpp-2m, 4 steps, guidance 7.5; quick: 3 steps" in shown
    told = json.loads(oneshot(home, "info", "few", "--json").stdout)
    assert told["distilled_steps"] == 3
    shutil.rmtree(few / "unet_distilled")
    refused = oneshot(home, "info", "few")
    assert refused.exit_code == 1
    assert "unet_distilled has no weights" in refused.stderr
