"""The daemon, a real JACK server without sound, and MIDI peers that nobody here wrote."""

import signal
import subprocess
import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oneshot_server.client.osc_socket import OscSocket
from tests.integration.jack import (
    ENVIRONMENT,
    PATIENCE_SECONDS,
    MidiDump,
    connect,
    jack_server,
    peer,
    until_port,
)
from tests.integration.live_daemon import ONESHOT, LiveDaemon, fake_engine_daemon, needs

pytestmark = [needs("jackd"), needs("jack_midiseq"), needs("jack_midi_dump")]
OURS = "oneshot-server:in"
PATIENT = ("--sync", "--timeout", "2000")


class Ear:
    """A client that keeps what it hears until somebody asks for it."""

    def __init__(self, client: OscSocket) -> None:
        self._client = client
        self.send = client.send
        self._heard: dict[str, deque[tuple[float | str, ...]]] = defaultdict(deque)

    def next(self, address: str, count: int = 1) -> list[tuple[float | str, ...]]:
        """The arguments of the next messages of an address, whatever comes between them."""
        while len(self._heard[address]) < count:
            message = self._client.receive(PATIENCE_SECONDS)
            came = {address: len(messages) for address, messages in self._heard.items()}
            assert message is not None, f"no {address} came, but {came}"
            self._heard[message[0]].append(message[1])
        return [self._heard[address].popleft() for _ in range(count)]


@contextmanager
def midi_daemon(home: Path, **settings: object) -> Iterator[tuple[LiveDaemon, Ear]]:
    """A daemon with a fake engine, and a client that is told of every job."""
    with (
        fake_engine_daemon(home, environment=ENVIRONMENT, **settings) as daemon,
        daemon.client() as client,
    ):
        client.send("/oneshot/hello", "", client.port)
        ear = Ear(client)
        ear.next("/oneshot/welcome")
        yield daemon, ear


def oneshot(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``oneshot midi …``."""
    command = [*ONESHOT, "midi", *arguments, "--home", str(home)]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=60)


def played_by_midiseq(home: Path, first_at_seconds: int) -> bool:
    """Sixteen notes, eight a second; False if they began before everything was connected."""
    rate = 48_000
    notes = [(first_at_seconds * rate + rate // 8 * n, 36 + n % 4) for n in range(16)]
    sequence = [str(number) for at, note in notes for number in (at, note, rate // 16)]
    loop = str(2 * (first_at_seconds + 5) * rate)  # it is not over before it is killed
    with midi_daemon(home, inputs=()) as (daemon, ear), MidiDump(home) as dump:
        until_port(OURS)
        with peer("jack_midiseq", "seq", loop, *sequence):
            connect("seq:out", dump.port)
            connect("seq:out", OURS)
            if dump.notes:
                return False
            accepted = [job for _, job in ear.next("/oneshot/accepted", len(notes))]
        ended = {job for job, *_ in ear.next("/oneshot/done", len(notes))}
        assert dump.notes == [f"90 {note:02x} 40" for _, note in notes]
        assert ended == set(accepted)
        assert len(ended) == len(notes)
        assert len(list(daemon.samples.glob("*.wav"))) == len(notes)
    return True


def test_every_note_that_jack_midiseq_plays_becomes_a_file(tmp_path):
    with jack_server(*PATIENT):
        assert any(played_by_midiseq(tmp_path / f"{begin}", begin) for begin in (2, 6, 20))


def test_without_midi_it_plays_by_osc_and_a_server_that_comes_and_goes_is_picked_up(tmp_path):
    with midi_daemon(tmp_path) as (daemon, ear):
        ear.send("/oneshot/midi/ports", "a")
        (error,) = ear.next("/oneshot/error")
        assert error[:2] == ("a", "not_found")
        ear.send("/oneshot/pad/trigger", "b", 0, 1.0)
        ear.next("/oneshot/done")
        for how in (signal.SIGKILL, signal.SIGTERM):
            with jack_server(*PATIENT) as server:
                until_port(OURS)
                sent = oneshot(tmp_path, "send", "note", "37", "127")
                assert sent.returncode == 0, sent.stderr
                ear.next("/oneshot/done")
                server.send_signal(how)
                server.wait()
            ear.send("/oneshot/ping", "alive")
            ear.next("/oneshot/pong")
        assert len(list(daemon.samples.glob("*.wav"))) == 3
        assert daemon.log.count('"no MIDI"') <= 3  # once at first, once for each server that went


def test_a_message_is_learned_and_shown_by_the_command_line(tmp_path):
    with jack_server(*PATIENT), midi_daemon(tmp_path) as (_daemon, ear):
        until_port(OURS)
        assert "oneshot-server" in oneshot(tmp_path, "ports").stdout
        command = [*ONESHOT, "midi", "learn", "pad.7", "--home", str(tmp_path)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        ) as learn:
            assert "waiting" in learn.stderr.readline()
            ear.send("/oneshot/midi/monitor", "m", 60)
            ear.next("/oneshot/ok")
            oneshot(tmp_path, "send", "note", "100", "90")
            assert learn.stdout.read() == "note 100, channel 10 moves pad.7\n"
        assert learn.returncode == 0
        oneshot(tmp_path, "send", "note", "100", "127")
        events = ear.next("/oneshot/midi/event", 3)
        assert events[0][1:] == (
            "oneshot-server",
            "note 100 on, velocity 90, channel 10",
            "learned",
        )
        assert events[2][3].startswith("pad 7 at 1.00, job ")


def test_a_pad_lights_up_when_its_sound_is_there(tmp_path):
    with (
        jack_server(*PATIENT),
        MidiDump(tmp_path) as dump,
        midi_daemon(tmp_path, outputs=("dump*",)) as (
            _daemon,
            ear,
        ),
    ):
        until_port(OURS)
        ear.send("/oneshot/midi/ports", "p")
        while ("p", "midi_ports", dump.port, "output, open, jack") not in ear.next("/oneshot/item"):
            time.sleep(0.1)
            ear.send("/oneshot/midi/ports", "p")
        oneshot(tmp_path, "send", "note", "36", "100")
        ear.next("/oneshot/sample")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not dump.notes and time.monotonic() < deadline:
            time.sleep(0.05)
        assert dump.notes == ["99 24 64"]


FUZZ = """
import random, sys, time
import rtmidi
port = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="fuzz")
port.open_port(port.get_ports().index("oneshot-server:in"))
source = random.Random(7)
for number in range(5000):
    message = source.randbytes(source.randint(1, 3))
    if message[0] != 0xF0:  # rtmidi's own sender wants its end
        port.send_message(message)
    if number % 100 == 0:
        time.sleep(0.02)  # the server takes so much in a turn
port.send_message([0xF0, *range(100), 0xF7])
time.sleep(0.5)
"""


def test_random_bytes_through_a_port_leave_the_daemon_alive_and_no_job_stuck(tmp_path):
    with jack_server(), midi_daemon(tmp_path, quantise="1/16") as (daemon, ear):
        until_port(OURS)
        with subprocess.Popen([sys.executable, "-c", FUZZ], env=ENVIRONMENT) as fuzz:
            while fuzz.poll() is None:
                ear.send("/oneshot/ping", "meanwhile")
                ear.next("/oneshot/pong")
        assert fuzz.returncode == 0
        while True:  # the ear must hear all the while, or UDP loses what it does not
            ear.send("/oneshot/ping", "queue")
            ((_, _, waiting),) = ear.next("/oneshot/pong")
            if waiting == 0:
                break
        assert daemon.process.poll() is None
        assert "a MIDI message failed" not in daemon.log
        ear.send("/oneshot/pad/trigger", "last", 1, 1.0)
        while (about := ear.next("/oneshot/accepted")[0])[0] != "last":
            pass
        while ear.next("/oneshot/done")[0][0] != about[1]:
            pass
