"""Trainings one after the other: accepted, run in a process, judged, published, and told."""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from oneshot_server.domain.dataset import Manifest
from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobEvent,
    JobId,
    LoraReady,
    Notice,
    NoticeCode,
    TerminalEvent,
    TrainingProgress,
)
from oneshot_server.errors import (
    BusyError,
    ErrorCode,
    NotFoundError,
    OneshotError,
    ShutdownError,
)
from oneshot_server.library.dataset_folder import read_dataset
from oneshot_server.training.gate import judge
from oneshot_server.training.journal import JournalledTraining, TrainingJournal
from oneshot_server.training.messages import Finished, Planned, Prepared, Progress, TrainingFailed
from oneshot_server.training.spec import TrainingSpec
from oneshot_server.training.trainer_process import TrainerProcess
from oneshot_server.training.workshop import Workshop

log = structlog.get_logger(__name__)

MOST_TRIES: Final = 3
TOLD_FILES: Final = 10


@dataclass(kw_only=True)
class Run:
    """A training on its way.

    Attributes:
        job: told to clients.
        dataset: name of its folder.
        started: when it was accepted, by the monotonic clock, seconds.
        fraction: how far it is, 0 to 1.
        dataset_hash: ``Manifest.hash`` of what it is trained on; empty before it is known.
        process: while it runs.
        cancelled: somebody wants it stopped.
        stale: its dataset has changed: it is begun anew.
    """

    job: JobId
    dataset: str
    started: float
    fraction: float = 0.0
    dataset_hash: str = ""
    process: TrainerProcess | None = None
    cancelled: bool = False
    stale: bool = False


@dataclass(kw_only=True)
class TrainingRuns:
    """Takes trainings and runs them one by one; everything happens on the event loop.

    Attributes:
        workshop: what they are made with.
        journal: remembers.
        emit: is told every event.
    """

    workshop: Workshop
    journal: TrainingJournal
    emit: Callable[[JobEvent], None]
    _waiting: deque[Run] = field(default_factory=deque)
    _running: Run | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None
    _looking: set[asyncio.Task[None]] = field(default_factory=set)
    _closed: bool = False
    _pausing: bool | None = None

    def start(self) -> None:
        """Begin; what an earlier daemon had accepted is taken up."""
        submitted = {run.job for run in self._waiting}
        for old in self.journal.unfinished():
            if old.job not in submitted:
                self._waiting.append(_run(old))
        self._wake.set()
        self._task = asyncio.create_task(self._work(), name="trainings")

    async def stop(self) -> None:
        """End every training; the running one keeps its checkpoint for the next daemon."""
        self._closed = True
        for task in (self._task, *self._looking):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        running = self._running
        if running is not None and running.process is not None:
            await running.process.stop()
        text = "the daemon was shut down; the training goes on when it is started again"
        for run in [*filter(None, [running]), *self._waiting]:
            code = ErrorCode.CANCELLED_BY_SHUTDOWN
            self._end(run, Failed(job=run.job, code=code, text=text))
        self._waiting.clear()
        self._running = None

    def submit(self, dataset: str) -> JobId:
        """Take a training of a dataset; see ``domain.core.Core``."""
        return self._submit(dataset, dataset_hash="")

    def _submit(self, dataset: str, *, dataset_hash: str, why: str = "") -> JobId:
        if self._closed:
            raise ShutdownError("the daemon is shutting down")
        self.workshop.folder(dataset)
        for run in self._all():
            if run.dataset == dataset:
                raise BusyError(f'"{dataset}" is being trained already: job {run.job}')
        run = _run(self.journal.accept(JobId(secrets.token_hex(4)), dataset))
        run.dataset_hash = dataset_hash
        self._waiting.append(run)
        self.emit(Accepted(job=run.job))
        if why:
            self.emit(Notice(job=run.job, code=NoticeCode.STARS, text=why))
        self._wake.set()
        return run.job

    def cancel(self, job: JobId) -> bool:
        """Cancel a training; see ``jobs.core.Trainings``."""
        for run in self._waiting:
            if run.job == job:
                self._waiting.remove(run)
                self._end(run, Cancelled(job=job))
                return True
        if self._running is None or self._running.job != job:
            return False
        self._running.cancelled = True
        self._stop_process(self._running)
        return True

    def status(self) -> str:
        """What is trained and how far; see ``jobs.core.Trainings``."""
        if self._running is None:
            return ""
        waiting = f", {len(self._waiting)} waiting" if self._waiting else ""
        return f"{self._running.dataset} {self._running.fraction:.0%}{waiting}"

    def give_way(self, *, wanted: bool) -> None:
        """Let the trainer wait while somebody waits for a sound."""
        if wanted is self._pausing:
            return
        self._pausing = wanted
        with suppress(OSError):  # a training that goes on is slower for all, and no more than that
            if wanted:
                self.workshop.pause_file.touch()
            else:
                self.workshop.pause_file.unlink(missing_ok=True)

    def trains(self, dataset: str) -> bool:
        """Whether a training of a dataset runs or waits."""
        return any(run.dataset == dataset for run in self._all())

    def dataset_settled(self, name: str) -> None:
        """A dataset may have changed: look at it, and train if it has."""
        task = asyncio.create_task(self.look(name), name=f"look at {name}")
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def look(self, name: str, *, why: str = "") -> None:
        """Train on a dataset unless that has been done, is being done, or was in vain.

        A training of it that runs begins anew if the files are others than it began with.

        Args:
            name: of the dataset.
            why: told to clients if a training is taken; empty for nothing.
        """
        try:
            manifest = await self._read(name)
            if not manifest.files:
                return
            newest = self.workshop.loras.newest(name)
            trained = newest is not None and newest.dataset_hash == manifest.hash
            running = self._running
            if running is not None and running.dataset == name:
                if running.dataset_hash not in {"", manifest.hash}:
                    log.info("the dataset has changed, its training begins anew", dataset=name)
                    running.stale = True
                    self._stop_process(running)
                return
            if trained or self.trains(name):
                return
            if self.journal.is_declined(name, manifest.hash):
                log.info("a dataset is as it was when its training ended in vain", dataset=name)
                return
            self._submit(name, dataset_hash=manifest.hash, why=why)
        except NotFoundError:
            log.info("a dataset is gone, its LoRA stays", dataset=name)
        except OneshotError as error:
            log.warning("a dataset is not trained", dataset=name, why=str(error))

    async def _read(self, name: str) -> Manifest:
        folder = self.workshop.folder(name)
        return await asyncio.to_thread(read_dataset, folder)

    def _all(self) -> list[Run]:
        return [*filter(None, [self._running]), *self._waiting]

    def _stop_process(self, run: Run) -> None:
        if run.process is not None:
            task = asyncio.create_task(run.process.stop(), name="stop trainer")
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def _work(self) -> None:
        while True:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            run = self._running = self._waiting.popleft()
            try:
                with self.workshop.only_trainer(run.dataset):
                    end = await self._train(run)
            except OneshotError as error:
                end = Failed(job=run.job, code=error.code, text=str(error))
            except OSError as error:
                text = f"the trainer cannot be started: {error}"
                end = Failed(job=run.job, code=ErrorCode.ENGINE_FAILED, text=text)
            self._running = None
            self._end(run, end)

    async def _train(self, run: Run) -> TerminalEvent:
        for _ in range(MOST_TRIES):
            run.stale, run.fraction = False, 0.0
            run.dataset_hash = (await self._read(run.dataset)).hash
            end, ending = await self._live(run)
            while run.stale and not run.cancelled:
                run.stale = False
                run.dataset_hash = (await self._read(run.dataset)).hash
                end, ending = await self._live(run)
            if run.cancelled:
                return Cancelled(job=run.job)
            if end is not None:
                return end
            log.warning("the trainer died", dataset=run.dataset, ending=ending)
        text = f"the trainer died {MOST_TRIES} times, the last time: {ending}"
        return Failed(job=run.job, code=ErrorCode.ENGINE_FAILED, text=text)

    async def _live(self, run: Run) -> tuple[TerminalEvent | None, str]:
        """One life of the trainer; returns the run's end, if this was it, and how it died."""
        spec = self.workshop.specification(run.dataset)
        path = spec.write()
        process = run.process = await TrainerProcess.start(self.workshop.command(path))
        end: TerminalEvent | None = None
        try:
            async for message in process.messages():
                match message:
                    case Planned(text=text):
                        log.info("training planned", dataset=run.dataset, plan=text)
                        self.emit(Notice(job=run.job, code=NoticeCode.MEMORY, text=text))
                    case Prepared():
                        self._tell_skipped(run, message)
                    case Progress():
                        run.fraction = message.step / max(1, message.steps)
                        self.emit(
                            TrainingProgress(
                                job=run.job,
                                fraction=run.fraction,
                                step=message.step,
                                loss=message.loss,
                                seconds_left=message.seconds_left,
                                device=message.device,
                                dataset=run.dataset,
                            )
                        )
                    case TrainingFailed():
                        end = Failed(job=run.job, code=message.code, text=message.text)
                    case Finished() if not run.stale and not run.cancelled:
                        end = await self._publish(run, spec, message)
            return end, await process.end()
        finally:
            if run.process is process and not self._closed:
                run.process = None

    def _tell_skipped(self, run: Run, prepared: Prepared) -> None:
        skipped = prepared.skipped
        for path, why in skipped[:TOLD_FILES]:
            self.emit(Notice(job=run.job, code=NoticeCode.SKIPPED, text=f"{path}: {why}"))
        if len(skipped) > TOLD_FILES:
            text = f"{len(skipped) - TOLD_FILES} more files: see the report beside the LoRA"
            self.emit(Notice(job=run.job, code=NoticeCode.SKIPPED, text=text))

    async def _publish(self, run: Run, spec: TrainingSpec, finished: Finished) -> TerminalEvent:
        loras, name = self.workshop.loras, spec.name
        card = await asyncio.to_thread(loras.publish, name, Path(spec.out), finished.card)
        spec.forget_checkpoint()
        verdict = judge(card.figures)
        log.info("trained", lora=name, version=card.version, live=verdict.live, why=verdict.text)
        if verdict.live:
            loras.make_live(name, card.version)
            self.emit(LoraReady(job=run.job, name=name, version=card.version))
        else:
            text = f"{name} v{card.version} is kept and not live: {verdict.text}"
            self.emit(Notice(job=run.job, code=NoticeCode.HELD, text=text))
        spent = round((time.monotonic() - run.started) * 1000)
        return Done(job=run.job, count=1, milliseconds=spent)

    def _end(self, run: Run, event: TerminalEvent) -> None:
        how = str(event.code) if isinstance(event, Failed) else type(event).__name__.lower()
        try:
            self.journal.end(run.job, how, run.dataset_hash)
        except OneshotError as error:
            log.warning("the end of a training is not written down", why=str(error))
        log.info("training ended", job=run.job, dataset=run.dataset, how=how)
        self.emit(event)


def _run(training: JournalledTraining) -> Run:
    waited = max(0.0, time.time() - training.accepted)
    return Run(job=training.job, dataset=training.dataset, started=time.monotonic() - waited)
