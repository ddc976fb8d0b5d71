"""An engine process that paints nothing, for tests: ``python -m oneshot_server.engine.fake``.

It speaks the real protocol in the real framing. Words of the prompt say how it behaves: ``slow``
takes its time with each step, ``hang`` never ends by itself, ``deaf`` neither, and
cannot be cancelled, ``die`` kills the process, ``orphan``
too and leaves another behind that holds its pipes open, ``silent`` closes its stdout and lives on,
``garbage`` answers with what is no message, ``huge`` announces a frame that is too long, ``broken``
fails the job. So does a parent that is gone. Everything else becomes short valid WAVs at once. As
the real one it renders what somebody waits for between two steps of what nobody does, and
first makes drafts where those are asked for: with ``later`` the other words count for what comes
after them, and ``flawed`` leaves it at them.

The model's name says how it loads: ``broken`` cannot be loaded, ``deadly`` kills the process,
``large`` does not fit beside another engine, ``enormous`` not even alone, ``endless`` never ends.
"""

import argparse
import io
import os
import struct
import subprocess
import sys
import threading
import time
import wave
import zlib
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import BinaryIO, Final

from oneshot_server.domain.events import NoticeCode
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine.messages import (
    HEADER,
    LONGEST_FRAME,
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
from oneshot_server.errors import ErrorCode

STEPS: Final = 5
SLOW_STEP_SECONDS: Final = 0.05


class FakeEngine:
    """Answers jobs on a pair of streams."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO, model: str = "fake") -> None:
        self._model = model
        self._incoming = incoming
        self._outgoing = outgoing
        self._jobs: SimpleQueue[Render | RenderSpare] = SimpleQueue()
        self._urgent: SimpleQueue[Render] = SimpleQueue()
        self._cancelled: set[str] = set()

    def send(self, message: Message) -> None:
        """Send a message."""
        self._outgoing.write(encode(message))
        self._outgoing.flush()

    def serve(self) -> None:
        """Answer job after job, until the daemon is gone."""
        threading.Thread(target=self._read, daemon=True).start()
        self.send(Ready(model=self._model, model_hash="0" * 64, device="none"))
        while True:
            job = self._jobs.get()
            if isinstance(job, Render) and not job.seeds:
                self._render_urgent()
            else:
                self._render(job)

    def _read(self) -> None:
        while (message := read_to_engine(self._incoming)) is not None:
            if isinstance(message, Cancel):
                self._cancelled.add(message.job)
                continue
            if isinstance(message, Render) and not message.seeds:
                self._urgent.put(message)
            self._jobs.put(message)
        os._exit(0)

    def _render_urgent(self) -> None:
        """One job that somebody waits for, unless it was rendered already."""
        with suppress(Empty):
            self._render(self._urgent.get_nowait())

    def _render(self, job: Render | RenderSpare) -> None:
        for index, request in self._wanted(job):
            better = isinstance(job, Render) and bool(job.seeds)
            draft = isinstance(job, Render) and request.quality == "draft-then-best" and not better
            words = request.prompt.split()
            if "later" in words and not better:
                words = []
            step = 0
            while step < STEPS or "hang" in words or "deaf" in words:
                self.send(RenderProgress(job=job.job, fraction=step / (step + 1), stage="fake"))
                if job.job in self._cancelled and "deaf" not in words:
                    self.send(RenderCancelled(job=job.job))
                    return
                if isinstance(job, RenderSpare) or job.seeds:
                    self._render_urgent()
                if "slow" in words or "hang" in words or "deaf" in words:
                    time.sleep(SLOW_STEP_SECONDS)
                step += 1
            self._misbehave(words)
            gone = [file for file in request.parent_files if not Path(file).is_file()]
            if gone:
                text = f"{gone[0]}: no such file"
                self.send(RenderFailed(job=job.job, code=ErrorCode.NOT_FOUND, text=text))
                return
            if "broken" in words:
                text = "asked to be broken"
                self.send(RenderFailed(job=job.job, code=ErrorCode.ENGINE_FAILED, text=text))
                return
            if better and "flawed" in words:
                text = f"sound {index} stays a draft"
                self.send(RenderNotice(job=job.job, code=NoticeCode.DRAFT_STAYS, text=text))
                continue
            seed = request.seed_of(0 if isinstance(job, RenderSpare) else index)
            self.send(
                Rendered(
                    job=job.job,
                    index=index,
                    seed=seed,
                    seconds=0.01,
                    wav=tiny_wav(seed, self._model, better=better),
                    draft=draft,
                )
            )
        self.send(RenderDone(job=job.job))

    def _wanted(self, job: Render | RenderSpare) -> list[tuple[int, GenerateRequest]]:
        if isinstance(job, RenderSpare):
            return [(index, part.request) for index, part in enumerate(job.parts)]
        indices = [index for index in range(job.request.count) if index not in job.skip]
        return [(index, job.request) for index in indices]

    def _misbehave(self, words: list[str]) -> None:
        if "garbage" in words:
            self._outgoing.write(struct.pack("<I", 5) + b"hello")
            self._outgoing.flush()
        if "huge" in words:
            self._outgoing.write(HEADER.pack(LONGEST_FRAME + 1))
            self._outgoing.flush()
        if "silent" in words:
            os.close(self._outgoing.fileno())
            threading.Event().wait()
        if "orphan" in words:
            # It ends with its stdin, which is the engine's: when the daemon lets go of the pipes.
            keeper = [sys.executable, "-c", "import sys; sys.stdin.read()"]
            subprocess.Popen(keeper)  # noqa: S603 - this very Python
        if "die" in words or "orphan" in words:
            os._exit(3)


def tiny_wav(seed: int, model: str = "fake", *, better: bool = False) -> bytes:
    """Ten milliseconds; its first samples are the seed, a number for the model, 1 for better."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44_100)
        first = (seed % 32_768, zlib.crc32(model.encode()) % 32_768, int(better))
        file.writeframes(struct.pack("<441h", *first, *([0] * 438)))
    return buffer.getvalue()


def main() -> None:
    """Read the command line and serve on stdin and stdout."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--load-failed", default="")
    parser.add_argument("--linger", action="store_true", help="live on after --load-failed")
    parser.add_argument("--die-at-start", action="store_true")
    parser.add_argument("--model", default="fake", help="name that it says")
    parser.add_argument("--beside", action="store_true", help="as the real one's")
    arguments = parser.parse_args()
    engine = FakeEngine(sys.stdin.buffer, sys.stdout.buffer, arguments.model)
    match arguments.model:
        case "broken":
            engine.send(LoadFailed(text="the model is broken"))
            return
        case "enormous":
            engine.send(LoadFailed(text="no memory", out_of_memory=True))
            return
        case "large" if arguments.beside:
            engine.send(LoadFailed(text="no memory beside", out_of_memory=True))
            return
        case "deadly":
            sys.exit("the model is deadly")
        case "endless":
            sys.stdin.buffer.read()
            return
    if arguments.die_at_start:
        sys.exit("no such luck")
    if arguments.load_failed:
        engine.send(LoadFailed(text=arguments.load_failed))
        if arguments.linger:
            threading.Event().wait()
        return
    engine.serve()


if __name__ == "__main__":
    main()
