"""The real daemon as a process of its own, and peers that nobody here wrote."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from benchmarks.live import free_port
from oneshot_server.client.osc_socket import OscSocket

ONESHOT = [sys.executable, "-m", "oneshot_server"]
PATIENCE_SECONDS = 120


def needs(program: str) -> pytest.MarkDecorator:
    """Skip where a peer is missing; ``.ci/run`` installs them all."""
    found = shutil.which(program) is not None
    return pytest.mark.skipif(not found, reason=f"{program} is not installed; .ci/run installs it")


@dataclass(frozen=True, kw_only=True)
class LiveDaemon:
    process: subprocess.Popen[bytes]
    port: int
    home: Path

    @property
    def samples(self) -> Path:
        return self.home / "samples"

    @property
    def log(self) -> str:
        return (self.home / "logs" / "oneshot.log").read_text(encoding="utf-8")

    def client(self) -> OscSocket:
        return OscSocket("127.0.0.1", self.port)

    def wait_until(self, state: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self.client() as client:
            while time.monotonic() < deadline:
                client.send("/oneshot/ping", "state")
                pong = client.receive(0.5)
                if pong is not None and pong[1][1] == state:
                    return
                time.sleep(0.05)
        raise AssertionError(f"not {state} in time; the log:\n{self.log}")


@contextmanager
def live_daemon(
    home: Path,
    *options: str,
    port: int | None = None,
    state: str = "ready",
    wrapper: Sequence[str] = (),
) -> Iterator[LiveDaemon]:
    """``oneshot serve`` until the context ends; waits until it is in ``state``.

    ``wrapper`` is a command that becomes the one it is given.
    """
    port = port or free_port()
    command = [*wrapper, *ONESHOT, "serve", "--home", str(home), "--port", str(port)]
    command += ["--web-port", "0", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2")}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        daemon = LiveDaemon(process=process, port=port, home=home)
        try:
            daemon.wait_until(state)
            yield daemon
        finally:
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()


@contextmanager
def fake_engine_daemon(
    home: Path, *, environment: Mapping[str, str] = os.environ, **midi: object
) -> Iterator[LiveDaemon]:
    """The daemon with an engine that renders nothing real; ``midi`` are keys of ``[midi]``."""
    port = free_port()
    keys = [f"{key}={value!r}" for key, value in midi.items()]
    command = [sys.executable, "-m", "tests.integration.fake_engine_daemon", str(home), str(port)]
    with subprocess.Popen([*command, *keys], env=environment) as process:
        daemon = LiveDaemon(process=process, port=port, home=home)
        try:
            daemon.wait_until("ready")
            yield daemon
        finally:
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()


def events_of(client: OscSocket, request_id: str) -> list[tuple[str, tuple[float | str, ...]]]:
    """Everything that comes until the job of this request has ended."""
    received: list[tuple[str, tuple[float | str, ...]]] = []
    job = None
    while True:
        event = client.receive(PATIENCE_SECONDS)
        assert event is not None, f"nothing more came after {received}"
        received.append(event)
        address, arguments = event
        if address == "/oneshot/accepted" and arguments[0] == request_id:
            job = arguments[1]
        ends = address in {"/oneshot/done", "/oneshot/cancelled", "/oneshot/error"}
        if ends and arguments[0] in {job, request_id}:
            return received


class OscDump:
    """liblo's ``oscdump``, line by line."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process = subprocess.Popen(
            ["stdbuf", "-oL", "oscdump", str(self.port)], stdout=subprocess.PIPE, text=True
        )
        time.sleep(0.3)  # it does not say when it listens

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def until(self, address: str) -> list[str]:
        """The lines up to the first one with this address."""
        assert self._process.stdout is not None
        lines = []
        for line in self._process.stdout:
            lines.append(line.strip())
            if re.search(rf" {re.escape(address)} ", line):
                return lines
        raise AssertionError(f"oscdump ended after {lines}")
