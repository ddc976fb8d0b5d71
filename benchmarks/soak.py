"""Hours of abuse in minutes: ``make soak``. Prints what was done and fails if anything was lost.

100,000 mutated packets against the live daemon; ``kill -9`` of the engine in the middle of 20 jobs;
``kill -9`` of the daemon with 10 jobs queued, and a new one on the same home.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.live import free_port, job, live, until_state
from benchmarks.speed import resident_megabytes
from oneshot_server.client.osc_socket import OscSocket
from tests.mutations import mutated_packets

PACKETS = 100_000
KILLS = 20
TERMINAL = {"/oneshot/done", "/oneshot/error", "/oneshot/cancelled"}


def engine_of(daemon: int) -> int:
    """The daemon's only child."""
    return int(Path(f"/proc/{daemon}/task/{daemon}/children").read_text().split()[0])


def flood() -> None:
    """Mutated packets, each answered; the daemon's memory before and after."""
    with live() as daemon:
        until_state(daemon.client, "ready")
        port = daemon.client._server[1]  # noqa: SLF001
        before = resident_megabytes(daemon.process.pid)
        # The pacer is another socket: a mutated hello may send the attacker's answers elsewhere.
        with OscSocket("127.0.0.1", port) as attacker, OscSocket("127.0.0.1", port) as pacer:
            answered = 0
            for number, packet in enumerate(mutated_packets(PACKETS, seed=number_seed())):
                attacker.send_datagram(packet)
                if number % 20 == 0:  # no faster than the kernel's buffer is emptied
                    pacer.send("/oneshot/ping", f"{number}")
                    while (answer := pacer.receive(5)) and answer[1][0] != f"{number}":
                        pass
                    while attacker.receive(0.0005) is not None:
                        answered += 1
        after = resident_megabytes(daemon.process.pid)
        until_state(daemon.client, "ready", "busy")
        until_state(daemon.client, "ready")
        _, spent = job(daemon.client, "kick")
        print(
            f"{PACKETS} mutated packets: {answered} answers, memory {before:.1f} to "
            f"{after:.1f} MB, alive, next generate done in {spent:.2f} s"
        )
        assert after < before + 30


def number_seed() -> int:
    """A new flood each day."""
    return int(time.time() // 86_400)


def kill_engines() -> None:
    """``kill -9`` of the engine in the middle of a job, again and again."""
    ends: Counter[str] = Counter()
    how: Counter[str] = Counter()
    with live() as daemon:
        until_state(daemon.client, "ready")
        client = daemon.client
        jobs = set()
        for number in range(KILLS):
            while client.receive(0.05) is not None:
                pass
            client.send("/oneshot/generate", f"victim {number}", "crash", "count", 4)
            while (event := client.receive(60)) and event[0] != "/oneshot/progress":
                if event[0] == "/oneshot/accepted":
                    jobs.add(event[1][1])
            os.kill(engine_of(daemon.process.pid), signal.SIGKILL)
            client.send("/oneshot/generate", f"next {number}", "kick")
            pending = 2
            while pending and (event := client.receive(120)):
                if event[0] == "/oneshot/accepted":
                    jobs.add(event[1][1])
                if event[0] in TERMINAL:
                    ends[str(event[1][0])] += 1
                    how[event[0]] += 1
                    pending -= 1
    assert set(ends) == jobs, (ends, jobs)
    assert set(ends.values()) == {1}, ends
    print(f"{KILLS} engines killed in a job: {len(jobs)} jobs, one end each, {dict(how)}")


def kill_daemon() -> None:
    """``kill -9`` of the daemon with jobs queued, and a restart."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "oneshot_server", "serve", "--home", folder]
        command += ["--port", str(port)]
        first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with OscSocket("127.0.0.1", port) as client:
            until_state(client, "ready")
            for number in range(10):
                client.send("/oneshot/generate", f"{number}", "kick", "seed", number)
                while (event := client.receive(20)) and event[0] != "/oneshot/accepted":
                    pass
            first.kill()
            first.wait()
            samples = Path(folder) / "samples"
            there = len(list(samples.glob("*.wav")))
            second = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            until_state(client, "ready")
            while True:
                client.send("/oneshot/ping", "")
                pong = client.receive(5)
                if pong and pong[0] == "/oneshot/pong" and pong[1][1:] == ("ready", 0):
                    break
            seeds = sorted(int(path.stem.split("_")[-1]) for path in samples.glob("*.wav"))
            second.terminate()
            second.wait()
    print(f"daemon killed with 10 jobs, {there} published before, afterwards seeds {seeds}")
    assert seeds == list(range(10))


def main() -> None:
    flood()
    kill_engines()
    kill_daemon()


if __name__ == "__main__":
    main()
