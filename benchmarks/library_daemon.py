"""A daemon on a library, with an engine that renders nothing; a benchmark asks it by name.

``python -m benchmarks.library_daemon HOME SAMPLES PORT``
"""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.live import free_port
from oneshot_server.app import running_daemon
from oneshot_server.domain.library import LibraryChange, Query
from oneshot_server.library.home import Home
from oneshot_server.library.living_library import LivingLibrary
from oneshot_server.settings import OscSettings, PadsSettings, SamplesSettings, Settings


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
        return await self._timed(lambda: sum(1 for _ in self._library.sounds.places()))

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

    async def differences(self) -> list[int]:
        """Files that must be looked at, and rows whose file is gone."""
        changed, gone = await asyncio.to_thread(self._library.sounds.compare)
        return [len(changed), len(gone)]

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
        command = [sys.executable, "-m", "benchmarks.library_daemon", str(home), str(samples)]
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
        for _ in range(2):
            self.until(lambda known, waiting: known == sounds and not waiting)
            time.sleep(1.0)


@contextmanager
def daemon(home: Path, samples: Path) -> Iterator[Daemon]:
    running = Daemon(home, samples)
    try:
        yield running
    finally:
        assert running.process.stdin is not None
        running.process.stdin.close()
        running.process.wait(60)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
