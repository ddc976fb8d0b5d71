"""What a library is after the worst: index and folder are equal, and every star is there."""

import random
import secrets
import threading
import time
from pathlib import Path

from benchmarks.library_daemon import Daemon, daemon
from benchmarks.rows import row
from oneshot_server.library.sound_paths import walk

RENAMES = 1000
STARRED = 20
KILLED_AFTER_SECONDS = 0.5


def killed_in_renames(home: Path, samples: Path, count: int) -> None:
    """``kill -9`` of the daemon in the middle of 1,000 renames, a thousand a second."""
    files = sorted(samples.glob("*/*.wav"))
    victims = random.Random(1).sample(files, min(RENAMES, len(files) // 2))
    token = secrets.token_hex(4)  # a library that is kept may have been through this before
    targets = [file.with_name(f"renamed_{token}_{n}.wav") for n, file in enumerate(victims)]
    with daemon(home, samples) as running:
        running.settle(count)
        for number, file in enumerate(victims[:STARRED]):
            running.ask("star", str(file), 1 + number % 5)
        stars = _under_new_names(running.ask("stars"), victims, targets, samples)
        done = []

        def rename() -> None:
            for file, target in zip(victims, targets, strict=True):
                file.rename(target)
                done.append(target)
                time.sleep(0.001)

        renames = threading.Thread(target=rename)
        renames.start()
        time.sleep(KILLED_AFTER_SECONDS)
        running.process.kill()
        running.process.wait()
        before = len(done)
        renames.join()
    began = time.perf_counter()
    with daemon(home, samples) as running:
        running.settle(count)
        spent = time.perf_counter() - began
        check(running, samples, stars)
    print(
        f"killed after {before} of {len(victims)} renames: index and folder are equal, stars kept"
    )
    row("restart until that was so", spent, "s")


def deleted_in_scan(home: Path, samples: Path, count: int) -> None:
    """The index is deleted, and once more when a tenth of all is in the new one."""
    with daemon(home, samples) as running:
        running.settle(count)
        stars = running.ask("stars")
    delete_index(home)
    with daemon(home, samples) as running:
        running.until(lambda known, _: known > count // 10)
        delete_index(home)
        began = time.perf_counter()
        running.until(lambda known, _: known < count // 10)  # it is seen, and begun anew
        running.settle(count)
        spent = time.perf_counter() - began
        check(running, samples, stars)
    print("index deleted in the middle of a scan: index and folder are equal, stars are there")
    row("from the deletion until that was so", spent, "s")


def check(running: Daemon, samples: Path, stars: dict[str, int]) -> None:
    """Every path, what is known of each file's size and times, and every star."""
    assert running.ask("paths") == sorted(path for path, _ in walk(samples))
    assert running.ask("differences") == [0, 0]
    assert running.ask("stars") == stars


def delete_index(home: Path) -> None:
    """The index and its log; the next scan makes it anew."""
    for file in home.glob("sounds.db*"):
        file.unlink(missing_ok=True)


def _under_new_names(
    stars: dict[str, int], files: list[Path], targets: list[Path], samples: Path
) -> dict[str, int]:
    def name(path: Path) -> str:
        return path.relative_to(samples).as_posix()

    new = {name(file): name(target) for file, target in zip(files, targets, strict=True)}
    return {new.get(path, path): count for path, count in stars.items()}
