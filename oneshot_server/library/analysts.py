"""The processes that read sounds, as one function from paths to contents."""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import structlog

from oneshot_server.errors import ShutdownError
from oneshot_server.library.analyst import read_frame, write_frame
from oneshot_server.library.sound_contents import Contents, stamp_of

log = structlog.get_logger(__name__)

FRAME: Final = 16
AHEAD: Final = 3
TRIES: Final = 2
MOST_PROCESSES: Final = 8
STOP_SECONDS: Final = 5.0
ENVIRONMENT: Final = {
    # There is a process for each core: threads of one would only wait for those of another.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # Every sound's arrays would be given back to the system, and cleared by it for the next sound:
    # that took a fifth of the time. glibc's names.
    "MALLOC_TRIM_THRESHOLD_": "33554432",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
}

_answers: Final = msgspec.msgpack.Decoder(list[Contents | None])


class Analysts:
    """Starts processes when they are needed; one thread at a time may ask.

    Args:
        samples: the samples folder, to which paths are relative.
        processes: at the most; by default one for each core.
    """

    def __init__(self, samples: Path, processes: int | None = None) -> None:
        self._samples = samples
        self._most = processes or min(MOST_PROCESSES, os.cpu_count() or 1)
        self._running: list[subprocess.Popen[bytes]] = []
        self._stopped = False

    def read(self, paths: Sequence[str]) -> Iterator[list[tuple[str, Contents | None]]]:
        """Read files, some at a time, so that who asks has something to do meanwhile.

        Yields:
            Paths and what is in them; ``None`` for what is gone. A file that kills its reader is
            trouble.

        Raises:
            ShutdownError: ``stop`` was called.
        """
        frames = deque(paths[start : start + FRAME] for start in range(0, len(paths), FRAME))
        self._start(min(self._most, len(frames)))
        asked: deque[tuple[subprocess.Popen[bytes], Sequence[str]]] = deque()

        def ask(process: subprocess.Popen[bytes]) -> None:
            if frames:
                asked.append((process, frames.popleft()))
                _ask(process, asked[-1][1])

        lost = []
        try:
            # Each has the next one before it has answered the last, and so never waits for us.
            for process in self._running * AHEAD:
                ask(process)
            while asked:
                process, frame = asked.popleft()
                answers = _answer(process)
                if answers is None:
                    lost.append(frame)
                    continue
                ask(process)
                yield list(zip(frame, answers, strict=True))
        finally:  # no answer may be left for who asks next
            while asked:
                _answer(asked.popleft()[0])
        for frame in (*lost, *frames):
            yield list(zip(frame, self._one_by_one(frame), strict=True))

    def rest(self) -> None:
        """Keep one process, ready for the next sound: there is little to do for now."""
        while len(self._running) > 1:
            _end(self._running.pop())
        self._start(1)

    def stop(self) -> None:
        """End all processes, also one that is reading for another thread; for good."""
        self._stopped = True
        for process in tuple(self._running):
            process.kill()

    def close(self) -> None:
        """Clear up after ``stop``, when no thread asks any more."""
        while self._running:
            _end(self._running.pop())

    def _start(self, count: int) -> None:
        alive = [process for process in self._running if process.poll() is None]
        for process in self._running:
            if process not in alive:
                _end(process)
        self._running = alive
        while len(self._running) < count and not self._stopped:
            command = [sys.executable, "-m", "oneshot_server.library.analyst", str(self._samples)]
            self._running.append(
                subprocess.Popen(  # noqa: S603 - our own module
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, **ENVIRONMENT},
                )
            )

    def _one_by_one(self, paths: Sequence[str]) -> list[Contents | None]:
        return [self._alone(path) for path in paths]

    def _alone(self, path: str) -> Contents | None:
        """What is in a file; twice is enough to say that it was the file that ended a process."""
        for _ in range(TRIES):
            self._start(1)
            if self._stopped:
                raise ShutdownError("the library is being closed")
            _ask(self._running[0], [path])
            answers = _answer(self._running[0])
            if answers is not None:
                return answers[0]
        log.warning("a file kills its reader", path=path)
        return self._deadly(path)

    def _deadly(self, path: str) -> Contents | None:
        with suppress(OSError):
            stamp = stamp_of((self._samples / path).lstat())
            return Contents(stamp=stamp, trouble="no sound: it ends the process that reads it")
        return None


def _ask(process: subprocess.Popen[bytes], paths: Sequence[str]) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # it died: there will be no answer
        write_frame(process.stdin, list(paths))


def _answer(process: subprocess.Popen[bytes]) -> list[Contents | None] | None:
    assert process.stdout is not None
    body = read_frame(process.stdout)
    if body is None:
        process.kill()
        process.wait()
        return None
    return _answers.decode(body)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with suppress(OSError):
        process.stdout.close()
