"""The OSC server: one UDP socket, and an answer to everything that comes through it."""

import asyncio
import errno
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Final, cast

import structlog

from oneshot_server.domain.core import Core, Item
from oneshot_server.domain.events import Accepted, Cancelled, Done, Failed, JobEvent, JobId
from oneshot_server.domain.midi import Midi
from oneshot_server.domain.pads import PAD_KEYS
from oneshot_server.errors import (
    AlreadyRunningError,
    BadArgumentsError,
    NotFoundError,
    OneshotError,
)
from oneshot_server.transports.deeds import CHANGES, JOBS, MARKS
from oneshot_server.transports.osc.clients import Address, Clients
from oneshot_server.transports.osc.decode import Message, datagram_to_messages
from oneshot_server.transports.osc.encode import error, event_to_datagram, message, short
from oneshot_server.transports.osc.midi_requests import MIDI_PORTS, MidiRequests
from oneshot_server.transports.osc.parse import Parsed, message_id, parse

log = structlog.get_logger(__name__)

LOG_SECONDS: Final = 1.0
RECENT: Final = "recent"


class OscServer(asyncio.DatagramProtocol):
    """Parses requests, asks the core, sends answers and events.

    Args:
        core: the daemon without its transports.
        midi: MIDI, to be watched and taught.
        clients: who is told what.
        version: told in ``/oneshot/welcome``.
        lease_seconds: told in ``/oneshot/welcome``.
    """

    def __init__(
        self, core: Core, midi: Midi, clients: Clients, *, version: str, lease_seconds: int
    ) -> None:
        self._core = core
        self._clients = clients
        self._version = version
        self._lease_seconds = lease_seconds
        self._transport: asyncio.DatagramTransport | None = None
        self._unsubscribe = core.subscribe(self._on_event)
        self._midi = MidiRequests(midi, self._answer, clock=clients.clock)
        self._chores: set[asyncio.Task[None]] = set()
        self._asking: tuple[Address, str] | None = None
        self._refused = 0
        self._refusals_logged = -LOG_SECONDS
        self._handlers: dict[str, Callable[[Parsed, Address], None]] = {
            "/oneshot/hello": self._hello,
            "/oneshot/ping": self._ping,
            "/oneshot/cancel": self._cancel,
            "/oneshot/job": self._job,
            "/oneshot/status": self._status,
            "/oneshot/list": self._list,
            "/oneshot/pad/get": self._pad_get,
            "/oneshot/kit/list": self._kit_list,
            **dict.fromkeys(JOBS, self._accept),
            **dict.fromkeys(CHANGES, self._change),
            **dict.fromkeys(MARKS, self._mark),
            **self._midi.handlers,
        }

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._transport is not None
        return cast("int", self._transport.get_extra_info("sockname")[1])

    def stop(self) -> None:
        """Send nothing more and free the port."""
        for task in self._chores:
            task.cancel()
        self._unsubscribe()
        self._midi.stop()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's: the socket is open."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def error_received(self, exc: Exception) -> None:
        """Asyncio's: a client's port is closed. Its lease will run out."""
        log.debug("a client is gone", error=str(exc))

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Asyncio's: a datagram has come. Whatever is wrong with it is answered, never raised."""
        source = (addr[0], addr[1])
        try:
            messages = datagram_to_messages(data)
        except OneshotError as problem:
            self._refuse("", problem, source)
            return
        for received in messages:
            self._handle(received, source)

    def _handle(self, received: Message, source: Address) -> None:
        try:
            parsed = parse(received)
            self._clients.renew(source)
            self._handlers[parsed.spec.address](parsed, source)
        except OneshotError as problem:
            self._refuse(message_id(received), problem, source)
        except Exception as problem:
            log.exception("a request failed", address=received.address[:80])
            self._apologise(message_id(received), problem, source)

    def _apologise(self, request_id: str, problem: Exception, source: Address) -> None:
        text = f"{type(problem).__name__} in the server; see its log"
        failure = message("/oneshot/error", request_id, "engine_failed", text)
        self._send(failure, self._clients.reply_to(source))

    def _refuse(self, request_id: str, problem: OneshotError, source: Address) -> None:
        self._send(error(request_id, problem), self._clients.reply_to(source))
        self._refused += 1
        now = time.monotonic()
        if now - self._refusals_logged >= LOG_SECONDS:  # a flood of nonsense is one line a second
            self._refusals_logged = now
            log.warning(
                "requests refused", count=self._refused, last=short(str(problem)), source=source[0]
            )
            self._refused = 0

    def _send(self, datagram: bytes, target: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(datagram, target)

    def _answer(self, source: Address, address: str, *arguments: float | str) -> None:
        self._send(message(address, *arguments), self._clients.reply_to(source))

    def _hello(self, parsed: Parsed, source: Address) -> None:
        self._clients.hello(source, cast("int", parsed.arguments["reply_port"]))
        state = str(self._core.status().state)
        self._answer(
            source, "/oneshot/welcome", _id(parsed), self._version, state, self._lease_seconds
        )

    def _ping(self, parsed: Parsed, source: Address) -> None:
        status = self._core.status()
        self._answer(source, "/oneshot/pong", _id(parsed), str(status.state), status.queue_length)

    def _status(self, parsed: Parsed, source: Address) -> None:
        status = self._core.status()
        self._answer(
            source,
            "/oneshot/state",
            _id(parsed),
            str(status.state),
            status.queue_length,
            status.device,
            status.model,
            status.training,
        )
        reserve = status.reserve
        self._answer(
            source,
            "/oneshot/reserve",
            _id(parsed),
            reserve.have,
            reserve.wanted,
            reserve.hits,
            reserve.misses,
        )

    def _list(self, parsed: Parsed, source: Address) -> None:
        what = str(parsed.arguments["what"])
        if what == MIDI_PORTS:
            self._midi.ports(parsed, source)
        elif what == RECENT:
            self._later(self._recent(parsed, source), parsed, source)
        else:
            self._items(what, self._core.list_items(what), parsed, source)

    def _kit_list(self, parsed: Parsed, source: Address) -> None:
        self._items("kits", self._core.list_items("kits"), parsed, source)

    async def _recent(self, parsed: Parsed, source: Address) -> None:
        self._items(RECENT, await self._core.recent(), parsed, source)

    def _items(self, what: str, items: Sequence[Item], parsed: Parsed, source: Address) -> None:
        for item in items:
            self._answer(
                source, "/oneshot/item", _id(parsed), what, short(item.name), short(item.detail)
            )
        self._answer(source, "/oneshot/ok", _id(parsed), len(items))

    def _accept(self, parsed: Parsed, source: Address) -> None:
        self._begin(parsed, source, lambda: JOBS[parsed.spec.address](self._core, parsed))

    def _change(self, parsed: Parsed, source: Address) -> None:
        CHANGES[parsed.spec.address](self._core, parsed)
        self._answer(source, "/oneshot/ok", _id(parsed))

    def _pad_get(self, parsed: Parsed, source: Address) -> None:
        number = cast("int", parsed.arguments["pad"])
        pad = self._core.pad(number)
        for key in PAD_KEYS:
            value = getattr(pad, key.name)
            shown = short(value) if isinstance(value, str) else value
            self._answer(source, "/oneshot/pad", _id(parsed), number, key.name, shown)
        self._answer(source, "/oneshot/ok", _id(parsed))

    def _mark(self, parsed: Parsed, source: Address) -> None:
        self._later(self._mark_then_answer(parsed, source), parsed, source)

    async def _mark_then_answer(self, parsed: Parsed, source: Address) -> None:
        await MARKS[parsed.spec.address](self._core, parsed)
        self._answer(source, "/oneshot/ok", _id(parsed))

    def _later(self, answer: Coroutine[None, None, None], parsed: Parsed, source: Address) -> None:
        """Answer when the disk has answered; other requests are answered meanwhile."""
        task = asyncio.create_task(self._refuse_if_it_fails(answer, parsed, source))
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def _refuse_if_it_fails(
        self, answer: Coroutine[None, None, None], parsed: Parsed, source: Address
    ) -> None:
        try:
            await answer
        except OneshotError as problem:
            self._refuse(_id(parsed), problem, source)
        except Exception as problem:  # the outer loop of this request's task
            log.exception("a request failed", address=parsed.spec.address)
            self._apologise(_id(parsed), problem, source)

    def _begin(self, parsed: Parsed, source: Address, accept: Callable[[], JobId]) -> None:
        """Have a job accepted, once; its events go to who asked for it."""
        if self._answer_again(parsed, source):
            return
        self._asking = (self._clients.reply_to(source), _id(parsed))
        try:
            job = accept()
        finally:
            self._asking = None
        self._clients.remember(source, parsed.spec.address, _id(parsed), job)

    def _cancel(self, parsed: Parsed, source: Address) -> None:
        if self._answer_again(parsed, source):
            return
        job = JobId(str(parsed.arguments["job"]))
        self._clients.asks(job, self._clients.reply_to(source))
        try:
            self._core.cancel(job)
        except OneshotError:
            self._clients.forget(job)
            raise
        self._clients.remember(source, parsed.spec.address, _id(parsed), job)

    def _answer_again(self, parsed: Parsed, source: Address) -> bool:
        """A request that came before: send what became of it, for the answers may be lost."""
        job = self._clients.seen(source, parsed.spec.address, _id(parsed))
        if job is None:
            return False
        self._tell_again(job, self._core.history(job), _id(parsed), source)
        return True

    def _job(self, parsed: Parsed, source: Address) -> None:
        job = JobId(str(parsed.arguments["job"]))
        history = self._core.history(job)
        if not history:
            raise NotFoundError(f'job "{job[:40]}" is not known, or was forgotten')
        self._tell_again(job, history, _id(parsed), source)

    def _tell_again(
        self, job: JobId, history: Sequence[JobEvent], request_id: str, source: Address
    ) -> None:
        target = self._clients.reply_to(source)
        for event in history:
            self._send(event_to_datagram(event, request_id), target)
        if not any(isinstance(event, Done | Failed | Cancelled) for event in history):
            self._clients.asks(job, target)

    def _on_event(self, event: JobEvent) -> None:
        request_id = ""
        if isinstance(event, Accepted) and self._asking is not None:
            target, request_id = self._asking
            self._clients.asks(event.job, target)
        datagram = event_to_datagram(event, request_id)
        for target in self._clients.listeners(event.job):
            self._send(datagram, target)
        if isinstance(event, Done | Failed | Cancelled):
            self._clients.forget(event.job)


def _id(parsed: Parsed) -> str:
    return str(parsed.arguments["id"])


async def start_osc_server(
    core: Core,
    midi: Midi,
    host: str,
    port: int,
    *,
    version: str,
    lease_seconds: int = 60,
    clock: Callable[[], float] = time.monotonic,
) -> OscServer:
    """Listen on a port; 0 takes any.

    Raises:
        AlreadyRunningError: the port is taken, or may not be used; names it and the key.
        BadArgumentsError: the host is no address of this machine.
    """
    server = OscServer(
        core,
        midi,
        Clients(lease_seconds=lease_seconds, clock=clock),
        version=version,
        lease_seconds=lease_seconds,
    )
    try:
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: server, local_addr=(host, port)
        )
    except OSError as problem:
        server.stop()
        if problem.errno in {errno.EADDRINUSE, errno.EACCES}:
            why = (
                "is taken by another program"
                if problem.errno == errno.EADDRINUSE
                else "is not allowed"
            )
            raise AlreadyRunningError(
                f"UDP port {port} on {host} {why}: choose another by osc.port in config.toml "
                "or with --port"
            ) from None
        raise BadArgumentsError(
            f"osc.host = {host!r} cannot be listened on: {problem.strerror or problem}"
        ) from None
    return server
