"""How pads answer to MIDI: ``python -m benchmarks.midi``, through a JACK server without sound.

From the call that sends the note to its ``/oneshot/sample`` with the file in the samples folder.
The server hands messages on once a period, 256 frames or 5.3 ms. It needs ``jackd``.
"""

import argparse
import os
import random
import time
from pathlib import Path

from benchmarks.live import Live, live, until_state
from benchmarks.pads import Hit, report, until_full
from benchmarks.rows import row
from benchmarks.speed import resident_megabytes
from tests.integration.jack import ENVIRONMENT, jack_server, until_port

PORT = "oneshot-server:in"
FIRST_NOTE = 36
PADS = 16
PATIENCE_SECONDS = 15.0
GREETING_SECONDS = 20.0  # who says nothing for a minute is told nothing any more
ENDS = {"/oneshot/done", "/oneshot/error", "/oneshot/cancelled"}


class Drummer:
    """Plays notes and takes in what the daemon tells of all jobs."""

    def __init__(self, daemon: Live) -> None:
        import rtmidi

        # Of this name, it is not listened to by itself as well.
        self._output = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="oneshot-server drummer")
        self._output.open_port(self._output.get_ports().index(PORT))
        self._client = daemon.client
        self._greeting_at = 0.0
        self._random = random.Random(1)
        self._jobs: dict[str, Hit] = {}
        self.hits: list[Hit] = []
        self.surplus = 0
        self.take_in(time.perf_counter() + 0.5)

    def hit(self, *, soft: bool) -> None:
        """Play one of sixteen notes, as hard as can be or with any velocity."""
        pad = self._random.randrange(PADS)
        velocity = self._random.randint(25, 126) if soft else 127
        self.hits.append(Hit(pad=pad, sent=time.perf_counter()))
        self._output.send_message([0x99, FIRST_NOTE + pad, velocity])
        self._output.send_message([0x89, FIRST_NOTE + pad, 0])

    def take_in(self, until: float) -> None:
        """Take in events until a time."""
        if time.perf_counter() >= self._greeting_at:
            self._greeting_at = time.perf_counter() + GREETING_SECONDS
            self._client.send("/oneshot/hello", "", self._client.port)
        while (left := until - time.perf_counter()) > 0:
            event = self._client.receive(left)
            if event is not None:
                self._note(*event)

    def finish(self) -> None:
        """Take in events until every hit has ended, and a little longer for one too many."""
        until = time.perf_counter() + PATIENCE_SECONDS
        while not all(hit.ends for hit in self.hits) and time.perf_counter() < until:
            self.take_in(time.perf_counter() + 0.05)
        self.take_in(time.perf_counter() + 0.5)

    def _note(self, address: str, arguments: tuple[float | str, ...]) -> None:
        if address == "/oneshot/accepted":
            # MIDI carries no ids: hits are accepted in the order in which they were played.
            if len(self._jobs) < len(self.hits):
                self._jobs[str(arguments[1])] = self.hits[len(self._jobs)]
            else:
                self.surplus += 1
            return
        hit = self._jobs.get(str(arguments[0]))
        if hit is None:
            return
        if address == "/oneshot/sample":
            assert Path(str(arguments[2])).is_file(), arguments
            hit.visible = time.perf_counter()
        elif address == "/oneshot/notice" and arguments[1] == "reserve_miss":
            hit.missed = True
        elif address in ENDS:
            hit.ends.append(address)


def play(daemon: Live, label: str, count: int, rate: float, *, soft: bool) -> None:
    """Play notes at a steady rate and report."""
    drummer = Drummer(daemon)
    begun = time.perf_counter()
    for number in range(count):
        drummer.take_in(begun + number / rate)
        drummer.hit(soft=soft)
    drummer.finish()
    report(label, drummer.hits)
    row(f"{label}: jobs that nobody asked for", drummer.surplus, "")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hits", type=int, default=1000)
    parser.add_argument("--soft-hits", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=4.0, help="hits a second")
    options = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    with jack_server(), live() as daemon:
        until_state(daemon.client, "ready", "busy")
        until_port(PORT)
        row("first filling of the reserve", until_full(daemon.client), "s")
        play(daemon, "MIDI, hard hits", options.hits, options.rate, soft=False)
        if options.soft_hits:
            until_full(daemon.client)
            play(daemon, "MIDI, soft hits", options.soft_hits, options.rate, soft=True)
        row("memory of the daemon process", resident_megabytes(daemon.process.pid), "MB")


if __name__ == "__main__":
    main()
