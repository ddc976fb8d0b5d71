"""``python -m benchmarks``: every figure, one after the other."""

import shutil
import subprocess
import sys
from pathlib import Path

DATA = Path("../shared/data/base_train")
FOLDERS = Path("../shared/data/user_folders")


def main() -> None:
    """Run each benchmark in a process of its own; what needs recordings or JACK only with them."""
    programs = [
        ["benchmarks.speed"],
        ["benchmarks.reshape"],
        ["benchmarks.pads"],
        ["benchmarks.pads", "--minutes", "10"],
    ]
    programs += [["benchmarks.library"], ["benchmarks.library", "--crash"], ["benchmarks.taste"]]
    if shutil.which("chromium"):
        programs += [["benchmarks.page"]]
    if shutil.which("jackd"):
        programs += [["benchmarks.midi"]]
    if DATA.exists():
        programs += [["benchmarks.quality"], ["benchmarks.codec"], ["benchmarks.inversion"]]
        programs += [["benchmarks.lora_speed"], ["benchmarks.similarity"]]
        programs += [["benchmarks.lora_effect", *map(str, sorted(FOLDERS.iterdir()))]]
    for program in programs:
        print(f"\n== {' '.join(program)}", flush=True)
        subprocess.run([sys.executable, "-m", *program], check=True)


if __name__ == "__main__":
    main()
