"""OSC's requests by HTTP: the same table, the same parser, the same deeds.

``POST /api/pad/set`` with ``{"pad": 3, "level": -6}`` is ``/oneshot/pad/set "" 3 level -6``.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from oneshot_server.domain.core import Core
from oneshot_server.domain.events import JobId
from oneshot_server.domain.midi import Learned, Midi
from oneshot_server.errors import BadArgumentsError, OneshotError
from oneshot_server.transports.deeds import CHANGES, JOBS, MARKS
from oneshot_server.transports.osc.decode import Message
from oneshot_server.transports.osc.parse import Parsed, parse
from oneshot_server.transports.osc.specs import ID, REQUESTS, Request
from oneshot_server.transports.web.answers import Job, json_response
from oneshot_server.transports.web.specs import Operation, read_object

PREFIX: Final = "/oneshot/"
CANCEL: Final = "/oneshot/cancel"
LEARN: Final = "/oneshot/midi/learn"


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A MIDI message that moves a target from now on."""

    target: str
    message: str


class Commands:
    """The operations that OSC has too.

    Args:
        core: the daemon without its transports.
        midi: MIDI, to be taught.
    """

    def __init__(self, core: Core, midi: Midi) -> None:
        self._core = core
        self._midi = midi

    def operations(self) -> Iterator[Operation]:
        """A row for each request that makes sense here."""
        for address in (*JOBS, *CHANGES, *MARKS, CANCEL):
            yield self._operation(address, Job if address in JOBS else None)
        yield self._operation(LEARN, Bound)

    def _operation(self, address: str, answer: type | None) -> Operation:
        spec = REQUESTS[address]

        async def handle(request: HttpRequest) -> Response:
            return await self._do(parse(body_to_message(spec, await read_object(request))))

        return Operation(
            method="POST",
            path=f"/api/{address.removeprefix(PREFIX)}",
            help=f"{spec.help} (as {address})",
            required=tuple(argument for argument in spec.arguments if argument is not ID),
            optional=spec.keys,
            answer=answer,
            status=202 if address in JOBS else 200 if answer else 204,
            handle=handle,
        )

    async def _do(self, parsed: Parsed) -> Response:
        address = parsed.spec.address
        if address in JOBS:
            return json_response(Job(job=JOBS[address](self._core, parsed)), 202)
        if address == LEARN:
            return json_response(await self._learn(str(parsed.arguments["target"])))
        if address == CANCEL:
            self._core.cancel(JobId(str(parsed.arguments["job"])))
        elif address in MARKS:
            await MARKS[address](self._core, parsed)
        else:
            CHANGES[address](self._core, parsed)
        return Response(status_code=204)

    async def _learn(self, target: str) -> Bound:
        ended: asyncio.Future[Learned] = asyncio.get_running_loop().create_future()

        def end(how: Learned | OneshotError) -> None:
            if ended.done():
                return
            if isinstance(how, Learned):
                ended.set_result(how)
            else:
                ended.set_exception(how)

        self._midi.learn(target, end)
        learned = await ended
        return Bound(target=learned.target, message=learned.message)


def body_to_message(spec: Request, body: Mapping[str, Any]) -> Message:
    """A JSON object as the OSC message that says the same.

    Raises:
        BadArgumentsError: an argument is missing.
    """
    arguments = [argument for argument in spec.arguments if argument is not ID]
    for argument in arguments:
        if argument.name not in body:
            raise BadArgumentsError(f"{argument.name} is missing, expected {argument.expected}")
    names = {argument.name for argument in arguments}
    fixed = (body[argument.name] for argument in arguments)
    keys = (part for item in body.items() if item[0] not in names for part in item)
    return Message(address=spec.address, arguments=("", *fixed, *keys))
