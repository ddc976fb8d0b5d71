"""The sounds by HTTP: search, files, pictures, map, family, stars and tags."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Final, get_args

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from oneshot_server.domain.library import (
    LONGEST_TAG,
    MOST_STARS,
    MOST_TAGS,
    Family,
    Found,
    Library,
    Near,
    Query,
    Sort,
    Sound,
)
from oneshot_server.errors import MetadataError, NotFoundError
from oneshot_server.library.sound_picture import sound_picture
from oneshot_server.library.wav_encoding import encode_wav, read_beginning
from oneshot_server.transports.web.answers import json_response
from oneshot_server.transports.web.specs import (
    Operation,
    body_values,
    number,
    path_number,
    query_values,
    text,
)
from oneshot_server.transports.web.workers import Workers

ONE: Final = "/api/sounds/{number}"
NUMBER: Final = number("number", "of a sound, as a search says it", low=0, high=2**53)
QUERY: Final = (
    text("text", "words, or their beginnings, of name, prompt and tags"),
    text("kind", "kick, snare, …"),
    text("key", "F#, or F#1"),
    text("tag", "one of its tags"),
    number("stars", "at least so many", low=0, high=MOST_STARS),
    text("sort", "order", default="newest", choices=get_args(Sort)),
    number("offset", "sounds to leave out", low=0, high=10_000_000),
    number("limit", "sounds to send", low=1, high=500, default="100"),
)
COUNT: Final = number("count", "sounds to send", low=1, high=500, default="100")
STARS: Final = number("stars", "a rating", low=0, high=MOST_STARS)
TAGS: Final = text(
    "tags",
    "with semicolons between; those that are not named are taken away",
    high=MOST_TAGS * (LONGEST_TAG + 1),
)
VERSION: Final = text("v", "anything: another one for another content")
MOST_SECONDS: Final = 60
ROWS_AT_ONCE: Final = 1000
FOR_EVER: Final = {"Cache-Control": "private, max-age=31536000, immutable"}


class Facets(Struct, frozen=True, kw_only=True):
    """What the sounds can be narrowed by, each with the number of its sounds."""

    sounds: Annotated[int, Meta(description="in the library")]
    waiting: Annotated[int, Meta(description="files that are still to be looked at")]
    kinds: dict[str, int]
    tags: dict[str, int]


class SoundMap(Struct, frozen=True, kw_only=True):
    """Every sound's place; a hundred thousand rows are to be read quickly."""

    kinds: tuple[str, ...]
    places: Annotated[
        tuple[tuple[int, float, float, int], ...],
        Meta(description="number, x and y of about -1 to 1, and which of the kinds"),
    ]


class Sounds:
    """The operations on sounds.

    Args:
        library: knows them.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        # What is to be heard has threads of its own; pictures have one, as renders want the cores.
        self._files = Workers("files", 2)
        self._lists = Workers("lists", 2)
        self._pictures = Workers("pictures", 1)

    async def stop(self) -> None:
        """Answer nothing more."""
        for workers in (self._files, self._lists, self._pictures):
            await workers.stop()

    def operations(self) -> Iterator[Operation]:
        """The rows of the table."""
        yield Operation(
            method="GET",
            path="/api/sounds",
            help="sounds that a search finds",
            query=QUERY,
            answer=Found,
            handle=self._find,
        )
        yield Operation(
            method="GET",
            path="/api/facets",
            help="kinds and tags with the number of their sounds",
            answer=Facets,
            handle=self._facets,
        )
        yield Operation(
            method="GET",
            path="/api/map",
            help="where all sounds are on the map",
            answer=SoundMap,
            handle=self._map,
        )
        yield from self._readings()
        yield from self._marks()

    def _readings(self) -> Iterator[Operation]:
        """What is asked of one sound."""
        one = partial(Operation, method="GET", path_parameters=(NUMBER,))
        yield one(path=ONE, help="a sound", handle=self._sound, answer=Sound)
        yield one(
            path=f"{ONE}/family",
            help="its ancestors and descendants",
            handle=self._family,
            answer=Family,
        )
        yield one(
            path=f"{ONE}/recipe",
            help="how it was made; empty if it was not made here",
            handle=self._recipe,
        )
        yield one(
            path=f"{ONE}/similar",
            help="the sounds most like it, the nearest first",
            handle=self._similar,
            query=(COUNT,),
            answer=Sequence[Near],
        )
        yield one(
            path=f"{ONE}/file",
            help="its file",
            handle=self._file,
            query=(VERSION,),
            media="audio/wav",
        )
        yield one(
            path=f"{ONE}/audio",
            help="its beginning as a WAV, for browsers that cannot read its format",
            handle=self._audio,
            query=(VERSION,),
            media="audio/wav",
        )
        yield one(
            path=f"{ONE}/picture",
            help="waveform above, spectrogram below, as opacity: 192 by 128 pixels",
            handle=self._picture,
            query=(VERSION,),
            media="image/png",
        )

    def _marks(self) -> Iterator[Operation]:
        """What is written down about one sound."""
        one = partial(Operation, method="POST", path_parameters=(NUMBER,), answer=Sound)
        yield one(path=f"{ONE}/stars", help="rate a sound", handle=self._star, required=(STARS,))
        yield one(path=f"{ONE}/tags", help="tag a sound", handle=self._tag, required=(TAGS,))
        yield one(path=f"{ONE}/played", help="count that a sound was heard", handle=self._played)

    async def _find(self, request: Request) -> Response:
        query = Query(**query_values(request, QUERY))  # type: ignore[arg-type]
        return json_response(await self._lists.run(self._library.sounds.search, query))

    async def _facets(self, _request: Request) -> Response:
        return json_response(await self._lists.run(self._count))

    def _count(self) -> Facets:
        return Facets(
            sounds=self._library.sounds.counts().sounds,
            waiting=self._library.waiting,
            kinds=self._library.sounds.kinds(),
            tags=self._library.sounds.tags(),
        )

    async def _map(self, _request: Request) -> Response:
        return Response(await self._lists.run(self._map_json), media_type="application/json")

    def _map_json(self) -> bytes:
        """A ``SoundMap`` as JSON, in parts: while one of them is encoded, nothing else runs."""
        kinds: dict[str, int] = {}
        parts = []
        places = self._library.sounds.places()
        while some := list(islice(places, ROWS_AT_ONCE)):
            rows = [
                (p.number, round(p.x, 4), round(p.y, 4), kinds.setdefault(p.kind, len(kinds)))
                for p in some
            ]
            parts.append(msgspec.json.encode(rows)[1:-1])
        return b'{"kinds":%b,"places":[%b]}' % (msgspec.json.encode(list(kinds)), b",".join(parts))

    async def _sound(self, request: Request) -> Response:
        return json_response(await self._sound_of(request))

    async def _recipe(self, request: Request) -> Response:
        number = path_number(request, NUMBER)
        recipe = await self._lists.run(self._library.sounds.recipe, number)
        return Response(recipe or "{}", media_type="application/json")

    async def _family(self, request: Request) -> Response:
        number = path_number(request, NUMBER)
        return json_response(await self._lists.run(self._library.sounds.family, number))

    async def _similar(self, request: Request) -> Response:
        count = int(query_values(request, (COUNT,)).get("count", 100))
        sound = path_number(request, NUMBER)
        near = await self._lists.run(self._library.sounds.similar, sound, count)
        return json_response(near)

    async def _file(self, request: Request) -> Response:
        query_values(request, (VERSION,))
        number = path_number(request, NUMBER)
        path = await self._files.run(self._library.sounds.file, number)
        return FileResponse(
            path, filename=path.name, content_disposition_type="inline", headers=FOR_EVER
        )

    async def picture_of(self, path: Path) -> Response:
        """The picture of a file that the library may not know yet."""
        try:
            content = await self._pictures.run(sound_picture, path)
        except (MetadataError, OSError) as error:
            raise NotFoundError(str(error)) from None
        return Response(content, media_type="image/png")

    async def _audio(self, request: Request) -> Response:
        return await self._made_of(request, self._files, _file_to_wav, "audio/wav")

    async def _picture(self, request: Request) -> Response:
        return await self._made_of(request, self._pictures, sound_picture, "image/png")

    async def _made_of(
        self, request: Request, workers: Workers, make: Callable[[Path], bytes], media: str
    ) -> Response:
        query_values(request, (VERSION,))
        number = path_number(request, NUMBER)
        try:
            content = await workers.run(lambda: make(self._library.sounds.file(number)))
        except MetadataError as error:
            raise NotFoundError(str(error)) from None
        return Response(content, media_type=media, headers=FOR_EVER)

    async def _star(self, request: Request) -> Response:
        values = await body_values(request, (STARS,))
        path = (await self._sound_of(request)).path
        return json_response(await self._library.mark(path, stars=int(values["stars"]), tags=None))

    async def _tag(self, request: Request) -> Response:
        line = str((await body_values(request, (TAGS,)))["tags"])
        tags = tuple(dict.fromkeys(filter(None, (tag.strip() for tag in line.split(";")))))
        path = (await self._sound_of(request)).path
        return json_response(await self._library.mark(path, stars=None, tags=tags))

    async def _played(self, request: Request) -> Response:
        return json_response(await self._library.played((await self._sound_of(request)).path))

    async def _sound_of(self, request: Request) -> Sound:
        """In a thread: the index may be waited for, and may be on a slow drive."""
        return await self._lists.run(self._library.sounds.sound, path_number(request, NUMBER))


def _file_to_wav(path: Path) -> bytes:
    waveform, rate = read_beginning(path, MOST_SECONDS)
    return encode_wav(waveform, rate, "PCM_24")
