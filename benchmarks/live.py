"""A daemon of one's own to measure: a fresh home, a free port, the embedded model."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from oneshot_server.client.osc_socket import OscSocket


@dataclass(frozen=True, kw_only=True)
class Live:
    """A daemon that runs.

    Attributes:
        process: its process.
        client: an OSC client of it.
        started: when its process was started, ``time.perf_counter`` seconds.
        home: its home.
    """

    process: subprocess.Popen[bytes]
    client: OscSocket
    started: float
    home: Path


def free_port() -> int:
    """A UDP port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def live(*options: str, config: str = "") -> Iterator[Live]:
    """Start ``oneshot serve``; it may not listen yet."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, OscSocket("127.0.0.1", port) as client:
        if config:
            (Path(folder) / "config.toml").write_text(config, encoding="utf-8")
        command = [sys.executable, "-m", "oneshot_server", "serve", "--home", folder]
        started = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--port", str(port), *options], stdout=subprocess.DEVNULL
        )
        try:
            yield Live(process=process, client=client, started=started, home=Path(folder))
        finally:
            process.terminate()
            process.wait(30)


def until_state(client: OscSocket, *states: str) -> None:
    """Ping until the daemon says one of the states."""
    while True:
        client.send("/oneshot/ping", "")
        pong = client.receive(0.02)
        if pong is not None and pong[0] == "/oneshot/pong" and pong[1][1] in states:
            return


def job(client: OscSocket, *arguments: float | str) -> tuple[float, float]:
    """Render; returns seconds from trigger to the first event, and to the end.

    Raises:
        RuntimeError: the job did not end well.
    """
    while client.receive(0.01) is not None:  # what is left of pings
        pass
    begun = time.perf_counter()
    client.send("/oneshot/generate", "", *arguments)
    first = 0.0
    while (event := client.receive(120)) is not None:
        first = first or time.perf_counter() - begun
        if event[0] == "/oneshot/done":
            return first, time.perf_counter() - begun
        if event[0] in {"/oneshot/error", "/oneshot/cancelled"}:
            raise RuntimeError(f"the job ended with {event}")
    raise RuntimeError("no answer in two minutes")
