"""How pads answer: ``python -m benchmarks.pads``. Everything by OSC, as a client sees it.

``--minutes 10`` is the soak: two hits a second, and the daemon's memory. ``--train`` measures hits
while the same daemon trains a LoRA on sounds that it has made.
"""

import argparse
import itertools
import random
import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.live import Live, live
from benchmarks.rows import row
from benchmarks.speed import resident_megabytes
from oneshot_server.client.osc_socket import OscSocket

PADS = 16
ENDS = {"/oneshot/done", "/oneshot/error", "/oneshot/cancelled"}
Event = tuple[str, tuple[float | str, ...]]


@dataclass(kw_only=True)
class Hit:
    """One trigger and what came of it; times by ``time.perf_counter``."""

    pad: int
    sent: float
    visible: float | None = None
    ends: list[str] = field(default_factory=list)
    missed: bool = False
    path: str = ""


class Player:
    """Hits pads and takes in what comes back."""

    def __init__(self, client: OscSocket, seed: int = 1) -> None:
        self.client = client
        self.hits: dict[str, Hit] = {}
        self.others: list[Event] = []
        self._jobs: dict[str, str] = {}
        self._random = random.Random(seed)

    def hit(self, pad: int, velocity: float) -> None:
        """Send one trigger."""
        name = f"hit-{len(self.hits)}"
        self.hits[name] = Hit(pad=pad, sent=time.perf_counter())
        self.client.send("/oneshot/pad/trigger", name, pad, velocity)

    def random_hit(self, *, soft: bool) -> None:
        """Hit any of the sixteen pads, as hard as can be or with any velocity."""
        pad = self._random.randrange(PADS)
        self.hit(pad, self._random.uniform(0.2, 0.99) if soft else 1.0)

    def take_in(self, until: float) -> None:
        """Take in events until a time."""
        while (left := until - time.perf_counter()) > 0:
            event = self.client.receive(left)
            if event is not None:
                self._note(event)

    def finish(self, patience: float = 120.0) -> None:
        """Take in events until every hit has ended."""
        until = time.perf_counter() + patience
        while self.open and time.perf_counter() < until:
            self.take_in(time.perf_counter() + 0.05)

    @property
    def open(self) -> int:
        """Hits without a terminal event."""
        return sum(not hit.ends for hit in self.hits.values())

    def _note(self, event: Event) -> None:
        address, arguments = event
        if address == "/oneshot/accepted" and arguments[0] in self.hits:
            self._jobs[str(arguments[1])] = str(arguments[0])
            return
        about = str(arguments[0])
        hit = self.hits.get(self._jobs.get(about, about))
        if hit is None:
            self.others.append(event)
        elif address == "/oneshot/sample":
            assert Path(str(arguments[2])).is_file(), arguments
            hit.visible = time.perf_counter()
            hit.path = str(arguments[2])
        elif address == "/oneshot/notice" and arguments[1] == "reserve_miss":
            hit.missed = True
        elif address in ENDS:
            hit.ends.append(address)


def reserve(client: OscSocket) -> tuple[int, int, int, int]:
    """What the daemon says of its reserve: have, wanted, hits, misses."""
    while True:
        client.send("/oneshot/status", "reserve")
        until = time.perf_counter() + 1.0
        while (left := until - time.perf_counter()) > 0:
            event = client.receive(left)
            if event is not None and event[0] == "/oneshot/reserve":
                have, wanted, hits, misses = (int(x) for x in event[1][1:])
                return have, wanted, hits, misses


def until_full(client: OscSocket) -> float:
    """Wait until nothing is missing from the reserve; returns seconds."""
    begun = time.perf_counter()
    while True:
        have, wanted, _, _ = reserve(client)
        if wanted and have == wanted:
            return time.perf_counter() - begun
        time.sleep(0.1)


def report(label: str, hits: Sequence[Hit]) -> None:
    """Print the latencies of the hits from the reserve, and how many there were."""
    found = sorted(
        1000 * (hit.visible - hit.sent) for hit in hits if hit.visible and not hit.missed
    )
    choked = sum(hit.missed and hit.ends == ["/oneshot/cancelled"] for hit in hits)
    bad = sum(hit.ends != ["/oneshot/done"] for hit in hits) - choked
    row(f"{label}: hits", len(hits), f"of which {sum(hit.missed for hit in hits)} missed")
    if found:
        row(f"{label}: trigger to file and event, p50", statistics.median(found), "ms")
        row(f"{label}: p99", found[min(len(found) - 1, int(0.99 * len(found)))], "ms")
        row(f"{label}: longest", found[-1], "ms")
    missed = [hit.visible - hit.sent for hit in hits if hit.visible and hit.missed]
    paths = [hit.path for hit in hits if hit.path]
    row(f"{label}: given again, as too many waited", len(paths) - len(set(paths)), "")
    if missed:
        row(f"{label}: a miss, median", statistics.median(missed), "s")
    row(f"{label}: choked by a later hit before they had sounded", choked, "")
    row(f"{label}: without exactly one good end", bad, "")


def play(daemon: Live, label: str, count: int, rate: float, *, soft: bool) -> Player:
    """Hit pads at a steady rate and report."""
    player = Player(daemon.client)
    begun = time.perf_counter()
    for number in range(count):
        player.take_in(begun + number / rate)
        player.random_hit(soft=soft)
    player.finish()
    report(label, list(player.hits.values()))
    return player


def measure_burst(daemon: Live) -> None:
    """Sixty-four triggers in a tenth of a second, twice: from a full reserve, and at one pad."""
    raw = raw_throughput(daemon)
    until_full(daemon.client)
    player = Player(daemon.client)
    begun = time.perf_counter()
    for number in range(64):
        player.hit(number % PADS, 1.0)
        player.take_in(begun + 0.1 * (number + 1) / 64)
    sent = time.perf_counter() - begun
    player.finish()
    filled = until_full(daemon.client)
    row("burst: 64 triggers sent in", 1000 * sent, "ms")
    report("burst", list(player.hits.values()))
    waits = [hit.visible - hit.sent for hit in player.hits.values() if hit.visible]
    row("burst: longest wait of a pad", 1000 * max(waits), "ms")
    row("burst: reserve full again after", filled, "s")
    row("refill", 64 / filled, "sounds/s")
    row("raw batches of the engine", raw, "sounds/s")
    row("refill of raw", 100 * 64 / filled / raw, "%")
    player = Player(daemon.client)
    for _ in range(32):
        player.hit(0, 1.0)
        player.take_in(time.perf_counter() + 0.003)
    player.finish()
    report("32 hits of one pad", list(player.hits.values()))
    waits = [hit.visible - hit.sent for hit in player.hits.values() if hit.visible]
    row("32 hits of one pad: longest wait", max(waits), "s")
    until_full(daemon.client)


def raw_throughput(daemon: Live) -> float:
    """Sounds a second of one job of 64 of them."""
    until_full(daemon.client)
    begun = time.perf_counter()
    daemon.client.send("/oneshot/generate", "", "punchy electronic kick", "count", 64)
    while (event := daemon.client.receive(120)) is not None:
        if event[0] in ENDS:
            return 64 / (time.perf_counter() - begun)
    raise RuntimeError("no answer in two minutes")


def measure_training(daemon: Live, count: int, rate: float) -> None:
    """Hits while a LoRA is trained on what the daemon has played so far."""
    folder = daemon.home / "datasets" / "own hits"
    folder.mkdir()
    for path in itertools.islice((daemon.home / "samples").glob("*.wav"), 40):
        shutil.copy(path, folder)
    daemon.client.send("/oneshot/train", "train", "own hits")
    while (event := daemon.client.receive(300)) is not None:
        if event[0] == "/oneshot/train/progress" and int(event[1][2]) > 0:
            break
        if event[0] in ENDS:
            raise RuntimeError(f"the training ended early: {event}")
    until_full(daemon.client)
    player = play(daemon, "while a LoRA trains", count, rate, soft=False)
    steps = [int(e[1][2]) for e in player.others if e[0] == "/oneshot/train/progress"]
    row("while a LoRA trains: steps meanwhile", steps[-1] - steps[0] if steps else 0, "")


def soak(daemon: Live, minutes: float) -> None:
    """Two hits a second; memory once a minute."""
    player = Player(daemon.client)
    resident: list[float] = []
    begun = time.perf_counter()
    for number in range(int(minutes * 120)):
        player.take_in(begun + number / 2)
        player.random_hit(soft=number % 2 == 1)
        if number % 60 == 0:
            resident.append(resident_megabytes(daemon.process.pid))
    player.finish()
    hits = list(player.hits.values())
    report("soak", hits)
    row("soak: hit rate", 100 * sum(not hit.missed for hit in hits) / len(hits), "%")
    print(f"soak: memory every half minute, MB: {[round(x, 1) for x in resident]}")
    settled = resident[min(2, len(resident) - 1) :]
    row("soak: growth after the first minute", 100 * (settled[-1] / settled[0] - 1), "%")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hits", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=4.0, help="hits a second")
    parser.add_argument("--minutes", type=float, default=0.0, help="only the soak, so long")
    parser.add_argument("--train", action="store_true", help="only hits while a LoRA trains")
    parser.add_argument("--burst", action="store_true", help="only bursts and refilling")
    options = parser.parse_args()
    only = options.minutes or options.train or options.burst
    with live() as daemon:
        row("start and first filling of 64", until_full(daemon.client), "s")
        if options.minutes:
            soak(daemon, options.minutes)
        if not only:
            play(daemon, "hard hits", options.hits, options.rate, soft=False)
            until_full(daemon.client)
            play(daemon, "soft hits", options.hits, options.rate, soft=True)
        if options.burst or not only:
            measure_burst(daemon)
        if options.train or not only:
            if not any((daemon.home / "samples").glob("*.wav")):
                play(daemon, "for a dataset", 40, 8, soft=False)
            measure_training(daemon, options.hits, options.rate)
        row("memory of the daemon process", resident_megabytes(daemon.process.pid), "MB")


if __name__ == "__main__":
    main()
