"""Hits: a sound from the reserve at once, or a job, or the last one again if there are too many."""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import structlog

from oneshot_server.domain import parameters
from oneshot_server.domain.core import ReserveStatus
from oneshot_server.domain.events import (
    Accepted,
    Done,
    Failed,
    JobId,
    Notice,
    NoticeCode,
    SamplePublished,
)
from oneshot_server.domain.pads import PADS
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.domain.touch import Touch
from oneshot_server.errors import MetadataError, NotFoundError, OneshotError
from oneshot_server.jobs.event_bus import EventBus
from oneshot_server.jobs.journal import Journal, JournalledJob, JournalledSound
from oneshot_server.jobs.last_sounds import LastSounds
from oneshot_server.jobs.pad_bank import PadBank
from oneshot_server.jobs.queue import JobQueue
from oneshot_server.jobs.reserve import Reserve
from oneshot_server.library.reserve_folder import Waiting, throw_away
from oneshot_server.library.samples_folder import SamplesFolder

log = structlog.get_logger(__name__)

# Behind two others a sound takes a second and more, and who plays has long gone on.
MOST_WAITING: Final = 2
SOFTENER: Final = "oneshot_server.library.touched_wav"


class Pads:
    """Takes hits.

    Args:
        bank: knows what the pads play.
        reserve: has finished sounds.
        queue: takes the hits for which there is none.
        samples: where sounds are published.
        journal: remembers.
        bus: is told.
        resolve: fills in a request's LoRAs; raises NotFoundError.
        most_waiting: jobs that may wait before a hit for which nothing is in reserve; behind more
            of them it is answered by the pad's last sound.
    """

    def __init__(
        self,
        *,
        bank: PadBank,
        reserve: Reserve,
        queue: JobQueue,
        samples: SamplesFolder,
        journal: Journal,
        bus: EventBus,
        resolve: Callable[[GenerateRequest], GenerateRequest],
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._bank = bank
        self._reserve = reserve
        self._queue = queue
        self._samples = samples
        self._journal = journal
        self._bus = bus
        self._resolve = resolve
        self._most_waiting = most_waiting
        self._last = LastSounds(reserve.key)
        bus.subscribe(self._last.take)
        self._chores: set[asyncio.Task[object]] = set()
        self._hits = 0
        self._misses = 0

    def status(self) -> ReserveStatus:
        """What is in reserve, and how often something was."""
        levels = [self._reserve.level(number) for number in range(PADS)]
        return ReserveStatus(
            have=sum(have for have, _ in levels),
            wanted=sum(wanted for _, wanted in levels),
            hits=self._hits,
            misses=self._misses,
        )

    def start(self) -> None:
        """Load what a soft hit needs, while nobody waits for it: numpy takes its time."""
        self._in_background(asyncio.to_thread(import_module, SOFTENER))

    async def stop(self) -> None:
        """Bring what was begun to its end."""
        while self._chores:
            await asyncio.wait(self._chores)

    def trigger(self, number: int, velocity: float) -> JobId:
        """Hit a pad; see ``domain.core.Core``."""
        parameters.VELOCITY.check(velocity)
        pad = self._bank.pad(number)
        if pad.empty:
            raise NotFoundError(f"pad {number} is empty: load a kit, or set its prompt")
        self._queue.check_open()
        touch = pad.touch(velocity)
        while (taken := self._reserve.take(number)) is not None:
            recipe, waiting = taken
            request = replace(recipe.request, seed=waiting.seed, touch=touch)
            try:
                job = (
                    self._play(number, request, waiting)
                    if touch is None
                    else self._play_softly(number, request, touch, waiting)
                )
            except NotFoundError as error:  # somebody has swept the folder
                log.warning("a sound in reserve is gone", error=str(error))
                continue
            self._hits += 1
            return job
        self._misses += 1
        crowded = self._reserve.behind or self._queue.urgent >= self._most_waiting
        if crowded and (last := self._last.of(number)) is not None:
            return self._repeat(number, replace(pad.request(seed=last.seed), touch=touch), last)
        request = replace(pad.request(seed=self._reserve.seed_for(number)), touch=touch)
        job = self._queue.submit(self._resolve(request), pad=number)
        text = f"nothing is in reserve for pad {number}, {pad.label}: it is rendered now"
        self._bus.emit(Notice(job=job, code=NoticeCode.RESERVE_MISS, text=text))
        return job

    def _repeat(self, number: int, request: GenerateRequest, last: SamplePublished) -> JobId:
        """Give out the pad's last sound again, as it was."""
        began = time.monotonic()
        job = JobId(secrets.token_hex(4))
        self._journal.hit(job, request, _journalled(Path(last.path), last.seed, last.seconds))
        self._bus.emit(Accepted(job=job, pad=number))
        text = f"pad {number} is hit faster than sounds are rendered: its last one again"
        self._bus.emit(Notice(job=job, code=NoticeCode.RESERVE_MISS, text=text))
        self._bus.emit(replace(last, job=job))
        self._bus.emit(_done(job, began))
        return job

    def _play(self, number: int, request: GenerateRequest, waiting: Waiting) -> JobId:
        """Publish a sound as it is: a rename, and all events."""
        began = time.monotonic()
        name = self._samples.name_for(request.prompt, waiting.seed)
        path = self._samples.adopt(waiting.path, name)
        job = JobId(secrets.token_hex(4))
        sound = _journalled(path, waiting.seed, waiting.seconds)
        self._journal.hit(job, request, sound)
        self._bus.emit(Accepted(job=job, pad=number))
        self._bus.emit(sound.event(job))
        self._bus.emit(_done(job, began))
        self._in_background(asyncio.to_thread(self._samples.sync))
        return job

    def _play_softly(
        self, number: int, request: GenerateRequest, touch: Touch, waiting: Waiting
    ) -> JobId:
        """Publish a sound made softer; it is some milliseconds of work, done in a thread."""
        job = JobId(secrets.token_hex(4))
        self._journal.accept(job, request)
        self._bus.emit(Accepted(job=job, pad=number))
        began = time.monotonic()
        self._in_background(self._make_softer(job, request, touch, waiting, began))
        return job

    async def _make_softer(
        self, job: JobId, request: GenerateRequest, touch: Touch, waiting: Waiting, began: float
    ) -> None:
        name = self._samples.name_for(request.prompt, waiting.seed)
        sound = _journalled(self._samples.folder / name, waiting.seed, waiting.seconds)
        try:
            self._journal.intend(job, sound)
            path, seconds = await asyncio.to_thread(self._soften, waiting, touch, name)
        except (MetadataError, FileNotFoundError) as error:
            log.warning("a sound in reserve is broken", path=str(waiting.path), error=str(error))
            throw_away(waiting)
            self._samples.release(name)
            self._queue.restore(
                [
                    JournalledJob(
                        id=job, request=request, engine_deaths=0, accepted=time.time(), sounds=()
                    )
                ]
            )
            return
        except OneshotError as error:
            self._samples.release(name)
            self._journal.end(job, str(error.code))
            self._bus.emit(Failed(job=job, code=error.code, text=str(error)))
            return
        self._journal.published(job, 0, str(path))
        self._journal.end(job, "done")
        self._bus.emit(_journalled(path, waiting.seed, seconds).event(job))
        self._bus.emit(_done(job, began))
        # After the event: a disk takes its time, and a power cut in it takes this sound alone.
        await asyncio.to_thread(self._settle, path, waiting)

    def _soften(self, waiting: Waiting, touch: Touch, name: str) -> tuple[Path, float]:
        from oneshot_server.library.touched_wav import touch_wav  # see ``start``

        wav, seconds = touch_wav(waiting.path.read_bytes(), touch)
        return self._samples.publish(wav, name, synced=False), seconds

    def _settle(self, path: Path, waiting: Waiting) -> None:
        throw_away(waiting)
        self._samples.sync(path)

    def _in_background(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


def _journalled(path: Path, seed: int, seconds: float) -> JournalledSound:
    return JournalledSound(index=0, path=str(path), seed=seed, seconds=seconds)


def _done(job: JobId, began: float) -> Done:
    return Done(job=job, count=1, milliseconds=round((time.monotonic() - began) * 1000))
