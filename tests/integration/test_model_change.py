"""The model of the real daemon changes under load and back, and nothing is lost."""

import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from oneshot_server.library.lora_store import ADAPTER_FILE, LoraStore
from oneshot_server.library.wav_metadata import read_recipe
from oneshot_server.pipeline.model_folder import STARTER, hash_model
from oneshot_server.starter.train import PROFILE
from tests.integration.live_daemon import ONESHOT, LiveDaemon, events_of, live_daemon
from tests.unit.jobs.test_core import card
from tests.unit.pipeline.tiny_model import write_tiny_model

TERMINAL = {"/oneshot/done", "/oneshot/error", "/oneshot/cancelled"}


def oneshot(daemon: LiveDaemon, *arguments: str) -> str:
    command = [*ONESHOT, *arguments, "--home", str(daemon.home)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def publish_lora(home: Path, name: str) -> None:
    """A LoRA of the starter, as far as anybody looks before its weights are needed."""
    store = LoraStore(home / "loras")
    staged = store.staging(name)
    (staged / ADAPTER_FILE).touch()
    of_starter = replace(card(1), base_hash=hash_model(STARTER), profile=PROFILE)
    store.make_live(name, store.publish(name, staged, of_starter).version)


@pytest.fixture
def daemon(tmp_path):
    (tmp_path / "home").mkdir()
    publish_lora(tmp_path / "home", "mine")
    with live_daemon(tmp_path / "home") as running:
        yield running


def test_the_model_changes_under_load_and_back_and_no_job_is_lost(daemon, tmp_path):
    tiny = write_tiny_model(tmp_path / "tiny")
    assert "added tiny" in oneshot(daemon, "model", "add", str(tiny))
    ends: Counter[str] = Counter()
    with daemon.client() as client:
        client.send("/oneshot/generate", "first", "kick", "seed", 7)
        (first,) = sounds(events_of(client, "first"))
        for number in range(4):
            client.send("/oneshot/generate", f"before {number}", "kick", "count", 2)
        client.send("/oneshot/model", "change", "tiny")
        received = events_of(client, "change")
        client.send("/oneshot/generate", "after", "kick")
        received += events_of(client, "after")
        ends.update(e[1][0] for e in received if e[0] in TERMINAL)
        assert len(ends) == 6
        assert set(ends.values()) == {1}
        models = [read_recipe(path).model for path in sounds(received)]
        assert models == ["starter"] * 8 + ["tiny"]
        client.send("/oneshot/list", "list", "models")
        items = {client.receive(5)[1][2:] for _ in range(2)}
        assert ("tiny", f"loaded; tiny-64, {tiny}") in items
        client.receive(5)

        client.send("/oneshot/generate", "lora", "kick", "lora", "mine:1.0")
        refused = events_of(client, "lora")[-1]
        assert refused[0] == "/oneshot/error"
        assert "for the mel profile starter-128 of the model starter" in refused[1][2]
        assert "but the model tiny has tiny-64" in refused[1][2]

        assert "the daemon plays starter now" in oneshot(daemon, "model", "use", "starter")
        assert 'model = "starter"' in (daemon.home / "config.toml").read_text().splitlines()
        client.send("/oneshot/generate", "again", "kick", "seed", 7)
        (again,) = sounds(events_of(client, "again"))
        assert again.read_bytes() == first.read_bytes()


def sounds(events) -> list[Path]:
    return [Path(str(e[1][2])) for e in events if e[0] == "/oneshot/sample"]
