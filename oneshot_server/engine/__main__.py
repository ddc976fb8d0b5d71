"""The engine process: ``python -m oneshot_server.engine``. Owns the device; speaks in frames."""

import argparse
import logging
import os
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from oneshot_server.engine.messages import (
    Cancel,
    LoadFailed,
    Message,
    Ready,
    Render,
    RenderCancelled,
    RenderDone,
    RenderFailed,
    RenderProgress,
    RenderSpare,
    encode,
    read_to_engine,
)
from oneshot_server.errors import ErrorCode, OneshotError, OutOfMemoryError, RenderCancelledError

if TYPE_CHECKING:  # it needs torch, which is slow to load and not needed to begin listening
    from oneshot_server.engine.loaded import Loaded

PROGRESS_SECONDS: Final = 0.1
NICENESS: Final = 2


class Connection:
    """The daemon's end of the line: jobs that wait, jobs to cancel, and a way to answer.

    A ``RenderSpare`` waits until no ``Render`` does.

    Args:
        incoming: frames from the daemon; when it ends, so does this process.
        outgoing: frames to the daemon.
    """

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._jobs: deque[Render] = deque()
        self._spare: deque[RenderSpare] = deque()
        self._arrived = threading.Condition()
        self._cancelled: set[str] = set()
        self._last_progress = 0.0
        threading.Thread(target=self._read, name="daemon reader", daemon=True).start()

    def next_job(self) -> Render | RenderSpare:
        """Wait for a job."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._jobs or self._spare)
            return self._jobs.popleft() if self._jobs else self._spare.popleft()

    def waited_for(self) -> Render | None:
        """A job that somebody waits for, if there is one."""
        return self._jobs.popleft() if self._jobs else None

    def send(self, message: Message) -> None:
        """Send a message; of progress only what is due."""
        if isinstance(message, RenderProgress):
            now = time.monotonic()
            if now - self._last_progress < PROGRESS_SECONDS:
                return
            self._last_progress = now
        self._outgoing.write(encode(message))
        self._outgoing.flush()

    def stop_if_cancelled(self, job: str) -> None:
        """Raise RenderCancelledError if the daemon has cancelled this job."""
        if job in self._cancelled:
            self._cancelled.discard(job)
            raise RenderCancelledError(job)

    def _read(self) -> None:
        while (message := read_to_engine(self._incoming)) is not None:
            if isinstance(message, Cancel):
                self._cancelled.add(message.job)
                continue
            with self._arrived:
                if isinstance(message, Render):
                    self._jobs.append(message)
                else:
                    self._spare.append(message)
                self._arrived.notify()
        # The daemon is gone, perhaps killed: nobody is left to render for.
        os._exit(0)


def serve(options: argparse.Namespace, connection: Connection) -> None:
    """Load the model, then render one job after the other, for ever."""
    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    from oneshot_server.engine.loaded import Loaded
    from oneshot_server.pipeline.device import is_out_of_memory

    try:
        loaded = Loaded(
            folder=options.model,
            loras=options.loras,
            device=options.device,
            precision=options.precision,
            max_batch=options.max_batch,
            beside=options.beside,
        )
    except OneshotError as error:
        short = isinstance(error, OutOfMemoryError)
        connection.send(LoadFailed(text=str(error), out_of_memory=short))
        return
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        text = f"{options.model.name} does not fit into memory: {error}"
        connection.send(LoadFailed(text=text, out_of_memory=True))
        return
    model = loaded.model
    connection.send(Ready(model=model.card.name, model_hash=model.hash, device=loaded.device))
    while True:
        render(connection.next_job(), loaded, connection)


def render(job: Render | RenderSpare, loaded: "Loaded", connection: Connection) -> None:
    """Render one job; whatever happens, exactly one last answer is sent."""

    def give_way() -> bool:
        connection.stop_if_cancelled(job.job)
        gave_way = False
        while isinstance(job, RenderSpare) and (urgent := connection.waited_for()) is not None:
            render(urgent, loaded, connection)
            gave_way = True
        return gave_way

    answer: Message
    try:
        loaded.run(job, connection.send, give_way)
        answer = RenderDone(job=job.job)
    except RenderCancelledError:
        answer = RenderCancelled(job=job.job)
    except OneshotError as error:
        answer = RenderFailed(job=job.job, code=error.code, text=str(error))
    except Exception as error:  # the outer loop: one job's fault ends that job alone
        logging.getLogger(__name__).exception("job %s", job.job)
        answer = RenderFailed(
            job=job.job, code=ErrorCode.ENGINE_FAILED, text=f"{type(error).__name__}: {error}"
        )
    connection.send(answer)


def main() -> None:
    """Read the command line and serve on stdin and stdout."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--loras", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--max-batch", type=int, default=8)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--beside", action="store_true", help="another engine has memory too")
    options = parser.parse_args()
    if hasattr(os, "nice"):  # the daemon answers a hit in milliseconds, whatever is rendered
        os.nice(NICENESS)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    # Frames own the real stdout; whatever a library prints goes to stderr, the daemon's log.
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(options, Connection(sys.stdin.buffer, outgoing))


if __name__ == "__main__":
    main()
