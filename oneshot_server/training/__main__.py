"""The trainer: ``accelerate launch -m oneshot_server.training SPEC.json``, or ``python -m …``."""

import argparse
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from oneshot_server.errors import ErrorCode, OneshotError
from oneshot_server.training.giving_way import GiveWay, StoppedError
from oneshot_server.training.messages import TrainerMessage, TrainingFailed, encode_line
from oneshot_server.training.spec import TrainingSpec

NICENESS: Final = 5  # the daemon answers and the engine renders first


def main() -> int:
    """Read the command line, train, and return the status to exit with."""
    parser = argparse.ArgumentParser(prog="python -m oneshot_server.training")
    parser.add_argument("spec", type=Path, help="specification, as TrainingSpec.write writes it")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    # Messages own the real stdout; whatever a library prints goes to stderr, the daemon's log.
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    voice = Voice(outgoing)
    try:
        return train(TrainingSpec.read(arguments.spec), voice)
    except OneshotError as error:
        voice.say(TrainingFailed(code=error.code, text=str(error)))
        return 1


def train(spec: TrainingSpec, voice: "Voice") -> int:
    """Train as told; whatever happens, at most one last message is said."""
    way = GiveWay(pause_file=Path(spec.pause_file) if spec.pause_file else None, parent=spec.parent)
    way.listen()
    _set_up_machine(spec)
    from oneshot_server.library.dataset_folder import read_dataset
    from oneshot_server.training.run import run_training

    try:
        run_training(spec, voice.say, read_dataset, way)
    except StoppedError as stopped:
        logging.getLogger(__name__).info("%s: stopped", stopped)
    except BrokenPipeError:
        logging.getLogger(__name__).info("nobody listens any more: stopped")
    except OneshotError as error:
        voice.say(TrainingFailed(code=error.code, text=str(error)))
        return 1
    except Exception as error:  # the outer loop: the daemon is told whatever it was
        logging.getLogger(__name__).exception("training %s", spec.name)
        if way.stopping:  # another process has ended before this one, as asked
            return 0
        text = f"{type(error).__name__}: {error}"
        voice.say(TrainingFailed(code=ErrorCode.ENGINE_FAILED, text=text))
        return 1
    return 0


class Voice:
    """Says messages to the daemon; of several processes only the first does."""

    def __init__(self, outgoing: BinaryIO) -> None:
        self._outgoing = outgoing
        self._main = os.environ.get("RANK", "0") == "0"

    def say(self, message: TrainerMessage) -> None:
        """Say a message, at once."""
        if self._main:
            self._outgoing.write(encode_line(message))
            self._outgoing.flush()


def _set_up_machine(spec: TrainingSpec) -> None:
    """Threads, niceness and the visible GPU, before anything else is asked of torch."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    # Desktop Linux shares the cores between sessions first (autogroup, sched(7)), and the trainer
    # has a session of its own: its niceness alone would count for nothing beside an engine or DAW.
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS), encoding="ascii")
    launched = "ACCELERATE_MIXED_PRECISION" in os.environ
    name, _, number = spec.device.partition(":")
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    if name == "cuda" and number and alone:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        chosen = visible[int(number)] if int(number) < len(visible) else number
        os.environ["CUDA_VISIBLE_DEVICES"] = chosen or number
    import torch

    if spec.threads:
        torch.set_num_threads(spec.threads)
    elif launched and alone and os.environ.get("OMP_NUM_THREADS") == "1":
        # The launcher sets a single thread where nobody has said anything.
        torch.set_num_threads(max(1, os.cpu_count() or 1))


if __name__ == "__main__":
    sys.exit(main())
