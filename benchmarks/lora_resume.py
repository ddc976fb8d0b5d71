"""A training whose trainer is killed half-way, beside one that is left alone.

``python -m benchmarks.lora_resume FOLDER`` trains twice with the same seed, in homes of their own,
kills the second one's trainer (SIGKILL) when it has made half of its steps, and prints what each
LoRA came to: distance to the held-out sounds, loss on other prompts, the step it was kept at.
Linux only.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from oneshot_server.domain.lora_card import LoraCard
from oneshot_server.library.lora_store import LoraStore

KILLED_AT = 0.5


def kill_trainer(process: subprocess.Popen[str]) -> None:
    """Kill the process that trains; its launcher and the command are left alone."""
    for child in psutil.Process(process.pid).children(recursive=True):
        line = child.cmdline()
        if "oneshot_server.training" in " ".join(line) and "accelerate" not in " ".join(line):
            os.kill(child.pid, signal.SIGKILL)


def train(folder: Path, home: Path, options: list[str], *, kill: bool) -> tuple[LoraCard, float]:
    """Train as a producer would; returns what came of it and the seconds it took."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "oneshot_server", "train", str(folder), "--home", str(home)]
    with subprocess.Popen(
        [*command, "--json", *options], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            progress = json.loads(line)
            if kill and progress.get("done", 0.0) >= KILLED_AT:
                kill_trainer(process)
                print(f"killed at step {progress['step']}", flush=True)
                kill = False
    if process.returncode:
        raise SystemExit(process.returncode)
    return LoraStore(home / "loras").versions(folder.name)[-1], time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    arguments, options = parser.parse_known_args()
    for kill in (False, True):
        with tempfile.TemporaryDirectory() as home:
            card, seconds = train(arguments.folder, Path(home), options, kill=kill)
        figures = card.figures
        print(
            f"{'killed' if kill else 'left alone':10}: {figures.held_out:.4f} dB from the held-out "
            f"sounds (base {figures.held_out_base:.4f}), loss on other prompts "
            f"{figures.others:.6f}, kept at step {card.steps}, {seconds:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
