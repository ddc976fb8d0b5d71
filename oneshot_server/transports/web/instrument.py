"""What the daemon is doing, its pads and its lists by HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from oneshot_server.domain.core import Core, PadLevel, Status
from oneshot_server.domain.events import JobEvent, SamplePublished
from oneshot_server.domain.midi import Midi
from oneshot_server.domain.pads import PADS, Pad
from oneshot_server.domain.parameters import Parameter
from oneshot_server.errors import BusyError, NoMidiError, NotFoundError
from oneshot_server.transports.web.answers import Named, json_response
from oneshot_server.transports.web.events import Events
from oneshot_server.transports.web.specs import Operation, number, path_number, path_text

LISTS: Final = ("kits", "loras", "models", "midi_ports", "midi_map")
WHAT: Final = Parameter(
    name="what", kind=str, low=1, high=40, default="", help="kind of things", choices=LISTS
)

JOB: Final = Parameter(name="job", kind=str, low=1, high=100, default="", help="a job's id")
INDEX: Final = number("index", "which of its sounds", low=0, high=63)
MOST_PUBLISHED: Final = 256


class NumberedPad(Struct, frozen=True, kw_only=True):
    """A pad, and what it has in reserve."""

    number: Annotated[int, Meta(ge=0, le=63)]
    pad: Pad
    level: PadLevel


class Pads(Struct, frozen=True, kw_only=True):
    """All pads."""

    kit: Annotated[str, Meta(description="that was loaded or saved last; empty if there was none")]
    pads: tuple[NumberedPad, ...]


class Instrument:
    """The operations on the daemon itself.

    Args:
        core: the daemon without its transports.
        midi: MIDI, to be watched.
        events: what is told to pages.
        picture_of: answers with the picture of a file.
    """

    def __init__(
        self,
        core: Core,
        midi: Midi,
        events: Events,
        picture_of: Callable[[Path], Awaitable[Response]],
    ) -> None:
        self._core = core
        self._midi = midi
        self._events = events
        self._picture_of = picture_of
        self._published: dict[tuple[str, int], str] = {}
        self._unsubscribe = core.subscribe(self._on_event)

    def stop(self) -> None:
        """Remember nothing more."""
        self._unsubscribe()

    def operations(self) -> Iterator[Operation]:
        """The rows of the table."""
        yield Operation(
            method="GET",
            path="/api/status",
            help="what the daemon is doing",
            answer=Status,
            handle=self._status,
        )
        yield Operation(
            method="GET",
            path="/api/pads",
            help="all pads",
            answer=Pads,
            handle=self._pads,
        )
        yield Operation(
            method="GET",
            path="/api/list/{what}",
            help="name the things of a kind",
            path_parameters=(WHAT,),
            answer=Sequence[Named],
            handle=self._list,
        )
        yield Operation(
            method="GET",
            path="/api/published/{job}/{index}",
            help="a sound that a job has published lately, before the library knows it",
            path_parameters=(JOB, INDEX),
            media="audio/wav",
            handle=self._sound,
        )
        yield Operation(
            method="GET",
            path="/api/published/{job}/{index}/picture",
            help="its picture, as the library's sounds have it",
            path_parameters=(JOB, INDEX),
            media="image/png",
            handle=self._picture,
        )
        yield Operation(
            method="GET",
            path="/api/events",
            help="server-sent events: accepted, progress, notice, sample, better, training, lora, "
            "done, failed, cancelled as in OSC; library (now: sounds that came or changed; gone: "
            "their numbers); status; pads; lost (ask for everything again)",
            media="text/event-stream",
            handle=self._stream,
        )

    async def _status(self, _request: Request) -> Response:
        return json_response(self._core.status())

    async def _pads(self, _request: Request) -> Response:
        pads = (
            NumberedPad(number=n, pad=self._core.pad(n), level=self._core.pad_level(n))
            for n in range(PADS)
        )
        return json_response(Pads(kit=self._core.kit, pads=tuple(pads)))

    async def _list(self, request: Request) -> Response:
        what = path_text(request, WHAT)
        try:
            if what == "midi_ports":
                items = self._midi.ports()
            elif what == "midi_map":
                items = self._midi.map_items()
            else:
                items = self._core.list_items(what)
        except NoMidiError:
            items = ()
        return json_response([Named(name=item.name, detail=item.detail) for item in items])

    async def _sound(self, request: Request) -> Response:
        return FileResponse(await self._file(request))

    async def _picture(self, request: Request) -> Response:
        return await self._picture_of(await self._file(request))

    async def _file(self, request: Request) -> Path:
        path = self._published.get((path_text(request, JOB), path_number(request, INDEX)))
        if path is None or not await asyncio.to_thread(Path(path).is_file):
            raise NotFoundError("no sound of a job that was published lately")
        return Path(path)

    def _on_event(self, event: JobEvent) -> None:
        if isinstance(event, SamplePublished):
            self._published[event.job, event.index] = event.path
            if len(self._published) > MOST_PUBLISHED:
                del self._published[next(iter(self._published))]

    async def _stream(self, _request: Request) -> Response:
        if self._events.full:
            raise BusyError("too many pages listen already")
        return StreamingResponse(self._events.stream(), media_type="text/event-stream")
