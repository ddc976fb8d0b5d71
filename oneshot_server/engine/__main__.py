"""The engine process: ``python -m oneshot_server.engine``. Owns the device; speaks in frames."""

import argparse
import gc
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from oneshot_server.engine.batches import Group, Work, gives_way, goes_with, jobs_of
from oneshot_server.engine.messages import (
    Cancel,
    LoadFailed,
    Message,
    Ready,
    Render,
    RenderCancelled,
    RenderDone,
    Rendered,
    RenderFailed,
    RenderNotice,
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
SPIN_COUNT: Final = 3000

Report = Rendered | RenderNotice | RenderProgress


class Connection:
    """The daemon's end of the line: jobs that wait, jobs to cancel, and a way to answer.

    A ``RenderSpare``, or a ``Render`` that makes drafts better, waits until nothing else does.

    Args:
        incoming: frames from the daemon; when it ends, so does this process.
        outgoing: frames to the daemon.
        together: jobs of one sound that are taken as one.
    """

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO, together: int = 1) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._together = together
        self._jobs: deque[Render] = deque()
        self._spare: deque[RenderSpare | Group] = deque()
        self._arrived = threading.Condition()
        self._cancelled: set[str] = set()
        self._progress_due: dict[str, float] = {}
        self._alone: set[str] = set()
        threading.Thread(target=self._read, name="daemon reader", daemon=True).start()

    def next_job(self) -> Work:
        """Wait for a job, or for jobs that are rendered as one."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._jobs or self._spare)
            return self._next_group() if self._jobs else self._spare.popleft()

    def waited_for(self) -> Group | None:
        """What somebody waits for, if somebody does."""
        with self._arrived:
            return self._next_group() if self._jobs else None

    def send(self, message: Message) -> None:
        """Send a message; of progress only what is due."""
        if isinstance(message, RenderProgress):
            now = time.monotonic()
            if now < self._progress_due.get(message.job, 0.0):
                return
            self._progress_due[message.job] = now + PROGRESS_SECONDS
        elif isinstance(message, RenderDone | RenderFailed | RenderCancelled):
            self._progress_due.pop(message.job, None)
        self._outgoing.write(encode(message))
        self._outgoing.flush()

    def end_cancelled(self, going: list[str]) -> None:
        """Answer what the daemon has cancelled, and take it out of the jobs that are going on.

        Those that have not begun are answered, too.
        """
        if not self._cancelled:
            return
        with self._arrived:
            waiting = [job for job in self._jobs if job.job in self._cancelled]
            for job in waiting:
                self._jobs.remove(job)
                self._alone.discard(job.job)
        begun = [name for name in going if name in self._cancelled]
        for name in begun:
            going.remove(name)
        for name in (*begun, *(job.job for job in waiting)):
            self._cancelled.discard(name)
            self.send(RenderCancelled(job=name))

    def put_back(self, jobs: Sequence[Render]) -> None:
        """Take these next, each alone: so it shows whose fault it was that they failed together."""
        with self._arrived:
            self._jobs.extendleft(reversed(jobs))
            self._alone.update(job.job for job in jobs)

    def _next_group(self) -> Group:
        first, *others = self._jobs
        fitting = [job for job in others if self._may_go_with(job, first)]
        group = Group(jobs=(first, *fitting[: self._together - 1]))
        for job in group.jobs:
            self._jobs.remove(job)
        self._alone.discard(first.job)
        return group

    def _may_go_with(self, job: Render, first: Render) -> bool:
        return not self._alone & {job.job, first.job} and goes_with(job, first)

    def _read(self) -> None:
        while (message := read_to_engine(self._incoming)) is not None:
            if isinstance(message, Cancel):
                self._cancelled.add(message.job)
                continue
            with self._arrived:
                if isinstance(message, RenderSpare):
                    self._spare.append(message)
                elif message.seeds:
                    self._spare.append(Group(jobs=(message,)))
                else:
                    self._jobs.append(message)
                self._arrived.notify()
        # The daemon is gone, perhaps killed: nobody is left to render for.
        os._exit(0)


def serve(options: argparse.Namespace, connection: Connection) -> None:
    """Load the model, then render one job after the other, for ever."""
    # Four thousand modules, none of which is ever garbage: to look through them as they come is a
    # seventh of the time until the first sound.
    gc.disable()
    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    from oneshot_server.engine.loaded import Loaded
    from oneshot_server.pipeline.device import is_out_of_memory

    gc.freeze()  # before the model is there, which may have to go
    gc.enable()
    try:
        loaded = Loaded(
            folder=options.model,
            loras=options.loras,
            device=options.device,
            precision=options.precision,
            max_batch=options.max_batch,
            beside=options.beside,
            index=options.index,
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


def render(work: Work, loaded: "Loaded", connection: Connection) -> None:
    """Render; whatever happens, exactly one last answer is sent for each job."""
    going = list(jobs_of(work))
    made: set[str] = set()

    def give_way() -> bool:
        connection.end_cancelled(going)
        if not going:
            raise RenderCancelledError("nobody waits for it any more")
        gave_way = False
        while gives_way(work) and (urgent := connection.waited_for()) is not None:
            render(urgent, loaded, connection)
            gave_way = True
        return gave_way

    failure: tuple[ErrorCode, str] | None = None
    try:
        loaded.run(work, _sender(going, made, connection), give_way)
    except RenderCancelledError:
        return
    except OneshotError as error:
        failure = error.code, str(error)
    except Exception as error:  # the outer loop: one job's fault ends that job alone
        logging.getLogger(__name__).exception("job %s", ", ".join(going))
        failure = ErrorCode.ENGINE_FAILED, f"{type(error).__name__}: {error}"
    if failure is not None and isinstance(work, Group) and len(work.jobs) > 1:
        connection.put_back([job for job in work.jobs if job.job in set(going) - made])
        going, failure = [name for name in going if name in made], None
    for name in going:
        connection.send(_last_answer(name, failure))


def _sender(
    going: Collection[str], made: set[str], connection: Connection
) -> Callable[[Report], None]:
    """Sends what is told of jobs that are going on, and notes which have their sound."""

    def send(message: Report) -> None:
        if message.job in going:
            connection.send(message)
            if isinstance(message, Rendered):
                made.add(message.job)

    return send


def _last_answer(job: str, failure: tuple[ErrorCode, str] | None) -> Message:
    if failure is None:
        return RenderDone(job=job)
    return RenderFailed(job=job, code=failure[0], text=failure[1])


def main() -> None:
    """Read the command line and serve on stdin and stdout."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--loras", type=Path)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--max-batch", type=int, default=8)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--beside", action="store_true", help="another engine has memory too")
    options = parser.parse_args()
    if hasattr(os, "nice"):  # the daemon answers a hit in milliseconds, whatever is rendered
        os.nice(NICENESS)
    # Torch's threads wait for each other by spinning. Beside a DAW that wants the same cores they
    # would spin for one that does not run: a quarter of the sounds a second. GNU OpenMP reads this.
    os.environ.setdefault("GOMP_SPINCOUNT", str(SPIN_COUNT))
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    # Frames own the real stdout; whatever a library prints goes to stderr, the daemon's log.
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(options, Connection(sys.stdin.buffer, outgoing, options.max_batch))


if __name__ == "__main__":
    main()
