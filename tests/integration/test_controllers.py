"""The shipped controllers in the programs that they are for, against the daemon."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from oneshot_server.client.osc_socket import OscSocket
from tests.integration.live_daemon import LiveDaemon, fake_engine_daemon, free_port, needs

HERE = Path(__file__).parent
PEER_SECONDS = 60
SHIPPED = HERE.parent.parent / "controllers"
HEADLESS_QT = {"QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": "1"}
PD = ["pd", "-nogui", "-noaudio", "-nomidi", "-stderr", "-path", str(SHIPPED / "pure_data")]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    with fake_engine_daemon(tmp_path_factory.mktemp("home"), enabled=False) as running:
        yield running


def filled_in(template: Path, folder: Path, **values: object) -> Path:
    """A copy with its capitals replaced."""
    text = template.read_text()
    for name, value in values.items():
        text = text.replace(f"ONESHOT_{name}", str(value))
    copy = folder / template.name
    copy.write_text(text)
    return copy


@needs("pd")
def test_pure_data_plays_the_sounds_that_its_abstraction_asks_for(daemon, tmp_path):
    recording = tmp_path / "played.wav"
    patch = filled_in(HERE / "play.pd", tmp_path, PORT=daemon.port, RECORDING=recording)
    done = subprocess.run([*PD, str(patch)], capture_output=True, text=True, timeout=PEER_SECONDS)
    heard = [line for line in done.stderr.splitlines() if "RECEIVED" in line]
    assert [line.split()[1] for line in heard] == [
        "accepted",
        "progress",
        "sample",
        "sample",
        "done",
    ]
    assert set(done.stderr.splitlines()) == set(heard), "Pd complains"
    # The fake engine's sounds begin with their seed, and two play at once.
    audio, _ = soundfile.read(recording)
    assert np.abs(audio).max() >= 0.49


@needs("pd")
def test_the_example_opens_in_pure_data_without_a_complaint(daemon, tmp_path):
    text = (SHIPPED / "pure_data" / "example.pd").read_text()
    assert "oneshot~ 9330" in text
    patch = tmp_path / "example.pd"
    patch.write_text(text.replace("oneshot~ 9330", f"oneshot~ {daemon.port}"))
    done = subprocess.run(
        [*PD, "-send", "pd quit", str(patch)],
        capture_output=True,
        text=True,
        timeout=PEER_SECONDS,
    )
    assert done.stderr == ""
    assert done.returncode == 0


@needs("sclang")
def test_supercollider_gets_the_sounds_that_its_example_asks_for(daemon, tmp_path):
    example = SHIPPED / "supercollider" / "oneshot.scd"
    script = filled_in(HERE / "play.scd", tmp_path, PORT=daemon.port, EXAMPLE=example)
    done = subprocess.run(
        ["sclang", str(script)],
        capture_output=True,
        text=True,
        timeout=PEER_SECONDS,
        env={**os.environ, **HEADLESS_QT, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    heard = [line.split() for line in done.stdout.splitlines() if line.startswith("RECEIVED")]
    assert len(heard) == 4, done.stdout
    assert {"7", "8"} <= {seed for *_, seed in heard}
    for _, path, _ in heard:
        assert Path(path).parent == daemon.samples
        assert Path(path).is_file()
    assert "ERROR" not in done.stdout
    assert "WARNING: oneshot" not in done.stdout


@contextmanager
def stage_control(daemon: LiveDaemon, folder: Path) -> Iterator[OscSocket]:
    """Open Stage Control with the shipped session, a browser that shows it, and its OSC port."""
    http, osc = free_port(), free_port()
    server = [
        *("open-stage-control", "--no-gui", "--no-qrcode", "--read-only"),
        *("--port", str(http), "--osc-port", str(osc), "--send", f"127.0.0.1:{daemon.port}"),
        *("--load", str(SHIPPED / "open_stage_control" / "oneshot.json")),
        *("--cache-dir", str(folder / "cache")),
    ]
    browser = [
        *("chromium", "--headless=new", "--no-sandbox", "--disable-gpu"),
        *(f"--user-data-dir={folder / 'browser'}", "--remote-debugging-port=0"),
        f"http://127.0.0.1:{http}/",
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "HOME": str(folder)}
    with subprocess.Popen(server, env=environment, **quiet) as stage:
        try:
            wait_for_port(http)
            with (
                subprocess.Popen(browser, env=environment, **quiet) as page,
                OscSocket("127.0.0.1", osc) as client,
            ):
                try:
                    until(client, "prompt", "punchy kick")
                    yield client
                finally:
                    page.terminate()
        finally:
            stage.terminate()


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + PEER_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"nobody listens on {port}")


def shown(client: OscSocket, widget: str) -> tuple[object, ...]:
    """What a widget shows, asked for by Open Stage Control's own remote control."""
    client.send("/GET", f"127.0.0.1:{client.port}", widget)
    answer = client.receive(1.0)
    return answer[1][1:] if answer is not None and answer[1][0] == widget else ()


def until(client: OscSocket, widget: str, text: str) -> str:
    """Wait until a widget shows a text; returns all that it shows."""
    deadline = time.monotonic() + PEER_SECONDS
    while time.monotonic() < deadline:
        value = shown(client, widget)
        if value and text in str(value[0]):
            return str(value[0])
        time.sleep(0.1)
    raise AssertionError(f"{widget} shows {value}, expected {text}")


# No package manager has it: whoever has it installed runs this.
@pytest.mark.skipif(
    shutil.which("open-stage-control") is None or shutil.which("chromium") is None,
    reason="open-stage-control or chromium is not installed; no package manager has the first",
)
def test_open_stage_control_hits_a_pad_and_shows_the_sound_that_came(daemon, tmp_path):
    before = set(daemon.samples.iterdir())
    with stage_control(daemon, tmp_path) as client:
        client.send("/SET", "pad_3", 1.0)
        last = until(client, "last", ".wav")
        until(client, "status", "1 in")
        (hit,) = set(daemon.samples.glob("*.wav")) - before
        assert last.startswith(hit.name)
        client.send("/SET", "prompt", "dark clap")
        client.send("/SET", "count", 2)
        client.send("/SET", "generate", 1)
        until(client, "last", "dark_clap")
        until(client, "status", "2 in")
        assert len(list(daemon.samples.glob("dark_clap_*.wav"))) == 2
        client.send("/SET", "prompt", " ")
        client.send("/SET", "generate", 1)
        until(client, "status", "bad_arguments: prompt has 0 characters")
