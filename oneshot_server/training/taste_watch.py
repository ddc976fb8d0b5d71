"""Trains the LoRA of the starred sounds by itself, each time enough more have got stars."""

import asyncio
from pathlib import Path

import structlog

from oneshot_server.domain.library import LibraryChange
from oneshot_server.errors import OneshotError
from oneshot_server.library import starred
from oneshot_server.library.living_library import LivingLibrary
from oneshot_server.training.runs import TrainingRuns

log = structlog.get_logger(__name__)


class TasteWatch:
    """Counts starred sounds that the dataset has no copy of; the dataset is all that it remembers.

    So sounds that were trained on count no more after a restart, nor those that are moved, renamed,
    or lose their stars and get them back.

    Args:
        library: tells of stars.
        trainings: trains.
        folder: of the dataset.
        trash: where copies of sounds go that lost their stars.
        every: starred sounds between two trainings.
        settle_seconds: how long no star may be given before they are counted.
    """

    def __init__(
        self,
        library: LivingLibrary,
        trainings: TrainingRuns,
        *,
        folder: Path,
        trash: Path,
        every: int,
        settle_seconds: float,
    ) -> None:
        self._library = library
        self._trainings = trainings
        self._folder = folder
        self._trash = trash
        self._every = every
        self._settle_seconds = settle_seconds
        self._starred = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; stars that were given while no daemon ran count, too."""
        self._task = asyncio.create_task(self._work(), name="taste")
        self._unsubscribe = self._library.subscribe(self._take)

    async def stop(self) -> None:
        """End; a training that was begun goes on."""
        if self._task is not None:
            self._unsubscribe()
            self._task.cancel()
            await asyncio.wait({self._task})

    def _take(self, change: LibraryChange) -> None:
        if any(sound.stars >= starred.STARS for sound in change.now):
            self._starred.set()

    async def _work(self) -> None:
        await self._library.settled.wait()
        if self._folder.is_dir():  # an earlier daemon was stopped between collecting and training
            await self._trainings.look(starred.NAME)
        while True:
            try:
                await self._until_quiet()
                await self._look()
            except OneshotError as error:
                log.warning("stars are not trained on", why=str(error))
            except Exception:  # the outer loop: what is wrong now may be right at the next star
                log.exception("stars are not trained on")
            await self._starred.wait()

    async def _until_quiet(self) -> None:
        """Nobody gives stars, the library knows all files, and no training of it is left."""
        while True:
            self._starred.clear()
            await asyncio.sleep(self._settle_seconds)
            busy = self._library.waiting or self._trainings.trains(starred.NAME)
            if not busy and not self._starred.is_set():
                return

    async def _look(self) -> None:
        sounds, place = self._library.sounds, (self._folder, self._trash)
        new = await asyncio.to_thread(starred.count_new, sounds, *place, stars=starred.STARS)
        if new < self._every:
            return
        count = await asyncio.to_thread(
            starred.collect_starred, sounds, *place, stars=starred.STARS
        )
        why = (
            f"{new} more sounds have {starred.STARS} stars or more: "
            f"{starred.NAME} is trained on all {count}"
        )
        log.info("stars are trained on", new=new, sounds=count)
        await self._trainings.look(starred.NAME, why=why)
