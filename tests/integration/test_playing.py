"""Pads of the real daemon with a tiny model, and an instrument in a sampler that is not ours."""

import os
import signal
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from oneshot_server.domain.sampler_map import Region, note_ranges, to_sfz, velocity_ranges
from oneshot_server.library.wav_metadata import read_recipe
from tests.integration.live_daemon import ONESHOT, LiveDaemon, events_of, live_daemon, needs
from tests.unit.pipeline.tiny_model import write_tiny_model

CONFIG = '[pads]\nkit = ""\n[engine]\nthreads = 1\n'


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def until_full(daemon: LiveDaemon) -> None:
    deadline = time.monotonic() + 100
    with daemon.client() as client:
        while time.monotonic() < deadline:
            client.send("/oneshot/status", "full?")
            while (answer := client.receive(1)) is not None and answer[0] != "/oneshot/reserve":
                pass
            if answer is not None and answer[1][1] == answer[1][2] != 0:
                return
            time.sleep(0.05)
    raise AssertionError(f"never full; the log:\n{daemon.log}")


def test_hits_come_from_a_reserve_that_outlives_a_killed_daemon_and_can_be_made_again(
    tiny, tmp_path
):
    (tmp_path / "config.toml").write_text(CONFIG)
    options = ("--model", str(tiny))
    with live_daemon(tmp_path, *options) as daemon, daemon.client() as client:
        client.send("/oneshot/pad/set", "p", 5, "prompt", "kick", "steps", 2)
        assert client.receive(10) == ("/oneshot/ok", ("p",))
        until_full(daemon)
        client.send("/oneshot/pad/trigger", "h", 5, 1.0)
        assert [address for address, _ in events_of(client, "h")] == [
            "/oneshot/accepted",
            "/oneshot/sample",
            "/oneshot/done",
        ]
        until_full(daemon)
        os.kill(daemon.process.pid, signal.SIGKILL)
    with live_daemon(tmp_path, *options, state="loading") as daemon, daemon.client() as client:
        client.send("/oneshot/pad/trigger", "again", 5, 0.5)
        events = events_of(client, "again")
        assert events[-1][0] == "/oneshot/done"
        assert not any(address == "/oneshot/notice" for address, _ in events)
        path = Path(str(events[1][1][2]))
    assert read_recipe(path).touch is not None
    replay = [*ONESHOT, "render", "--like", str(path), "--model", str(tiny)]
    environment = {**os.environ, "ONESHOT_HOME": str(tmp_path)}
    subprocess.run([*replay, "--out", str(tmp_path / "like")], check=True, env=environment)
    (made,) = (tmp_path / "like").iterdir()
    assert made.read_bytes() == path.read_bytes()


@needs("sfizz_render")
def test_an_instrument_sounds_in_sfizz_and_is_louder_for_harder_hits(tmp_path):
    rate, regions = 44_100, []
    (tmp_path / "samples").mkdir()
    for low, high in velocity_ranges(3):
        for position in (1, 2):
            file = f"samples/v{high}_rr{position}.wav"
            tone = np.sin(2 * np.pi * 440 * np.arange(rate // 4) / rate) * high / 127
            soundfile.write(tmp_path / file, tone, rate)
            regions.append(
                Region(
                    file=file,
                    root=60,
                    low_note=note_ranges([60])[0][0],
                    high_note=127,
                    low_velocity=low,
                    high_velocity=high,
                    position=position,
                    positions=2,
                    low_gain=0.5,
                )
            )
    (tmp_path / "tone.sfz").write_text(to_sfz(regions, "a tone"))
    peaks = [loudest(tmp_path, velocity) for velocity in (10, 42, 80, 127)]
    assert peaks == sorted(peaks)
    assert 0.01 < peaks[0] < peaks[-1] / 4


def loudest(folder: Path, velocity: int) -> float:
    """The peak of what the sampler plays for one note."""
    track = b"\x00" + bytes([0x90, 60, velocity]) + b"\x60" + bytes([0x80, 60, 0])
    track += b"\x00\xff\x2f\x00"
    midi = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + b"MTrk" + struct.pack(">I", len(track))
    (folder / "note.mid").write_bytes(midi + track)
    out = folder / "note.wav"
    command = ["sfizz_render", "--sfz", str(folder / "tone.sfz")]
    command += ["--midi", str(folder / "note.mid"), "--wav", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return float(np.abs(soundfile.read(out)[0]).max())
