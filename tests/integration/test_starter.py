"""The embedded model behind the real daemon, asked by programs that nobody here wrote."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from oneshot_server.library.wav_metadata import read_recipe
from tests.integration.live_daemon import (
    ONESHOT,
    LiveDaemon,
    OscDump,
    events_of,
    live_daemon,
    needs,
)
from tests.unit.training.making import RATE, hit


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    with live_daemon(tmp_path_factory.mktemp("home")) as running:
        yield running


@needs("oscsend")
@needs("oscdump")
def test_oscsend_asks_for_four_kicks_and_oscdump_hears_where_they_are(daemon):
    def oscsend(*message: str) -> None:
        url = f"osc.udp://127.0.0.1:{daemon.port}"
        subprocess.run(["oscsend", url, *message], check=True)

    with OscDump() as dump:
        oscsend("/oneshot/hello", "si", "h", str(dump.port))
        dump.until("/oneshot/welcome")
        oscsend("/oneshot/generate", "sssi", "t1", "punchy kick", "count", "4")
        lines = dump.until("/oneshot/done")
    paths = [Path(line.split('"')[3]) for line in lines if "/oneshot/sample" in line]
    assert len(set(paths)) == 4
    for path in paths:
        assert path.parent == daemon.samples
        audio, rate = soundfile.read(path)
        assert rate == 44_100
        assert soundfile.info(path).subtype == "PCM_24"
        assert 0.03 < len(audio) / rate < 1.5
        assert abs(audio).max() == pytest.approx(10 ** (-1 / 20), abs=0.001)
        assert (abs(audio) > 0.01 * abs(audio).max()).argmax() < 0.005 * rate


def test_number_five_of_a_batch_of_eight_is_made_again_to_the_byte(daemon, tmp_path):
    with daemon.client() as client:
        client.send("/oneshot/generate", "b8", "short snare", "count", 8, "seed", 4000)
        events = events_of(client, "b8")
    samples = {a[1]: Path(str(a[2])) for address, a in events if address == "/oneshot/sample"}
    assert len(samples) == 8
    fifth = samples[4]
    assert read_recipe(fifth).batch.index == 4
    command = [*ONESHOT, "render", "--like", str(fifth), "--out", str(tmp_path)]
    subprocess.run([*command, "--home", str(daemon.home)], check=True)
    (again,) = tmp_path.glob("*.wav")
    assert again.read_bytes() == fifth.read_bytes()


def test_a_wide_sound_at_48_khz_is_published_and_made_again_to_the_byte(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text("[samples]\nsample_rate = 48000\nwidth = 0.25\n")
    render = [*ONESHOT, "render", "--home", str(home)]
    subprocess.run([*render, "clap", "--seed", "5", "--width", "0.75"], check=True)
    (clap,) = (home / "samples").glob("*.wav")
    found = soundfile.info(clap)
    assert (found.samplerate, found.channels) == (48_000, 2)
    assert read_recipe(clap).finish.width == 0.75
    (home / "config.toml").unlink()
    subprocess.run([*render, "--like", str(clap), "--out", str(tmp_path / "again")], check=True)
    (again,) = (tmp_path / "again").glob("*.wav")
    assert again.read_bytes() == clap.read_bytes()


def test_two_bare_prompts_differ_and_say_what_was_filled_in(daemon):
    with daemon.client() as client:
        client.send("/oneshot/generate", "two", "kick", "count", 4, "seed", 1)
        events = events_of(client, "two")
    recipes = [read_recipe(Path(str(a[2]))) for at, a in events if at == "/oneshot/sample"]
    assert {recipe.prompt for recipe in recipes} == {"kick"}
    assert all(recipe.caption.startswith("kick ") for recipe in recipes)
    assert len({recipe.caption for recipe in recipes}) > 1


def test_unknown_words_are_told_and_the_rest_is_rendered(daemon):
    with daemon.client() as client:
        client.send("/oneshot/generate", "u", "wobbly kick")
        events = events_of(client, "u")
    notices = [arguments for address, arguments in events if address == "/oneshot/notice"]
    assert [notice[1:] for notice in notices] == [("unknown_words", "wobbly")]
    assert events[-1][0] == "/oneshot/done"


def test_a_running_job_is_cancelled_between_two_steps(daemon):
    before = len(list(daemon.samples.glob("*.wav")))
    with daemon.client() as client:
        client.send("/oneshot/generate", "c", "crash", "count", 8, "steps", 200)
        job = None
        while job is None:
            address, arguments = client.receive(60)
            if address == "/oneshot/progress":
                job = arguments[0]
        client.send("/oneshot/cancel", "c2", job)
        while True:
            address, arguments = client.receive(60)
            if address != "/oneshot/progress":
                break
        assert (address, arguments) == ("/oneshot/cancelled", (job,))
    daemon.wait_until("ready")
    assert len(list(daemon.samples.glob("*.wav"))) == before


def test_the_command_line_has_the_daemon_render(daemon, tmp_path):
    command = [*ONESHOT, "render", "closed", "hat", "--seed", "3", "--home", str(daemon.home)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path)], check=True, capture_output=True, text=True
    )
    (path,) = tmp_path.glob("*.wav")
    assert done.stdout.strip() == str(path)
    assert (daemon.samples / path.name).read_bytes() == path.read_bytes()


def test_sounds_of_sounds_are_made_by_osc_and_again_to_the_byte(daemon, tmp_path):
    def samples(client, own, address, *arguments):
        client.send(address, own, *arguments)
        events = events_of(client, own)
        assert events[-1][0] == "/oneshot/done", events
        return [Path(str(a[2])) for at, a in events if at == "/oneshot/sample"]

    dropped = daemon.samples / "dropped" / "Snare 04.flac"
    dropped.parent.mkdir()
    soundfile.write(dropped, hit(190.0), RATE)
    with daemon.client() as client:
        (kick,) = samples(client, "k", "/oneshot/generate", "punchy kick", "seed", 11)
        varied = samples(client, "v", "/oneshot/vary", kick.name, 0.5, "count", 3)
        (morphed,) = samples(client, "m", "/oneshot/morph", str(varied[1]), str(dropped), 0.4)
        (painted,) = samples(client, "i", "/oneshot/inpaint", str(dropped), "attack", "seed", 3)
        for path in ("/etc/passwd", "../../../etc/passwd", str(tmp_path / "x.wav")):
            client.send("/oneshot/vary", "bad", path, 0.5)
            address, (_, code, _) = client.receive(10)
            assert (address, code) == ("/oneshot/error", "forbidden")
    recipes = [read_recipe(path) for path in (varied[0], morphed, painted)]
    assert [[p.name for p in recipe.parents] for recipe in recipes] == [
        [kick.name],
        [varied[1].name, dropped.name],
        [dropped.name],
    ]
    assert [parent.told for parent in recipes[1].parents] == [recipes[0].caption, "snare"]
    assert str(daemon.home).encode() not in morphed.read_bytes()
    kick.rename(kick.with_name("renamed.wav"))  # found by what is heard
    for child in (varied[1], morphed, painted):
        out = tmp_path / child.stem
        command = [*ONESHOT, "render", "--like", str(child), "--out", str(out)]
        subprocess.run([*command, "--home", str(daemon.home)], check=True)
        (again,) = out.glob("*.wav")
        assert again.read_bytes() == child.read_bytes()
