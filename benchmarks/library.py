"""A library of 100,000 sounds: ``python -m benchmarks.library``.

Writes small WAVs (half of them renders, with a recipe) below ``--work``, deleted at the end, and
runs the daemon on them with an engine that renders nothing. Prints: files a second of the first
scan and where its time goes; seconds of a rescan of the unchanged folder; milliseconds of searches
and of "more like this"; how long a copied file takes until it is told; the daemon's memory. Then
kills the daemon in the middle of 1,000 renames, and deletes the index in the middle of a scan, and
compares index and folder afterwards: every path, and every star.
"""

import argparse
import asyncio
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.live import free_port
from oneshot_server.app import running_daemon
from oneshot_server.domain.library import LibraryChange, Query
from oneshot_server.library.home import Home
from oneshot_server.library.living_library import LivingLibrary
from oneshot_server.library.sound_paths import walk
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.library.wav_metadata import embed
from oneshot_server.settings import OscSettings, PadsSettings, SamplesSettings, Settings
from tests.unit.library.test_wav_metadata import RECIPE

FOLDERS = 100
ADJECTIVES = ("dark", "bright", "short", "long", "punchy", "dusty", "metallic", "soft", "hard")
KINDS = ("kick", "snare", "clap", "rim", "closed_hat", "open_hat", "tom", "cowbell", "ride")
STARRED = 20
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


class Answers:
    """What this benchmark asks of the daemon that runs in the same process."""

    def __init__(self, library: LivingLibrary) -> None:
        self._library = library
        self._told: asyncio.Queue[LibraryChange] = asyncio.Queue()
        library.subscribe(self._told.put_nowait)

    async def state(self) -> list[int]:
        """Sounds that are known, and files that wait; at least one while nobody has looked."""
        waiting = self._library.waiting + (not self._library.settled.is_set())
        return [self._library.sounds.counts().sounds, waiting]

    async def search(self, query: dict[str, Any]) -> float:
        """Milliseconds."""
        return await self._timed(lambda: self._library.sounds.search(Query(**query)))

    async def similar(self, number: int) -> float:
        """Milliseconds."""
        return await self._timed(lambda: self._library.sounds.similar(number, 50))

    async def map(self) -> float:
        """Milliseconds."""
        return await self._timed(self._library.sounds.places)

    async def copy(self, source: str, target: str) -> float:
        """Milliseconds from the copy's beginning until it is told."""
        began = time.perf_counter()
        await asyncio.to_thread(shutil.copyfile, source, target)
        name = Path(target).name
        while not any(Path(s.path).name == name for s in (await self._told.get()).now):
            pass
        return 1000 * (time.perf_counter() - began)

    async def star(self, path: str, stars: int) -> int:
        """The stars that the sound has then."""
        return (await self._library.mark(path, stars=stars)).stars

    async def stars(self) -> dict[str, int]:
        """Stars of all that have some."""
        found = self._library.sounds.search(Query(stars=1, limit=1000)).sounds
        return {sound.path: sound.stars for sound in found}

    async def paths(self) -> list[str]:
        """Of all sounds."""
        return sorted(sound.path for sound in self._library.sounds.every(Query()))

    async def _timed(self, action: Callable[[], object]) -> float:
        began = time.perf_counter()
        await asyncio.to_thread(action)
        return 1000 * (time.perf_counter() - began)


async def serve(home: Path, samples: Path, port: int) -> None:
    """A daemon that answers questions, a line of JSON each, until stdin ends."""
    settings = Settings(
        osc=OscSettings(port=port),
        pads=PadsSettings(kit="", reserve=0),
        samples=SamplesSettings(folder=str(samples)),
    )
    fake = [sys.executable, "-m", "oneshot_server.engine.fake"]
    async with running_daemon(settings, Home(home), command=fake) as daemon:
        library = daemon.core.library
        assert isinstance(library, LivingLibrary)
        answers = Answers(library)
        while line := await asyncio.to_thread(sys.stdin.readline):
            what, *arguments = json.loads(line)
            print(json.dumps(await getattr(answers, what)(*arguments)), flush=True)


class Daemon:
    """The process of ``serve``."""

    def __init__(self, home: Path, samples: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.library", "--serve", str(home), str(samples)]
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [*command, str(free_port())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, *question: object) -> Any:  # noqa: ANN401 - as JSON has it
        """Ask by the name of a method of ``Answers`` and its arguments."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def until(self, condition: Callable[[int, int], bool]) -> None:
        """Wait until sounds that are known, and files that wait, are as wanted."""
        while not condition(*self.ask("state")):
            time.sleep(0.1)

    def settle(self, sounds: int) -> None:
        """Wait until it knows so many sounds, and has nothing more to look at for a while."""
        self.until(lambda known, waiting: known == sounds and not waiting)
        time.sleep(1.0)
        self.until(lambda known, waiting: known == sounds and not waiting)


@contextmanager
def daemon(home: Path, samples: Path) -> Iterator[Daemon]:
    running = Daemon(home, samples)
    try:
        yield running
    finally:
        assert running.process.stdin is not None
        running.process.stdin.close()
        running.process.wait(60)


def row(label: str, value: float, unit: str) -> None:
    print(f"{label:58}{value:10.1f} {unit}", flush=True)


def percentiles(label: str, milliseconds: list[float]) -> None:
    middle, worst = statistics.median(milliseconds), statistics.quantiles(milliseconds, n=20)[-1]
    row(f"{label}, median", middle, "ms")
    row(f"{label}, p95", worst, "ms")


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
        row(
            "its readers' time on the cores (decode, hash, describe)",
            1000 * theirs / done,
            "ms/file",
        )
        row("its daemon's time on the cores", 1000 * own / done, "ms/file")
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


def killed_in_renames(home: Path, samples: Path, count: int) -> None:
    files = sorted(samples.glob("*/*.wav"))
    victims = random.Random(1).sample(files, min(1000, len(files) // 2))
    starred = victims[:STARRED]
    with daemon(home, samples) as running:
        running.settle(count)
        for number, file in enumerate(starred):
            running.ask("star", str(file), 1 + number % 5)

        def rename() -> None:
            for number, file in enumerate(victims):
                file.rename(samples / f"{number % FOLDERS:02}" / f"renamed_{number}.wav")
                time.sleep(0.001)

        renames = threading.Thread(target=rename)
        renames.start()
        time.sleep(0.5)
        running.process.kill()
        running.process.wait()
        renames.join()
    with daemon(home, samples) as running:
        running.settle(count)
        check(running, samples)
        stars = running.ask("stars")
        wanted = {
            f"{number % FOLDERS:02}/renamed_{number}.wav": 1 + number % 5
            for number in range(len(starred))
        }
        assert stars == wanted, (stars, wanted)
    print("killed in the middle of 1,000 renames: index and folder are equal, stars are kept")


def deleted_in_scan(home: Path, samples: Path, count: int) -> None:
    for file in home.glob("sounds.db*"):
        file.unlink()
    with daemon(home, samples) as running:
        running.until(lambda known, _: known > count // 4)
        for file in home.glob("sounds.db*"):
            file.unlink(missing_ok=True)
        began = time.perf_counter()
        running.settle(count)
        check(running, samples)
        assert len(running.ask("stars")) == STARRED
    print(
        "index deleted in the middle of a scan: index and folder are equal "
        f"{time.perf_counter() - began:.0f} s later, stars are there"
    )


def check(running: Daemon, samples: Path) -> None:
    there = sorted(path for path, _ in walk(samples))
    assert running.ask("paths") == there, "index and folder differ"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--only", choices=["sounds", "speed", "safety"])
    parser.add_argument("--samples", type=Path, help="written once, and kept for the next run")
    parser.add_argument("--serve", nargs=3, metavar=("HOME", "SAMPLES", "PORT"))
    arguments = parser.parse_args()
    if arguments.serve:
        home, samples, port = arguments.serve
        asyncio.run(serve(Path(home), Path(samples), int(port)))
        return
    work = Path(tempfile.mkdtemp(prefix="oneshot-library-", dir=arguments.work))
    try:
        samples, home, count = arguments.samples or work / "samples", work / "home", arguments.files
        if not samples.exists():
            write_sounds(samples, count)
        if arguments.only == "sounds":
            return
        size = sum(file.stat().st_size for file in samples.rglob("*.wav"))
        print(f"{count} files, {size / 1e6:.0f} MB, {psutil.cpu_count()} cores", flush=True)
        first_scan(home, samples, count)
        if arguments.only != "safety":
            rescan(home, samples, count)
            questions(home, samples, count)
        if arguments.only != "speed":
            killed_in_renames(home, samples, count)
            deleted_in_scan(home, samples, count)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
