"""The daemon without its transports: the ``Core`` that they talk to."""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from oneshot_server.domain.core import Item, PadLevel, Status
from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    EngineState,
    Failed,
    JobEvent,
    JobId,
    LoraReady,
    Notice,
    NoticeCode,
    SamplePublished,
)
from oneshot_server.domain.library import Library, Query, Sounds
from oneshot_server.domain.lora_card import LoraCard
from oneshot_server.domain.pads import Pad, Value
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import (
    BadArgumentsError,
    ForbiddenError,
    ModelError,
    NotFoundError,
)
from oneshot_server.jobs.blend import Blend, Versions
from oneshot_server.jobs.choke import Choke
from oneshot_server.jobs.event_bus import EventBus
from oneshot_server.jobs.journal import Journal
from oneshot_server.jobs.kit_desk import KitDesk
from oneshot_server.jobs.pad_bank import PadBank
from oneshot_server.jobs.pads import Pads
from oneshot_server.jobs.parents import describe_parents
from oneshot_server.jobs.queue import JobQueue
from oneshot_server.jobs.reserve import Reserve
from oneshot_server.library.parent_files import SoundFolders
from oneshot_server.pipeline.model_folder import (
    STARTER_NAME,
    find_named_model,
    model_names,
    read_card,
)

REMEMBERED_JOBS: Final = 256
RECENT_SOUNDS: Final = 20
OTHERS_LISTS: Final = ("midi_ports", "recent")  # that transports ask for in another way
LASTING: Final = (Accepted, SamplePublished, LoraReady, Done, Failed, Cancelled)


class EngineInfo(Protocol):
    """What is told of the engine."""

    @property
    def state(self) -> EngineState:
        """What it is doing."""
        ...

    @property
    def device(self) -> str:
        """That it renders on."""
        ...

    @property
    def model(self) -> str:
        """Name of its model."""
        ...

    @property
    def model_hash(self) -> str:
        """SHA-256 of the model that a job which is accepted now is for; empty if not known yet."""
        ...


class Models(Protocol):
    """What is asked of ``jobs.model_changes.ModelChanges``."""

    name: str

    def submit(self, name: str) -> JobId:
        """Take a change; see ``domain.core.Core``."""
        ...

    def cancel(self, job: JobId) -> bool:
        """Cancel a change; False if it is none of these."""
        ...


class Trainings(Protocol):
    """What is asked of ``training.runs.TrainingRuns``."""

    def submit(self, dataset: str) -> JobId:
        """Take a training; see ``domain.core.Core``."""
        ...

    def cancel(self, job: JobId) -> bool:
        """Cancel a training; False if it is none of these."""
        ...

    def status(self) -> str:
        """What is trained and how far, in words; empty if nothing."""
        ...


class Loras(Versions, Protocol):
    """What is asked of ``library.lora_store.LoraStore``."""

    def make_live(self, name: str, version: int) -> None:
        """Let ``name`` alone mean this version."""
        ...

    def versions(self, name: str) -> Sequence[LoraCard]:
        """What is known of each version, oldest first; empty for another tool's file."""
        ...


class OneshotCore:
    """Queue, trainings, history and lists behind one door.

    Args:
        queue: takes the jobs.
        trainings: takes the trainings.
        models: takes the changes of the model.
        loras: knows the LoRAs.
        blend: knows which of them a job is rendered with.
        bank: knows what the pads play.
        pads: takes hits.
        reserve: knows what is in reserve.
        desk: puts kits on the pads.
        journal: knows the sounds published last.
        library: knows the sounds in the samples folder.
        engine: is asked for its state.
        bus: tells what happens.
        sounds: finds the sounds that others are made from.
        folders: kind of list to the folder whose sub-folders it is made of.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        trainings: Trainings,
        models: Models,
        loras: Loras,
        blend: Blend,
        bank: PadBank,
        pads: Pads,
        reserve: Reserve,
        desk: KitDesk,
        journal: Journal,
        library: Library,
        engine: EngineInfo,
        bus: EventBus,
        sounds: SoundFolders,
        folders: dict[str, Path],
    ) -> None:
        self._queue = queue
        self._trainings = trainings
        self._models = models
        self._loras = loras
        self._blend = blend
        self._bank = bank
        self._pads = pads
        self._reserve = reserve
        self._desk = desk
        self._journal = journal
        self.library = library
        self._engine = engine
        self._bus = bus
        self._sounds = sounds
        self._folders = folders
        self._history: dict[JobId, list[JobEvent]] = {}
        self._ended: deque[JobId] = deque()
        bus.subscribe(self._remember)
        self._choke = Choke(lambda number: bank.pad(number).choke, queue.cancel)
        bus.subscribe(self._choke.take)

    def submit(self, request: GenerateRequest) -> JobId:
        """Take a job; see ``domain.core.Core``."""
        if request.reshape is not None:
            request = describe_parents(
                request,
                [self._sounds.find(file) for file in request.parent_files],
                has_lora=self._blend.has,
                base_hash=self._engine.model_hash,
            )
        resolved = self._blend.resolve(request, base_hash=self._engine.model_hash)
        job = self._queue.submit(resolved.request)
        if resolved.left_out:
            text = (
                f"{', '.join(resolved.left_out)} left out of the standing blend: trained on "
                f"another model than {self._engine.model}"
            )
            self._bus.emit(Notice(job=job, code=NoticeCode.FALLBACK, text=text))
        return job

    def train(self, dataset: str) -> JobId:
        """Take a training; see ``domain.core.Core``."""
        return self._trainings.submit(dataset)

    def change_model(self, name: str) -> JobId:
        """Change the model; see ``domain.core.Core``."""
        return self._models.submit(name)

    def set_lora(self, name: str, weight: float) -> None:
        """Change the standing blend; see ``domain.core.Core``."""
        self._blend.set(name, weight)
        self._reserve.changed()

    def use_lora(self, name: str, version: int) -> None:
        """Make a version live; see ``domain.core.Core``."""
        self._loras.make_live(name, version)
        self._reserve.changed()

    def cancel(self, job: JobId) -> None:
        """Cancel a job; see ``domain.core.Core``."""
        if not (self._trainings.cancel(job) or self._models.cancel(job)):
            self._queue.cancel(job)

    def trigger_pad(self, pad: int, velocity: float) -> JobId:
        """Hit a pad; see ``domain.core.Core``."""
        job = self._pads.trigger(pad, velocity)
        self._choke.struck(pad)
        return job

    def pad(self, number: int) -> Pad:
        """What a pad plays; see ``domain.core.Core``."""
        return self._bank.pad(number)

    def pad_level(self, number: int) -> PadLevel:
        """What a pad has in reserve; see ``domain.core.Core``."""
        have, wanted = self._reserve.level(number)
        return PadLevel(have=have, wanted=wanted, trouble=self._reserve.trouble(number))

    def set_pad(self, number: int, key: str, value: Value) -> None:
        """Change a pad; see ``domain.core.Core``."""
        self._desk.set_pad(number, key, value)
        self._reserve.changed()

    @property
    def kit(self) -> str:
        """The kit; see ``domain.core.Core``."""
        return self._bank.kit

    def load_kit(self, name: str, bank: int | None = None) -> None:
        """Load a kit; see ``domain.core.Core``."""
        self._desk.load(name, bank)
        self._reserve.changed()

    def save_kit(self, name: str) -> None:
        """Save a kit; see ``domain.core.Core``."""
        self._desk.save(name)

    def rename_kit(self, name: str, new_name: str) -> None:
        """Rename a kit; see ``domain.core.Core``."""
        self._desk.rename(name, new_name)

    def status(self) -> Status:
        """What the daemon is doing; see ``domain.core.Core``."""
        return Status(
            state=self._engine.state,
            queue_length=len(self._queue),
            device=self._engine.device,
            model=self._engine.model,
            training=self._trainings.status(),
            reserve=self._pads.status(),
        )

    def list_items(self, what: str) -> Sequence[Item]:
        """The things of a kind; see ``domain.core.Core``."""
        lists = {
            "loras": self._lora_items,
            "pads": self._pad_items,
            "kits": self._kit_items,
        }
        if what in lists:
            return lists[what]()
        if what in self._folders:
            folder = self._folders[what]
            return self._model_items(folder) if what == "models" else _sub_folders(folder)
        known = ", ".join(sorted([*self._folders, *OTHERS_LISTS, *lists]))
        raise BadArgumentsError(f'what = "{what[:40]}", expected one of {known}')

    def _model_items(self, models: Path) -> list[Item]:
        items = []
        for name in model_names(models):
            loaded = "loaded; " if name == self._models.name else ""
            items.append(Item(name=name, detail=loaded + describe_model(name, models)))
        return items

    def _lora_items(self) -> list[Item]:
        standing = {lora.name: lora.weight for lora in self._blend.standing()}
        items = []
        for name in self._loras.names():
            live = self._loras.live_version(name)
            cards = self._loras.versions(name)
            detail = [describe_version(card, live=card.version == live) for card in cards[::-1]]
            if name in standing:
                detail.insert(0, f"standing at {standing[name]:g}")
            items.append(Item(name=name, detail="; ".join(detail) or "another tool's file"))
        return items

    def _pad_items(self) -> list[Item]:
        """Number, label and reserve of each pad that is not empty."""
        items = []
        for number, pad in enumerate(self._bank.pads):
            if pad.empty:
                continue
            level = self.pad_level(number)
            detail = f"{pad.label}; reserve {level.have}/{level.wanted}"
            detail += f"; {level.trouble}" if level.trouble else ""
            items.append(Item(name=str(number), detail=detail))
        return items

    def _kit_items(self) -> list[Item]:
        names = self._desk.names()
        return [Item(name=name, detail=self._desk.describe(name)) for name in names]

    async def recent(self) -> Sequence[Item]:
        """The newest sounds; see ``domain.core.Core``."""
        # A sound that was published a moment ago is in the journal before the library knows it.
        journalled = dict.fromkeys(sound.path for sound in self._journal.recent(RECENT_SOUNDS))
        return await asyncio.to_thread(_newest, journalled, self.library.sounds)

    def history(self, job: JobId) -> Sequence[JobEvent]:
        """What lasts of a job; see ``domain.core.Core``."""
        events = self._history.get(job, ())
        if events and isinstance(events[0], Accepted):
            return tuple(events)
        return self._journal.history(job) or tuple(events)

    def subscribe(self, listener: Callable[[JobEvent], None]) -> Callable[[], None]:
        """Listen; see ``domain.core.Core``."""
        return self._bus.subscribe(listener)

    def _remember(self, event: JobEvent) -> None:
        if isinstance(event, LoraReady):
            self._reserve.changed()
        if not isinstance(event, LASTING):
            return
        self._history.setdefault(event.job, []).append(event)
        if not isinstance(event, Done | Failed | Cancelled):
            return
        # Only what has ended is forgotten: the queue may be longer than this memory.
        self._ended.append(event.job)
        if len(self._ended) > REMEMBERED_JOBS:
            self._history.pop(self._ended.popleft(), None)


def describe_model(name: str, models: Path) -> str:
    """A model on a line: its mel profile, and where its weights are."""
    try:
        card = read_card(find_named_model(name, models))
    except ModelError as error:
        return f"cannot be used: {error}"
    where = card.source or ("built in" if name == STARTER_NAME else str(models / name))
    return f"{card.profile.name}, {where}"


def describe_version(card: LoraCard, *, live: bool) -> str:
    """A version of a LoRA on a line."""
    figures = card.figures
    return (
        f"v{card.version}{' live' if live else ''}, {card.sounds} sounds, "
        f"{figures.held_out:.2f} dB from them (base {figures.held_out_base:.2f}), "
        f"on {card.base_model}"
    )


def _newest(journalled: Iterable[str], sounds: Sounds) -> list[Item]:
    paths = [path for path in journalled if _is_unknown(path, sounds)]
    for sound in sounds.search(Query(limit=RECENT_SOUNDS)).sounds:
        with suppress(NotFoundError):  # gone since
            paths.append(str(sounds.file(sound.number)))
    return [Item(name=Path(path).name, detail=path) for path in paths[:RECENT_SOUNDS]]


def _is_unknown(path: str, sounds: Sounds) -> bool:
    """Whether a file is there, and the library has not looked at it yet."""
    try:
        sounds.sound_at(path)
    except NotFoundError:
        return os.path.exists(path)  # noqa: PTH110 - pathlib raises where it may not look
    except ForbiddenError:  # the samples folder was another one then
        return False
    return False


def _sub_folders(folder: Path) -> list[Item]:
    try:
        return [
            Item(name=path.name, detail=str(path))
            for path in sorted(folder.iterdir())
            if path.is_dir() and not path.name.startswith(".")
        ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ForbiddenError(f"{folder} cannot be read: {error.strerror}") from None
