"""The model changes again and again under load: no job is lost, no memory is kept.

A client keeps the queue filled while the model goes from the starter to a tiny Stable Diffusion
and back, 20 times. Prints how the jobs ended and the memory of daemon and engine after each round.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from benchmarks.live import Live, live, until_state
from tests.unit.pipeline.tiny_model import write_tiny_model

TERMINAL = {"/oneshot/done", "/oneshot/error", "/oneshot/cancelled"}
WAITING = 4
FLAT = 0.05


class Load:
    """Jobs that are sent as others end, and what became of each."""

    def __init__(self, daemon: Live) -> None:
        self._client = daemon.client
        self._sent = 0
        self.ends: Counter[str] = Counter()
        self.how: Counter[str] = Counter()
        self._open: dict[str, str] = {}
        self._asked: set[str] = set()

    def change(self, name: str) -> float:
        """Change the model while jobs go on; returns the seconds it took."""
        begun = time.perf_counter()
        own = f"change {self._sent}"
        self._send(own, "/oneshot/model", name)
        while own in self._asked or own in self._open.values():
            self._fill()
            self._receive()
        return time.perf_counter() - begun

    def drain(self) -> None:
        """Wait for what is left."""
        while self._asked or self._open:
            self._receive()

    def _fill(self) -> None:
        while len(self._asked) + len(self._open) < WAITING:
            self._send(f"job {self._sent}", "/oneshot/generate", "kick", "seed", self._sent)

    def _send(self, own: str, address: str, *arguments: float | str) -> None:
        self._sent += 1
        self._asked.add(own)
        self._client.send(address, own, *arguments)

    def _receive(self) -> None:
        event = self._client.receive(120)
        if event is None:
            raise SystemExit(f"silence; open: {self._open}, {self._asked}")
        address, arguments = event
        if address == "/oneshot/accepted":
            self._asked.remove(str(arguments[0]))
            self._open[str(arguments[1])] = str(arguments[0])
        elif address in TERMINAL:
            job = str(arguments[0])
            self.ends[job] += 1
            kind = self._open.pop(job, job).partition(" ")[0]
            self.how[f"{kind} {address.rpartition('/')[2]}"] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, live() as daemon:
        tiny = write_tiny_model(Path(folder) / "tiny")
        until_state(daemon.client, "ready")
        while daemon.client.receive(0.1) is not None:  # what is left of pings
            pass
        command = [sys.executable, "-m", "oneshot_server", "model", "add", str(tiny)]
        subprocess.run([*command, "--home", str(daemon.home)], check=True)
        load, process = Load(daemon), psutil.Process(daemon.process.pid)
        memory: list[tuple[float, float]] = []
        seconds: list[float] = []
        for number in range(rounds):
            seconds += [load.change("tiny"), load.change("starter")]
            load.drain()
            engines = process.children(recursive=True)
            own = process.memory_info().rss / 1e6
            memory.append((own, sum(child.memory_info().rss for child in engines) / 1e6))
            print(
                f"round {number + 1}: {len(engines)} engine, daemon {own:.1f} MB, "
                f"engine {memory[-1][1]:.1f} MB",
                flush=True,
            )
    lost = {job: count for job, count in load.ends.items() if count != 1}
    print(f"{dict(load.how)}; jobs that did not end exactly once: {len(lost)}")
    print(f"a change took {statistics.median(seconds):.1f} s, median")
    flat = True
    for name, column in (("daemon", 0), ("engine", 1)):
        first = statistics.mean(row[column] for row in memory[1:4])
        last = statistics.mean(row[column] for row in memory[-3:])
        print(
            f"memory of the {name}: {first:.1f} MB at first, {last:.1f} MB at last "
            f"({100 * (last / first - 1):+.1f} %)"
        )
        flat = flat and abs(last / first - 1) <= FLAT
    wrong = {how for how in load.how if not how.endswith("done")}
    if lost or wrong or not flat:
        raise SystemExit(f"lost: {lost}, ended otherwise: {wrong}, memory flat: {flat}")


if __name__ == "__main__":
    main()
