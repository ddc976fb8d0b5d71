"""The real daemon and engine with a tiny model of Stable Diffusion's own architecture."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from oneshot_server.pipeline.model_folder import write_sums
from tests.integration.live_daemon import ONESHOT, events_of, free_port, live_daemon
from tests.mutations import mutated_packets
from tests.unit.pipeline.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def engine_pid(daemon_pid: int) -> int:
    """The daemon's only child."""
    children = Path(f"/proc/{daemon_pid}/task/{daemon_pid}/children")
    return int(children.read_text().split()[0])


def resident_bytes(pid: int) -> int:
    statm = Path(f"/proc/{pid}/statm").read_text()
    return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_diffusers_folder_is_rendered_by_osc(tiny, tmp_path):
    with live_daemon(tmp_path, "--model", str(tiny)) as daemon, daemon.client() as client:
        client.send("/oneshot/status", "s")
        address, state = client.receive(10)
        assert (address, state[1], state[4]) == ("/oneshot/state", "ready", "tiny")
        client.send("/oneshot/generate", "a", "anything at all", "count", 3, "steps", 2)
        events = events_of(client, "a")
        assert events[-1][0] == "/oneshot/done", events
        assert len(list(daemon.samples.glob("*.wav"))) == 3


def test_a_model_that_answers_nan_publishes_nothing_and_ends_in_an_error(tmp_path):
    broken = write_tiny_model(tmp_path / "broken", nan=True)
    home = tmp_path / "home"
    with live_daemon(home, "--model", str(broken)) as daemon, daemon.client() as client:
        client.send("/oneshot/generate", "a", "kick", "count", 2, "steps", 2)
        events = events_of(client, "a")
        assert events[-1][1][1] == "engine_failed"
        assert "not finite" in str(events[-1][1][2])
        assert any(address == "/oneshot/notice" for address, _ in events)
        assert list(daemon.samples.iterdir()) == []
        daemon.wait_until("ready")


def test_damaged_weights_are_named_with_the_hash_that_was_expected(tmp_path):
    model = write_tiny_model(tmp_path / "model")
    write_sums(model)
    weights = model / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    home = tmp_path / "home"
    options = ("--model", str(model))
    with live_daemon(home, *options, state="failed") as daemon, daemon.client() as client:
        client.send("/oneshot/generate", "a", "kick")
        address, (about, code, text) = client.receive(10)
        assert (address, about, code) == ("/oneshot/error", "a", "engine_failed")
        assert "diffusion_pytorch_model.safetensors is damaged: expected SHA-256" in text


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_an_engine_killed_in_a_job_is_replaced_and_the_job_ends_once(tiny, tmp_path):
    with live_daemon(tmp_path, "--model", str(tiny)) as daemon, daemon.client() as client:
        for number in range(2):
            client.send("/oneshot/generate", f"v{number}", "kick", "steps", 200)
            while client.receive(60)[0] != "/oneshot/progress":
                pass
            os.kill(engine_pid(daemon.process.pid), signal.SIGKILL)
            client.send("/oneshot/generate", f"n{number}", "kick", "steps", 2)
            ends = []
            while len(ends) < 2:
                address, arguments = client.receive(120)
                if address in {"/oneshot/done", "/oneshot/error", "/oneshot/cancelled"}:
                    ends.append((address, arguments[0]))
            assert len({job for _, job in ends}) == 2
            assert ends[-1][0] == "/oneshot/done"


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_killing_the_daemon_leaves_no_engine_behind_and_its_jobs_are_rendered_later(tiny, tmp_path):
    port = free_port()
    with live_daemon(tmp_path, "--model", str(tiny), port=port) as daemon:
        engine = engine_pid(daemon.process.pid)
        with daemon.client() as client:
            for number in range(10):
                client.send("/oneshot/generate", f"{number}", "kick", "seed", number, "steps", 20)
                while client.receive(20)[0] != "/oneshot/accepted":
                    pass
        daemon.process.kill()
        daemon.process.wait()
        deadline = time.monotonic() + 60
        while Path(f"/proc/{engine}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{engine}").exists()
    with live_daemon(tmp_path, "--model", str(tiny), port=port, state="ready") as daemon:
        deadline = time.monotonic() + 120
        while len(list(daemon.samples.glob("*.wav"))) < 10 and time.monotonic() < deadline:
            time.sleep(0.1)
        daemon.wait_until("ready")
        seeds = sorted(int(p.stem.split("_")[-1]) for p in daemon.samples.glob("*.wav"))
        assert seeds == list(range(10))


def test_terminating_the_daemon_tells_every_client_how_its_jobs_ended(tiny, tmp_path):
    with live_daemon(tmp_path, "--model", str(tiny)) as daemon, daemon.client() as client:
        for number in range(4):
            client.send("/oneshot/generate", f"{number}", "kick", "count", 8, "steps", 200)
        while client.receive(20)[0] != "/oneshot/progress":
            pass
        daemon.process.terminate()
        ended = {}
        while len(ended) < 4:
            address, arguments = client.receive(30)
            if address == "/oneshot/error":
                assert arguments[0] not in ended
                ended[arguments[0]] = arguments[1]
        assert set(ended.values()) == {"cancelled_by_shutdown"}
        assert daemon.process.wait(30) == 0
        assert list(daemon.samples.glob(".oneshot-*.part")) == []


def test_a_flood_of_mutated_packets_leaves_the_daemon_as_it_was(tiny, tmp_path):
    with live_daemon(tmp_path, "--model", str(tiny)) as daemon:
        before = resident_bytes(daemon.process.pid) if sys.platform == "linux" else 0
        # The pacer is another socket: a mutated hello may send the flood's answers elsewhere.
        with daemon.client() as flood, daemon.client() as pacer:
            for number, packet in enumerate(mutated_packets(20_000, seed=3)):
                flood.send_datagram(packet)
                if number % 50 == 0:  # no faster than the kernel's buffer is emptied
                    pacer.send("/oneshot/ping", f"{number}")
                    while (answer := pacer.receive(5)) and answer[1][0] != f"{number}":
                        pass
        with daemon.client() as client:
            client.send("/oneshot/generate", "after", "kick", "steps", 2)
            assert events_of(client, "after")[-1][0] in {"/oneshot/done", "/oneshot/error"}
            client.send("/oneshot/ping", "alive")
            assert client.receive(10)[0] == "/oneshot/pong"
        if before:
            assert resident_bytes(daemon.process.pid) < before + 30_000_000
        assert daemon.log.count("requests refused") < 1000


def test_a_second_daemon_on_the_home_says_so_and_ends(tiny, tmp_path):
    with live_daemon(tmp_path, "--model", str(tiny), state="loading") as daemon:
        second = subprocess.run(
            [*ONESHOT, "serve", "--home", str(tmp_path), "--port", str(free_port())],
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 1
        assert str(daemon.process.pid) in second.stderr
        other = subprocess.run(
            [*ONESHOT, "serve", "--home", str(tmp_path / "other"), "--port", str(daemon.port)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert other.returncode == 1
        assert str(daemon.port) in other.stderr
        assert "osc.port" in other.stderr


def test_a_broken_config_is_named_by_file_key_and_value(tmp_path):
    (tmp_path / "config.toml").write_text("[osc]\nport = 99999\n")
    done = subprocess.run(
        [*ONESHOT, "serve", "--home", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"{tmp_path / 'config.toml'}: osc.port = 99999, expected" in done.stderr


def test_the_recipe_of_a_file_is_printed_as_json(tiny, tmp_path):
    seed = random.Random(1).randrange(1000)
    command = [*ONESHOT, "render", "kick", "--steps", "2", "--seed", str(seed)]
    subprocess.run(
        [*command, "--model", str(tiny), "--out", str(tmp_path), "--home", str(tmp_path / "home")],
        check=True,
    )
    (path,) = tmp_path.glob("*.wav")
    shown = subprocess.run(
        [*ONESHOT, "info", str(path), "--json"], check=True, capture_output=True, text=True
    )
    recipe = json.loads(shown.stdout)["recipe"]
    assert (recipe["prompt"], recipe["seed"], recipe["steps"]) == ("kick", seed, 2)
    assert recipe["model"] == "tiny"
