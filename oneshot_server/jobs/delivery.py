"""From the engine into the samples folder: journalled, published, told; and drafts made better."""

import asyncio
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from oneshot_server.domain.events import Notice, NoticeCode
from oneshot_server.errors import ForbiddenError, NotFoundError, OneshotError
from oneshot_server.jobs.event_bus import EventBus
from oneshot_server.jobs.job import Job
from oneshot_server.jobs.journal import Journal, JournalledSound
from oneshot_server.jobs.publisher import Publisher
from oneshot_server.library.audio_hash import hash_audio
from oneshot_server.library.drafts import replace_draft


class Delivery:
    """Delivers sounds. A disk may take its time to say that a file is safe: threads wait for it.

    Args:
        journal: remembers.
        publisher: writes the files.
        bus: is told.
    """

    def __init__(self, *, journal: Journal, publisher: Publisher, bus: EventBus) -> None:
        self._journal = journal
        self._publisher = publisher
        self._bus = bus

    async def publish(
        self, job: Job, index: int, seed: int, seconds: float, wav: bytes, *, draft: bool
    ) -> None:
        """Put a new file into the folder.

        Raises:
            DiskFullError: no space left.
            ForbiddenError: journal or folder cannot be written.
        """
        name = self._publisher.name_for(job.request.title, seed)
        sound = JournalledSound(
            index=index,
            path=str(self._publisher.folder / name),
            seed=seed,
            seconds=seconds,
            draft=hash_audio(BytesIO(wav)) if draft else "",
        )
        try:
            self._journal.intend(job.id, sound)
            path = str(await asyncio.to_thread(self._publisher.publish, wav, name))
        except OneshotError:
            self._publisher.release(name)
            raise
        self._journal.published(job.id, index, path)
        event = replace(sound, path=path).event(job.id)
        job.published[index] = event
        if draft:
            job.drafts[index] = sound.draft
        if not job.ended:
            self._bus.emit(event)

    async def improve(self, job: Job, index: int, seconds: float, wav: bytes) -> None:
        """Put a better sound in its draft's place; a draft that is not there any more stays away.

        Raises:
            DiskFullError: no space left.
        """
        draft = job.drafts.pop(index)
        published = job.published[index]
        try:
            await asyncio.to_thread(replace_draft, Path(published.path), wav, draft=draft)
        except (NotFoundError, ForbiddenError) as error:
            if not job.ended:
                text = f"sound {index} stays a draft: {error}"
                self._bus.emit(Notice(job=job.id, code=NoticeCode.DRAFT_STAYS, text=text))
            return
        self._journal.improved(job.id, index, seconds)
        if not job.ended:
            self._bus.emit(published.improved(seconds))
