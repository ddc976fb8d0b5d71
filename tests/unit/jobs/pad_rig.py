"""Everything behind the pads but an engine, which the tests play."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from oneshot_server.domain.events import JobEvent, JobId
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.pads import Kit, Pad
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import NotFoundError
from oneshot_server.jobs.event_bus import EventBus
from oneshot_server.jobs.journal import Journal
from oneshot_server.jobs.pad_bank import PadBank
from oneshot_server.jobs.pad_recipes import PadRecipes
from oneshot_server.jobs.pads import Pads
from oneshot_server.jobs.queue import JobQueue
from oneshot_server.jobs.reserve import Reserve
from oneshot_server.library.database import open_database
from oneshot_server.library.reserve_folder import ReserveFolder
from oneshot_server.library.samples_folder import SamplesFolder
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.library.wav_metadata import embed
from tests.unit.jobs.fakes import FakeRenderer
from tests.unit.library.test_wav_metadata import RECIPE

KICK = Pad(prompt="kick")


def sound(seed: int) -> bytes:
    samples = np.random.default_rng(seed).uniform(-0.9, 0.9, 441)
    return embed(encode_wav(samples, 44_100, "PCM_24"), replace(RECIPE, seed=seed))


@dataclass
class PadRig:
    renderer: FakeRenderer
    bank: PadBank
    reserve: Reserve
    pads: Pads
    queue: JobQueue
    journal: Journal
    samples: SamplesFolder
    folder: ReserveFolder
    events: list[JobEvent]

    def ask(self) -> list[GenerateRequest]:
        """What the engine was asked for last."""
        return self.renderer.spare[-1][1]

    async def make(self, count: int | None = None) -> None:
        """The engine makes what it was asked for last, all of it or the first few."""
        job, requests = self.renderer.spare[-1]
        for index, request in enumerate(requests[:count]):
            await self.queue.engine_rendered(job, index, request.seed, 0.01, sound(request.seed))
        if count is None:
            self.queue.engine_done(job)

    async def fill(self) -> None:
        """The engine makes all that is asked for."""
        done = 0
        while len(self.renderer.spare) > done:
            done = len(self.renderer.spare)
            await self.make()

    async def settled(self) -> None:
        """Every thread and callback has had its turn."""
        await asyncio.sleep(0)
        await self.pads.stop()
        while self.reserve._chores:
            await asyncio.wait(self.reserve._chores)

    def of(self, job: JobId) -> list[JobEvent]:
        return [event for event in self.events if event.job == job]

    def published(self) -> list[Path]:
        return sorted(self.samples.folder.glob("*.wav"))


def run(
    home: Path,
    test: Callable[[PadRig], Awaitable[None]],
    *,
    pads: dict[int, Pad] | None = None,
    per_pad: int = 4,
    most_bytes: int = 10**9,
    loras: dict[str, int] | None = None,
    model_hash: str = "ab" * 32,
    most_waiting: int = 8,
) -> None:
    """Run a test with the pads of a home; another run on the same home is a restart."""

    def resolve(request: GenerateRequest) -> GenerateRequest:
        versions = loras or {}
        if any(lora.name not in versions for lora in request.loras):
            raise NotFoundError("no such LoRA")
        resolved = (replace(lora, version=versions[lora.name]) for lora in request.loras)
        return replace(request, loras=tuple(resolved))

    async def body() -> None:
        samples = home / "samples"
        samples.mkdir(exist_ok=True)
        (home / "adapter").touch()
        with closing(open_database(home / "library.db")) as connection:
            renderer, bus, journal = FakeRenderer(), EventBus(), Journal(connection)
            renderer.model_hash = model_hash
            bank, folder = PadBank(connection), ReserveFolder(samples)
            reserve = Reserve(
                bank=bank,
                recipes=PadRecipes(
                    resolve=resolve,
                    adapters=_Adapters(home / "adapter"),
                    finish=lambda request: FinishOptions(max_seconds=request.seconds),
                    subtype="PCM_24",
                ),
                folder=folder,
                renderer=renderer,
                model="starter",
                per_pad=per_pad,
                most_bytes=most_bytes,
                max_batch=8,
            )
            publisher = SamplesFolder(samples)
            queue = JobQueue(
                renderer=renderer,
                journal=journal,
                publisher=publisher,
                bus=bus,
                limit=64,
                spare=reserve,
            )
            player = Pads(
                bank=bank,
                reserve=reserve,
                queue=queue,
                samples=publisher,
                journal=journal,
                bus=bus,
                resolve=resolve,
                most_waiting=most_waiting,
            )
            if pads is not None:
                bank.load(Kit(name="test", pads=pads), None)
            events: list[JobEvent] = []
            bus.subscribe(events.append)
            reserve.start()
            try:
                await test(
                    PadRig(
                        renderer, bank, reserve, player, queue, journal, publisher, folder, events
                    )
                )
            finally:
                await player.stop()
                await reserve.stop()

    asyncio.run(body())


class _Adapters:
    def __init__(self, path: Path) -> None:
        self._path = path

    def adapter(self, _name: str, _version: int) -> Path:
        return self._path
