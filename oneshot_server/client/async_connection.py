"""One socket to a daemon on the event loop; as ``connection``, with ``await``."""

import asyncio
from contextlib import suppress
from typing import Self, cast
from weakref import WeakKeyDictionary

from oneshot_server.client.connection import CANCELS, raise_at
from oneshot_server.client.events import Message
from oneshot_server.client.job_talk import JobTalk
from oneshot_server.client.osc_socket import datagram_to_message
from oneshot_server.client.question import Question
from oneshot_server.domain.events import JobEvent
from oneshot_server.errors import NoAnswerError
from oneshot_server.transports.osc.encode import message


class AsyncConnection(asyncio.DatagramProtocol):
    """Drives talks, for which it has the socket and the clock. Tasks may share one.

    Args:
        where: the daemon's host and port, for errors.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.DatagramTransport | None = None
        # A job that nobody holds is not followed.
        self._news: WeakKeyDictionary[JobTalk | Question, asyncio.Event] = WeakKeyDictionary()

    @classmethod
    async def open(cls, host: str, port: int) -> Self:
        """A connection to a daemon.

        Raises:
            NoAnswerError: the host's name leads nowhere.
        """
        where = f"{host}:{port}"
        try:
            _, connection = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: cls(where), remote_addr=(host, port)
            )
        except (OSError, UnicodeError) as error:
            raise NoAnswerError(f"no daemon at {where}: {error}") from None
        return connection

    def close(self) -> None:
        """Free the socket."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's: the socket is open."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def error_received(self, exc: Exception) -> None:
        """Asyncio's: nobody listens there. It may be starting: silence will tell."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - asyncio's
        """Asyncio's: a datagram has come."""
        received = datagram_to_message(data)
        if received is None:
            return
        for talk, news in self._news.items():
            if isinstance(talk, Question):
                talk.take(received)
            else:
                talk.take(received, self._loop.time())
            news.set()

    async def put(self, question: Question) -> list[Message]:
        """The answers to a question; raises its error."""
        self._news[question] = asyncio.Event()
        while not question.over:
            await self._step(question)
        raise_at(question.error, self._where)
        return question.answers

    async def begin(self, talk: JobTalk) -> None:
        """Return when the job is accepted; raise why it is not."""
        self._news[talk] = asyncio.Event()
        while not talk.begun:
            await self._step(talk)
        raise_at(talk.error, self._where)
        if talk.over:
            talk.raise_if_bad(talk.events[-1])

    async def next_event(self, talk: JobTalk) -> JobEvent | None:
        """What happens next; ``None`` after the end."""
        while not talk.events:
            raise_at(talk.error, self._where)
            if talk.over:
                return None
            await self._step(talk)
        return talk.events.popleft()

    def cancel(self, talk: JobTalk) -> None:
        """Have a job cancelled."""
        if (wanted := talk.cancel()) is not None:
            for _ in range(CANCELS):
                self._send(wanted)

    async def _step(self, talk: JobTalk | Question) -> None:
        """Send what is due, or wait for what comes."""
        now = self._loop.time()
        if now >= talk.due:
            if (wanted := talk.wake(now)) is not None:
                self._send(wanted)
            return
        news = self._news[talk]
        news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(talk.due):
                await news.wait()

    def _send(self, wanted: Message) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(message(wanted[0], *wanted[1]))
