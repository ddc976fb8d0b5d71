"""Files that are dropped on the page: into a dataset, or into the samples folder."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from oneshot_server.domain.parameters import Parameter
from oneshot_server.library.dataset_folder import dataset_names
from oneshot_server.library.incoming import TooLargeError, check_sound_name, folder_for, receive
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.library.samples_folder import SamplesFolder
from oneshot_server.transports.web.answers import json_response
from oneshot_server.transports.web.specs import Operation, path_text

DATASET: Final = Parameter(name="dataset", kind=str, low=1, high=80, default="", help="a folder")
FILE: Final = Parameter(name="file", kind=str, low=1, high=200, default="", help="a file's name")
CREATED: Final = 201


class Uploaded(Struct, frozen=True, kw_only=True):
    """A file is in its folder."""

    name: Annotated[str, Meta(description="under which it was kept: no file is overwritten")]


class Uploads:
    """The operations that bring files in.

    Args:
        datasets: folder of the datasets.
        samples: publishes the sounds.
        loras: knows what a dataset may be called.
        most_bytes: that a file may have.
    """

    def __init__(
        self, *, datasets: Path, samples: SamplesFolder, loras: LoraStore, most_bytes: int
    ) -> None:
        self._datasets = datasets
        self._samples = samples
        self._loras = loras
        self._most_bytes = most_bytes

    def operations(self) -> Iterator[Operation]:
        """The rows of the table."""
        yield Operation(
            method="PUT",
            path="/api/datasets/{dataset}/{file}",
            help="put a sound into a dataset, which is made if it is not there",
            path_parameters=(DATASET, FILE),
            uploads=True,
            answer=Uploaded,
            status=CREATED,
            handle=self._to_dataset,
        )
        yield Operation(
            method="PUT",
            path="/api/dropped/{file}",
            help="put a sound of one's own into the samples folder",
            path_parameters=(FILE,),
            uploads=True,
            answer=Uploaded,
            status=CREATED,
            handle=self._to_samples,
        )

    async def _to_dataset(self, request: Request) -> Response:
        name = self._checked_name(request)
        dataset = path_text(request, DATASET)
        if dataset not in await asyncio.to_thread(dataset_names, self._datasets):
            self._loras.work(dataset)  # raises if no LoRA can be called so
        folder = await asyncio.to_thread(folder_for, self._datasets, dataset)
        return await self._receive(request, SamplesFolder(folder), name)

    async def _to_samples(self, request: Request) -> Response:
        return await self._receive(request, self._samples, self._checked_name(request))

    def _checked_name(self, request: Request) -> str:
        """The file's name; one that says that it is too large is refused before it is read."""
        name = path_text(request, FILE)
        check_sound_name(name)
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._most_bytes:
            raise TooLargeError(name, self._most_bytes)
        return name

    async def _receive(self, request: Request, folder: SamplesFolder, name: str) -> Response:
        path = await receive(request.stream(), folder, name, most_bytes=self._most_bytes)
        return json_response(Uploaded(name=path.name), CREATED)
