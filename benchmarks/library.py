"""A library of 100,000 sounds: ``python -m benchmarks.library``.

Writes small WAVs (half of them renders, with a recipe) below ``--work``, deleted at the end, and
runs the daemon on them with an engine that renders nothing. Prints: files a second of the first
scan and where its time goes; seconds of a rescan of the unchanged folder; milliseconds of searches
and of "more like this"; how long a copied file takes until it is told; the daemon's memory.

``--crash`` kills the daemon in the middle of 1,000 renames, and deletes the index in the middle of
a scan, and compares index and folder afterwards: every path, size and time, and every star.

What takes too long at once goes step by step, with a ``--home`` that is kept: ``--only sounds``,
``--only scan``, ``--only questions``, ``--crash``.
"""

import argparse
import json
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from benchmarks.library_crash import delete_index, deleted_in_scan, killed_in_renames
from benchmarks.library_daemon import daemon
from benchmarks.rows import percentiles, row
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.library.wav_metadata import embed
from tests.unit.library.test_wav_metadata import RECIPE

FOLDERS = 100
ADJECTIVES = ("dark", "bright", "short", "long", "punchy", "dusty", "metallic", "soft", "hard")
KINDS = ("kick", "snare", "clap", "rim", "closed_hat", "open_hat", "tom", "cowbell", "ride")
SEARCHES = 300


def write_sounds(folder: Path, count: int) -> None:
    """Files of 0.1 to 0.3 s; every other one says how it was made."""
    random_numbers = np.random.default_rng(0)
    rate = 44_100
    decays = np.exp(-np.arange(int(0.3 * rate)) / 2000)
    waves = [
        np.sin(2 * np.pi * hertz * np.arange(int(0.3 * rate)) / rate)
        for hertz in np.geomspace(40, 8000, 60)
    ]
    for number in range(count):
        where = folder / f"{number % FOLDERS:02}"
        where.mkdir(parents=True, exist_ok=True)
        samples = random_numbers.integers(rate // 10, 3 * rate // 10)
        noise = random_numbers.uniform(-1, 1, samples) * random_numbers.uniform(0, 0.5)
        wave = 0.6 * (waves[number % len(waves)][:samples] + noise) * decays[:samples]
        wav = encode_wav(wave, rate, "PCM_16")
        kind, word = KINDS[number % len(KINDS)], ADJECTIVES[number // 7 % len(ADJECTIVES)]
        if number % 2:
            prompt = f"{word} {kind.replace('_', ' ')}"
            recipe = replace(RECIPE, prompt=prompt, caption=f"{kind} {word}", seed=number)
            wav = embed(wav, recipe)
        (where / f"{word}_{kind}_{number}.wav").write_bytes(wav)


def first_scan(home: Path, samples: Path, count: int) -> None:
    with daemon(home, samples) as running:
        process = psutil.Process(running.process.pid)
        running.until(lambda known, _: known > 0)
        began, known = time.perf_counter(), running.ask("state")[0]
        readers = [p for p in process.children() if "analyst" in " ".join(p.cmdline())]
        own = sum(process.cpu_times()[:2])
        theirs = sum(sum(reader.cpu_times()[:2]) for reader in readers)
        running.until(lambda known, _: known >= 0.95 * count)
        spent, done = time.perf_counter() - began, running.ask("state")[0] - known
        theirs = sum(sum(reader.cpu_times()[:2]) for reader in readers) - theirs
        own = sum(process.cpu_times()[:2]) - own
        row("first scan", done / spent, "files/s")
        row("its readers on the cores: decode, hash, describe", 1000 * theirs / done, "ms/file")
        row("its daemon on the cores: index", 1000 * own / done, "ms/file")
        busy = (own + theirs) / spent / (psutil.cpu_count() or 1)
        row("share of the cores that both had", 100 * busy, "%")
        running.settle(count)
        row("memory of the daemon after it", process.memory_info().rss / 1e6, "MB")


def questions(home: Path, samples: Path, count: int) -> None:
    choose = random.Random(0)
    with daemon(home, samples) as running:
        running.settle(count)
        process = psutil.Process(running.process.pid)
        row("memory of the daemon after a start", process.memory_info().rss / 1e6, "MB")
        kinds: dict[str, Callable[[], dict[str, object]]] = {
            "one word": lambda: {"text": choose.choice(ADJECTIVES)},
            "two words, the second begun": lambda: {
                "text": f"{choose.choice(ADJECTIVES)} {choose.choice(KINDS)[:3]}"
            },
            "a kind, the brightest": lambda: {"kind": choose.choice(KINDS), "sort": "brightest"},
            "everything, the newest": lambda: {"offset": choose.randrange(1000)},
            "words and lengths, by name": lambda: {
                "text": choose.choice(KINDS).replace("_", " "),
                "longest": choose.uniform(0.1, 0.3),
                "sort": "name",
            },
        }
        every = []
        for label, make in kinds.items():
            spent = [running.ask("search", make()) for _ in range(SEARCHES // len(kinds))]
            percentiles(f"search: {label}", spent)
            every += spent
        percentiles("search: all of these", every)
        row("more like this, the first time", running.ask("similar", 1), "ms")
        numbers = [choose.randrange(1, count) for _ in range(60)]
        percentiles("more like this", [running.ask("similar", number) for number in numbers])
        row("the map of all", running.ask("map"), "ms")
        source = next(samples.glob("*/*.wav"))
        copies = [
            running.ask("copy", str(source), str(samples / f"copy_{number}.wav"))
            for number in range(40)
        ]
        percentiles("a copied file until it is told", copies)
        row("memory of the daemon after all this", process.memory_info().rss / 1e6, "MB")
    for number in range(40):
        (samples / f"copy_{number}.wav").unlink()


def rescan(home: Path, samples: Path, count: int) -> None:
    with daemon(home, samples) as running:
        running.settle(count)
    lines = (home / "logs" / "oneshot.log").read_text(encoding="utf-8").splitlines()
    compared = [json.loads(line) for line in lines if "samples folder compared" in line]
    assert (compared[-1]["changed"], compared[-1]["gone"]) == (0, 0), compared[-1]
    row("rescan of the unchanged folder", compared[-1]["seconds"], "s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--home", type=Path, help="is kept, with its samples, for the next run")
    parser.add_argument("--only", choices=["sounds", "scan", "questions"])
    parser.add_argument("--crash", action="store_true", help="is the library whole after the worst")
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="oneshot-library-", dir=arguments.work))
    try:
        home = arguments.home or work / "home"
        measure(home, arguments.files, arguments.only, crash=arguments.crash)
    finally:
        shutil.rmtree(work)


def measure(home: Path, count: int, only: str | None, *, crash: bool) -> None:
    samples = home / "samples"
    if not samples.exists():
        write_sounds(samples, count)
    if only == "sounds":
        return
    size = sum(file.stat().st_size for file in samples.rglob("*.wav"))
    print(f"{count} files, {size / 1e6:.0f} MB, {psutil.cpu_count()} cores", flush=True)
    if only == "scan":
        delete_index(home)
    if not (home / "sounds.db").exists():
        first_scan(home, samples, count)
    if crash:
        killed_in_renames(home, samples, count)
        deleted_in_scan(home, samples, count)
    elif only != "scan":
        rescan(home, samples, count)
        questions(home, samples, count)


if __name__ == "__main__":
    main()
