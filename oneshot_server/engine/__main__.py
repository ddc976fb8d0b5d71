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
from oneshot_server.errors import ErrorCode, ModelError, OneshotError, RenderCancelledError

if TYPE_CHECKING:  # it needs torch, which is slow to load and not needed to begin listening
    from oneshot_server.engine.render_job import JobRenderer

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


def serve(
    model: Path,
    loras: Path | None,
    device: str,
    threads: int,
    max_batch: int,
    connection: Connection,
) -> None:
    """Load the model, then render one job after the other, for ever."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    from oneshot_server.engine.render_job import JobRenderer
    from oneshot_server.library.lora_store import LoraStore
    from oneshot_server.pipeline.model import choose_device, load_model

    try:
        loaded = load_model(model, choose_device(device))
    except ModelError as error:
        connection.send(LoadFailed(text=str(error)))
        return
    store = LoraStore(loras) if loras is not None else None
    renderer = JobRenderer(loaded, max_batch=max_batch, loras=store)
    connection.send(
        Ready(model=loaded.card.name, model_hash=loaded.hash, device=str(loaded.device))
    )
    while True:
        render(connection.next_job(), renderer, connection)


def render(job: Render | RenderSpare, renderer: "JobRenderer", connection: Connection) -> None:
    """Render one job; whatever happens, exactly one last answer is sent."""

    def give_way() -> bool:
        connection.stop_if_cancelled(job.job)
        gave_way = False
        while isinstance(job, RenderSpare) and (urgent := connection.waited_for()) is not None:
            render(urgent, renderer, connection)
            gave_way = True
        return gave_way

    answer: Message
    try:
        renderer.run(job, connection.send, give_way)
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
    arguments = parser.parse_args()
    if hasattr(os, "nice"):  # the daemon answers a hit in milliseconds, whatever is rendered
        os.nice(NICENESS)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    # Frames own the real stdout; whatever a library prints goes to stderr, the daemon's log.
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(
        arguments.model,
        arguments.loras,
        arguments.device,
        arguments.threads,
        arguments.max_batch,
        Connection(sys.stdin.buffer, outgoing),
    )


if __name__ == "__main__":
    main()
