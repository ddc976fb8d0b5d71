"""A JACK server of our own without sound, and its tools as MIDI peers that nobody here wrote."""

import os
import subprocess
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

PATIENCE_SECONDS = 60
# JACK knows eight servers on a machine, and one that was killed keeps its place until its name
# comes again: so the name is that of the checkout, not of the process.
SERVER = f"oneshot-test-{zlib.crc32(os.fsencode(Path.cwd()))}"
ENVIRONMENT = {
    **os.environ,
    "JACK_DEFAULT_SERVER": SERVER,
    "JACK_NO_AUDIO_RESERVATION": "1",
    "JACK_NO_START_SERVER": "1",
}


def ports() -> set[str]:
    done = subprocess.run(["jack_lsp"], capture_output=True, text=True, env=ENVIRONMENT)
    return set(done.stdout.splitlines())


def until_port(name: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while name not in ports():
        assert time.monotonic() < deadline, f"{name} is not among {ports()}"
        time.sleep(0.05)


def connect(source: str, sink: str) -> None:
    for port in (source, sink):
        until_port(port)
    subprocess.run(["jack_connect", source, sink], check=True, env=ENVIRONMENT)


@contextmanager
def jack_server(*options: str) -> Iterator[subprocess.Popen[bytes]]:
    """``jackd`` with the dummy driver.

    By itself it does not wait for a client that has no time just then, and what was for it is lost;
    ``--sync`` does.
    """
    command = ["jackd", "--no-realtime", "-n", SERVER, *options]
    with peer(*command, "-d", "dummy", "-r", "48000", "-p", "256") as server:
        until_port("system:capture_1")
        yield server


@contextmanager
def peer(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs until the context ends."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, env=ENVIRONMENT) as process:
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):  # it may wait for a client that was killed
                process.wait(5)
            process.kill()


class MidiDump:
    """``jack_midi_dump``: writes down what comes to its port."""

    port = "dump:input"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "dump.txt"
        with self._path.open("w") as file:
            self._process = subprocess.Popen(
                ["stdbuf", "-oL", "jack_midi_dump", "dump"], stdout=file, env=ENVIRONMENT
            )
        until_port(self.port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    @property
    def notes(self) -> list[str]:
        """The notes that were struck so far, as ``90 24 64``."""
        lines = self._path.read_text().splitlines()
        return [line.split(": ")[1][:8] for line in lines if "note on" in line]
