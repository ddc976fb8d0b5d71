"""A folder of sounds becomes a LoRA while the daemon plays: the real daemon, trainer and engine."""

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from oneshot_server.library.lora_store import LoraStore
from tests.integration.live_daemon import (
    ONESHOT,
    PATIENCE_SECONDS,
    OscDump,
    events_of,
    free_port,
    live_daemon,
    needs,
)
from tests.unit.pipeline.tiny_model import write_tiny_model
from tests.unit.training.making import RATE, hit, write_hit

STEPS = 24


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def configure(home, *, steps=STEPS, automatic=True):
    home.mkdir(exist_ok=True)
    lines = ["[training]", f"steps = {steps}", "batch = 4", "settle_seconds = 0.5"]
    lines.append(f"automatic = {str(automatic).lower()}")
    (home / "config.toml").write_text("\n".join(lines))


def put_kicks(home, name, count=6):
    for number in range(count):
        write_hit(home / "datasets" / name / f"kick_{number}.wav", 60.0 * 1.5**number)


def until(client, *addresses):
    """Everything up to the first event with one of the addresses."""
    received = []
    while True:
        event = client.receive(PATIENCE_SECONDS)
        assert event is not None, f"nothing more came after {received}"
        received.append(event)
        if event[0] in addresses:
            return received


def hello(client, request="hello"):
    client.send("/oneshot/hello", request, client.port)
    until(client, "/oneshot/welcome")


@needs("oscdump")
def test_a_dropped_folder_becomes_a_lora_that_is_played(tiny, tmp_path):
    configure(tmp_path)
    with (
        live_daemon(tmp_path, "--model", str(tiny)) as daemon,
        daemon.client() as client,
        OscDump() as dump,
    ):
        client.send("/oneshot/hello", "dump", dump.port)
        put_kicks(tmp_path, "my kicks")
        lines = dump.until("/oneshot/done")
        said = "\n".join(lines)
        assert "/oneshot/train/progress" in said
        store = LoraStore(tmp_path / "loras")
        (card,) = store.versions("my kicks")
        assert card.sounds == 6
        if store.live_version("my kicks") is None:  # noise has no sound to learn from
            assert '"held"' in said
            client.send("/oneshot/lora/use", "use", "my kicks", 1)
            while "/oneshot/ok" not in dump.until("/oneshot/ok")[-1]:
                pass
        else:
            assert '/oneshot/lora/ready sis "' not in said
            assert '"my kicks" 1' in said
        folder = tmp_path / "loras" / "my kicks" / "v1"
        names = {path.name for path in folder.iterdir()}
        assert {"adapter.safetensors", "oneshot.json", "losses.png", "report"} <= names
        left = {path.name for path in (tmp_path / "datasets" / "my kicks").iterdir()}
        assert left == {f"kick_{number}.wav" for number in range(6)}


def test_blends_are_played_job_by_job_and_the_base_comes_back(tiny, tmp_path):
    configure(tmp_path, automatic=False)
    for name in ("a", "b"):
        put_kicks(tmp_path, name, count=5 if name == "a" else 7)
    with live_daemon(tmp_path, "--model", str(tiny)) as daemon, daemon.client() as client:
        for name in ("a", "b"):
            client.send("/oneshot/train", f"train {name}", name)
            assert events_of(client, f"train {name}")[-1][0] == "/oneshot/done"
            client.send("/oneshot/lora/use", f"use {name}", name, 1)
            until(client, "/oneshot/ok")
        waveforms = {}
        blends = ("", "a:1.0", "a:4,b:-2", "b:0.5,a@1:0.5", "a:1", "")
        for number, blend in enumerate(blends):  # all in the queue at once
            keys = ["seed", 5, "steps", 2, *(["lora", blend] if blend else [])]
            client.send("/oneshot/generate", f"g{number}", "kick", *keys)
        paths = {}
        jobs = {}
        while len(paths) < len(blends):
            address, arguments = client.receive(PATIENCE_SECONDS)
            assert address != "/oneshot/error", arguments
            if address == "/oneshot/accepted":
                jobs[arguments[1]] = arguments[0]
            if address == "/oneshot/sample":
                paths[jobs[arguments[0]]] = Path(arguments[2])
        waveforms = [soundfile.read(paths[f"g{i}"])[0] for i in range(len(blends))]
        assert np.array_equal(waveforms[0], waveforms[5])
        assert np.array_equal(waveforms[1], waveforms[4])
        different = {waveform.tobytes() for waveform in waveforms}
        assert len(different) == 4
        told = subprocess.run(
            [*ONESHOT, "info", "--json", str(paths["g2"])], capture_output=True, check=True
        )
        recipe = json.loads(told.stdout)["recipe"]
        assert [(x["name"], x["weight"], x["version"]) for x in recipe["loras"]] == [
            ("a", 4.0, 1),
            ("b", -2.0, 1),
        ]
        assert recipe["nearest_db"] > 0.0

        client.send("/oneshot/lora", "standing", "a", 1.0)
        until(client, "/oneshot/ok")
        client.send("/oneshot/generate", "s", "kick", "seed", 5, "steps", 2)
        sample = next(e for e in events_of(client, "s") if e[0] == "/oneshot/sample")
        assert np.array_equal(soundfile.read(sample[1][2])[0], waveforms[1])
        client.send("/oneshot/generate", "no", "kick", "lora", "nobody:1")
        (error,) = until(client, "/oneshot/error")
        assert error[1][:2] == ("no", "not_found")
        assert "expected one of: a, b" in error[1][2]


def trainers(home):
    """Processes that train for this home."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(home) in line and "oneshot_server.training" in line:
                found.append((int(folder.name), line))
    return found


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_a_killed_trainer_goes_on_from_its_checkpoint(tiny, tmp_path):
    steps = 240
    configure(tmp_path, steps=steps, automatic=False)
    put_kicks(tmp_path, "kicks")
    with live_daemon(tmp_path, "--model", str(tiny)) as daemon, daemon.client() as client:
        client.send("/oneshot/train", "t", "kicks")
        step = 0
        while step < steps // 2:
            step = until(client, "/oneshot/train/progress")[-1][1][2]
        for pid, line in trainers(tmp_path):
            if "accelerate" not in line:
                os.kill(pid, signal.SIGKILL)
        (_, first) = until(client, "/oneshot/train/progress")[-1]
        resumed = until(client, "/oneshot/train/progress")[-1][1][2]
        assert resumed >= steps // 4  # not from the beginning
        assert first[0] == events_of_job_end(client)
        assert trainers(tmp_path) == []


def events_of_job_end(client):
    return until(client, "/oneshot/done", "/oneshot/error")[-1][1][0]


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_a_killed_daemon_leaves_no_trainer_and_the_next_one_goes_on(tiny, tmp_path):
    steps, port = 400, free_port()
    configure(tmp_path, steps=steps, automatic=False)
    put_kicks(tmp_path, "kicks")
    options = ("--model", str(tiny))
    with live_daemon(tmp_path, *options, port=port) as daemon, daemon.client() as client:
        client.send("/oneshot/train", "t", "kicks")
        job = until(client, "/oneshot/accepted")[-1][1][1]
        while until(client, "/oneshot/train/progress")[-1][1][2] < steps // 3:
            pass
        daemon.process.kill()
        daemon.process.wait()
        deadline = time.monotonic() + 60
        while trainers(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert trainers(tmp_path) == []
    with live_daemon(tmp_path, *options, port=port) as daemon, daemon.client() as client:
        hello(client)
        _, (told, _, step, _) = until(client, "/oneshot/train/progress")[-1]
        assert told == job
        assert step > steps // 5
        client.send("/oneshot/cancel", "c", job)
        until(client, "/oneshot/cancelled")


def test_bad_sounds_are_told_one_by_one_and_the_good_ones_are_learned(tiny, tmp_path):
    configure(tmp_path, automatic=False)
    folder = tmp_path / "datasets" / "Бочки 🥁"
    put_kicks(tmp_path, folder.name, count=4)
    sine = hit(110.0)
    (folder / "text.wav").write_text("no sound at all")
    whole = (folder / "kick_0.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    soundfile.write(folder / "nan.wav", np.full(5000, np.nan), RATE, subtype="FLOAT")
    soundfile.write(folder / "silent.wav", np.zeros(5000), RATE)
    soundfile.write(folder / "loop.wav", np.tile(sine, 40), RATE)
    (folder / "empty.wav").touch()
    soundfile.write(folder / "8 bit.wav", hit(330.0), RATE, subtype="PCM_U8")
    soundfile.write(folder / "64 bit.wav", hit(480.0), RATE, subtype="DOUBLE")
    soundfile.write(folder / "96k.wav", hit(700.0, rate=96_000), 96_000)
    soundfile.write(folder / "5.1.wav", np.repeat(hit(1000.0)[:, None], 6, axis=1), RATE)
    soundfile.write(folder / f"{'к' * 125}.wav", hit(1400.0), RATE)
    with live_daemon(tmp_path, "--model", str(tiny)) as daemon, daemon.client() as client:
        client.send("/oneshot/train", "t", folder.name)
        events = events_of(client, "t")
        assert events[-1][0] == "/oneshot/done", events[-1]
        told = [args[2] for address, args in events if address == "/oneshot/notice"]
        skipped = {text.split(": ", 1)[0]: text for text in told if ".wav: " in text}
        assert set(skipped) == {
            "text.wav",
            "cut.wav",
            "nan.wav",
            "silent.wav",
            "loop.wav",
            "empty.wav",
        }
        assert "cut off" in skipped["cut.wav"]
        assert "no numbers" in skipped["nan.wav"]
        assert "a loop of" in skipped["loop.wav"]
        assert LoraStore(tmp_path / "loras").versions(folder.name)[0].sounds == 9


def test_folders_that_cannot_be_learned_are_refused_and_nothing_else_suffers(tiny, tmp_path):
    configure(tmp_path, automatic=False)
    put_kicks(tmp_path, "good", count=4)
    datasets = tmp_path / "datasets"
    (datasets / "empty").mkdir()
    put_kicks(tmp_path, "a, b")
    put_kicks(tmp_path, "one", count=1)
    (datasets / "text").mkdir()
    (datasets / "text" / "1.wav").write_text("no sound")
    with live_daemon(tmp_path, "--model", str(tiny)) as daemon, daemon.client() as client:
        for name, code, text in (
            ("empty", "bad_arguments", "it holds no sound files (WAV, AIFF, FLAC, OGG, MP3)"),
            ("a, b", "bad_arguments", "rename the folder"),
            ("text", "bad_arguments", "1.wav: unreadable"),
            ("../good", "not_found", "expected one of: a, b, empty, good"),
            ("nobody", "not_found", "expected one of"),
        ):
            client.send("/oneshot/train", name, name)
            _, (_, found, said) = events_of(client, name)[-1]
            assert (found, text in said) == (code, True), said
        for name in ("one", "good"):
            client.send("/oneshot/train", name, name)
            assert events_of(client, name)[-1][0] == "/oneshot/done"
        client.send("/oneshot/generate", "g", "kick", "steps", 2, "lora", "good@1:1,one@1:0.5")
        assert events_of(client, "g")[-1][0] == "/oneshot/done"
        assert LoraStore(tmp_path / "loras").names() == ["good", "one"]


def test_a_folder_removed_in_the_middle_and_a_training_cancelled(tiny, tmp_path):
    configure(tmp_path, steps=4000, automatic=False)
    put_kicks(tmp_path, "kicks")
    with live_daemon(tmp_path, "--model", str(tiny)) as daemon, daemon.client() as client:
        client.send("/oneshot/train", "t", "kicks")
        job = until(client, "/oneshot/accepted")[-1][1][1]
        until(client, "/oneshot/train/progress")
        shutil.rmtree(tmp_path / "datasets" / "kicks")
        for _ in range(3):  # what was heard is enough
            until(client, "/oneshot/train/progress")
        client.send("/oneshot/cancel", "c", job)
        assert until(client, "/oneshot/cancelled")[-1][1] == (job,)
        client.send("/oneshot/generate", "g", "kick", "steps", 2)
        assert events_of(client, "g")[-1][0] == "/oneshot/done"
        client.send("/oneshot/train", "again", "kicks")
        assert events_of(client, "again")[-1][1][1] == "not_found"


def test_five_thousand_files_are_read_and_told_in_a_few_lines(tiny, tmp_path):
    distinct, every = 8, 5000
    configure(tmp_path, steps=8, automatic=False)
    put_kicks(tmp_path, "many", count=distinct)
    folder = tmp_path / "datasets" / "many"
    for number in range(distinct, every):
        shutil.copy(folder / f"kick_{number % distinct}.wav", folder / f"kick_{number:04}.wav")
    with live_daemon(tmp_path, "--model", str(tiny)) as daemon, daemon.client() as client:
        client.send("/oneshot/train", "t", "many")
        events = events_of(client, "t")
        assert events[-1][0] == "/oneshot/done", events[-1]
        told = [args[2] for address, args in events if address == "/oneshot/notice"]
        assert sum("the same file as kick_" in text for text in told) == 10, told
        assert any(f"{every - distinct - 10} more files" in text for text in told)
        report = json.loads(
            (tmp_path / "loras" / "many" / "v1" / "report" / "report.json").read_text()
        )
        assert len(report["skipped"]) == every - distinct
        assert LoraStore(tmp_path / "loras").versions("many")[0].sounds == distinct


def can_mount():
    try:
        return subprocess.run([*MOUNTING, "true", "/tmp"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


MOUNTING = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
SMALL_DISK = 'mount -t tmpfs -o size=24m tmpfs "$0" && exec "$@"'


def fill(path):
    """Write until no space is left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.mark.skipif(not can_mount(), reason="needs Linux with unshare")
def test_a_disk_that_fills_up_ends_the_training_and_nothing_else(tiny, tmp_path):
    configure(tmp_path, steps=2000, automatic=False)
    put_kicks(tmp_path, "kicks", count=4)
    loras = tmp_path / "loras"
    loras.mkdir()
    wrapper = [*MOUNTING, SMALL_DISK, str(loras)]
    with (
        live_daemon(tmp_path, "--model", str(tiny), wrapper=wrapper) as daemon,
        daemon.client() as client,
    ):
        client.send("/oneshot/train", "t", "kicks")
        until(client, "/oneshot/train/progress")
        # The disk as the daemon sees it.
        filler = Path(f"/proc/{daemon.process.pid}/root{loras}/filler")
        fill(filler)
        _, (_, code, text) = until(client, "/oneshot/error", "/oneshot/done")[-1]
        assert (code, "no space left" in text) == ("disk_full", True), text
        client.send("/oneshot/generate", "g", "kick", "steps", 2)
        assert events_of(client, "g")[-1][0] == "/oneshot/done"
        filler.unlink()
        client.send("/oneshot/train", "again", "kicks")
        job = until(client, "/oneshot/accepted")[-1][1][1]
        until(client, "/oneshot/train/progress")
        client.send("/oneshot/cancel", "c", job)
        until(client, "/oneshot/cancelled")


def test_a_lora_of_another_model_is_refused_with_both_names(tiny, tmp_path):
    configure(tmp_path, automatic=False)
    put_kicks(tmp_path, "kicks", count=4)
    other = write_tiny_model(tmp_path / "models" / "other", name="other", seed=9)
    with live_daemon(tmp_path, "--model", str(tiny)) as daemon, daemon.client() as client:
        client.send("/oneshot/train", "t", "kicks")
        assert events_of(client, "t")[-1][0] == "/oneshot/done"
    with live_daemon(tmp_path, "--model", str(other)) as daemon, daemon.client() as client:
        client.send("/oneshot/generate", "g", "kick", "steps", 2, "lora", "kicks@1")
        _, (_, code, text) = events_of(client, "g")[-1]
        assert code == "engine_failed"
        assert "trained on tiny" in text
        assert "is other" in text
        client.send("/oneshot/generate", "h", "kick", "steps", 2)
        assert events_of(client, "h")[-1][0] == "/oneshot/done"


def test_the_command_line_trains_lists_and_goes_back(tiny, tmp_path):
    home = tmp_path / "home"
    configure(home)
    put_kicks(home, "kicks", count=4)
    options = ["--home", str(home)]

    def oneshot(*arguments):
        return subprocess.run(
            [*ONESHOT, *arguments], capture_output=True, text=True, check=True
        ).stdout

    folder = home / "datasets" / "kicks"
    for _ in range(2):
        training = ["train", str(folder), *options, "--model", str(tiny), "--steps", "8"]
        told = oneshot(*training, "--json")
        events = [json.loads(line) for line in told.splitlines()]
        assert events[0]["step"] == 1
    for version in (2, 1):
        said = oneshot("loras", *options, "--use", f"kicks@{version}")
        assert said == f"kicks v{version} is live\n"
    rows = [json.loads(line) for line in oneshot("loras", *options, "--json").splitlines()]
    assert [(row["name"], row["version"], row["live"]) for row in rows] == [
        ("kicks", 1, True),
        ("kicks", 2, False),
    ]
    (row,) = map(json.loads, oneshot("datasets", *options, "--json").splitlines())
    assert (row["name"], row["sounds"], row["trained"]) == ("kicks", 4, True)
    assert "kicks" in oneshot("datasets", *options)
    assert "tiny" in oneshot("loras", *options)
