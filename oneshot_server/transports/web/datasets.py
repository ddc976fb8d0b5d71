"""Folders to train on, the training that runs, and what came of earlier ones."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from oneshot_server.domain.core import Core
from oneshot_server.domain.events import JobEvent, TrainingProgress
from oneshot_server.domain.library import MOST_STARS
from oneshot_server.domain.lora_card import LoraCard
from oneshot_server.domain.parameters import Parameter
from oneshot_server.errors import BusyError, NotFoundError
from oneshot_server.library import starred
from oneshot_server.library.dataset_folder import count_sounds
from oneshot_server.library.home import Home
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.library.named_folders import visible_folders
from oneshot_server.transports.web.answers import Job, json_response
from oneshot_server.transports.web.specs import (
    Operation,
    body_values,
    number,
    path_number,
    path_text,
)
from oneshot_server.transports.web.uploads import FILE

LORA: Final = Parameter(name="lora", kind=str, low=1, high=80, default="", help="a LoRA")
VERSION: Final = number("version", "1, 2, …", low=1, high=1_000_000)
STARS: Final = number("stars", "at least so many", low=1, high=MOST_STARS)
AUDITIONS: Final = "audition_*.wav"
MOST_POINTS: Final = 4000
MOST_COUNTED: Final = 10_000


class Dataset(Struct, frozen=True, kw_only=True):
    """A folder of one's own sounds."""

    name: str
    sounds: Annotated[int, Meta(description="files that are named as sounds")]


class LoraVersion(Struct, frozen=True, kw_only=True):
    """What a training has made."""

    version: int
    live: bool
    sounds: Annotated[int, Meta(description="that it was trained on")]
    held_out_db: Annotated[float, Meta(description="distance to sounds that it has not heard, dB")]
    base_db: Annotated[float, Meta(description="the same without the LoRA")]
    auditions: Annotated[tuple[str, ...], Meta(description="files to listen to")]


class Lora(Struct, frozen=True, kw_only=True):
    """A LoRA with its versions, the newest first; another tool's file has none."""

    name: str
    versions: tuple[LoraVersion, ...]


class Training(Struct, frozen=True, kw_only=True):
    """The training that runs, or ran last."""

    job: str = ""
    dataset: str = ""
    fraction: float = 0.0
    seconds_left: float = 0.0
    losses: Annotated[
        tuple[tuple[int, float], ...], Meta(description="step and loss, in order")
    ] = ()


class Datasets:
    """The operations on datasets and LoRAs.

    Args:
        core: tells of trainings.
        home: where datasets are, and what is thrown away.
        loras: what was trained.
    """

    def __init__(self, core: Core, *, home: Home, loras: LoraStore) -> None:
        self._core = core
        self._folder = home.datasets
        self._trash = home.trash
        self._loras = loras
        self._last = Training()
        self._losses: deque[tuple[int, float]] = deque(maxlen=MOST_POINTS)
        self.stop: Callable[[], None] = core.subscribe(self._on_event)

    def operations(self) -> Iterator[Operation]:
        """The rows of the table."""
        yield Operation(
            method="GET",
            path="/api/datasets",
            help="folders of one's own sounds",
            answer=Sequence[Dataset],
            handle=self._datasets,
        )
        yield Operation(
            method="GET",
            path="/api/loras",
            help="what was trained",
            answer=Sequence[Lora],
            handle=self._lora_list,
        )
        yield Operation(
            method="GET",
            path="/api/loras/{lora}/{version}/{file}",
            help="a sound that a version of a LoRA made",
            path_parameters=(LORA, VERSION, FILE),
            media="audio/wav",
            handle=self._audition,
        )
        yield Operation(
            method="POST",
            path="/api/train/starred",
            help="make a dataset of the starred sounds and train a LoRA on it, taste",
            required=(STARS,),
            answer=Job,
            status=202,
            handle=self._train_starred,
        )
        yield Operation(
            method="GET",
            path="/api/training",
            help="the training that runs, or ran last, with its losses",
            answer=Training,
            handle=self._training,
        )

    async def _datasets(self, _request: Request) -> Response:
        folders = await asyncio.to_thread(visible_folders, self._folder)
        counts = await asyncio.to_thread(
            lambda: [count_sounds(folder, MOST_COUNTED) for folder in folders]
        )
        return json_response(
            [Dataset(name=f.name, sounds=n) for f, n in zip(folders, counts, strict=True)]
        )

    async def _lora_list(self, _request: Request) -> Response:
        return json_response(await asyncio.to_thread(self._all_loras))

    def _all_loras(self) -> list[Lora]:
        loras = []
        for name in self._loras.names():
            live = self._loras.live_version(name)
            cards = self._loras.versions(name)[::-1]
            versions = [self._version(name, card, live=card.version == live) for card in cards]
            loras.append(Lora(name=name, versions=tuple(versions)))
        return loras

    def _version(self, name: str, card: LoraCard, *, live: bool) -> LoraVersion:
        folder = self._loras.adapter(name, card.version).parent
        return LoraVersion(
            version=card.version,
            live=live,
            sounds=card.sounds,
            held_out_db=card.figures.held_out,
            base_db=card.figures.held_out_base,
            auditions=tuple(sorted(path.name for path in folder.glob(AUDITIONS))),
        )

    async def _audition(self, request: Request) -> Response:
        wanted = path_text(request, FILE)
        version = path_number(request, VERSION)
        folder = self._loras.adapter(path_text(request, LORA), version).parent
        for path in folder.glob(AUDITIONS):  # compared, never made part of a path
            if path.name == wanted and path.is_file() and not path.is_symlink():
                return FileResponse(path)
        raise NotFoundError(f"no sound {wanted[:60]!r} of this version")

    async def _train_starred(self, request: Request) -> Response:
        stars = int((await body_values(request, (STARS,)))["stars"])
        if self._core.library.waiting:
            raise BusyError("the library is still being read: try again when it is")
        folder, sounds = self._folder / starred.NAME, self._core.library.sounds
        count = await asyncio.to_thread(
            starred.collect_starred, sounds, folder, self._trash, stars=stars
        )
        if not count:
            raise NotFoundError(f"no sound has {stars} stars")
        return json_response(Job(job=self._core.train(starred.NAME)), 202)

    async def _training(self, _request: Request) -> Response:
        return json_response(self._last)

    def _on_event(self, event: JobEvent) -> None:
        if not isinstance(event, TrainingProgress):
            return
        if event.job != self._last.job:
            self._losses.clear()
        self._losses.append((event.step, event.loss))
        self._last = Training(
            job=event.job,
            dataset=event.dataset,
            fraction=event.fraction,
            seconds_left=event.seconds_left or 0.0,
            losses=tuple(self._losses),
        )
