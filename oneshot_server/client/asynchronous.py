"""The client for asyncio."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Generic, Self, Unpack

from oneshot_server.client.async_connection import AsyncConnection
from oneshot_server.client.events import Message
from oneshot_server.client.job_talk import JobTalk
from oneshot_server.client.keys import (
    ALL,
    HOST,
    PORT,
    SOUNDS,
    TRAININGS,
    GenerateKeys,
    Item,
    Sound,
    Training,
    generate_arguments,
)
from oneshot_server.client.question import Question
from oneshot_server.domain.events import JobEvent, JobId


class AsyncOneshot:
    """A daemon, as a coroutine sees it; the methods are those of ``Oneshot``, and raise the same.

    ::

        async with AsyncOneshot() as oneshot:
            async for sound in await oneshot.generate("punchy kick", count=4):
                print(sound.path)

    Tasks may share one.

    Args:
        host: the daemon's address.
        port: its OSC port.
    """

    def __init__(self, host: str = HOST, port: int = PORT) -> None:
        self._host = host
        self._port = port
        self._connection: AsyncConnection | None = None

    async def __aenter__(self) -> Self:
        self._connection = await AsyncConnection.open(self._host, self._port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the socket. Jobs that were accepted go on."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def generate(self, prompt: str, **keys: Unpack[GenerateKeys]) -> "AsyncJob[Sound]":
        """Have sounds made from a prompt; returns when the job is accepted."""
        arguments = generate_arguments(prompt, keys)
        return await self._begin(JobTalk("/oneshot/generate", *arguments), SOUNDS)

    async def trigger(self, pad: int, velocity: float = 1.0) -> "AsyncJob[Sound]":
        """Hit a pad; its sound comes from the reserve, if one is ready."""
        return await self._begin(JobTalk("/oneshot/pad/trigger", pad, float(velocity)), SOUNDS)

    async def train(self, dataset: str) -> "AsyncJob[Training]":
        """Have a LoRA trained on a folder in ``datasets``."""
        return await self._begin(JobTalk("/oneshot/train", dataset), TRAININGS)

    async def begin(self, address: str, *arguments: float | str) -> "AsyncJob[JobEvent]":
        """Any other request that begins a job, as ``/oneshot/model``; its events are its items."""
        return await self._begin(JobTalk(address, *arguments), ALL)

    async def ask(self, address: str, *arguments: float | str) -> list[Message]:
        """Any request that ends with ``/oneshot/ok``; returns what came before it."""
        return await self._opened().put(Question(address, *arguments))

    async def _begin(self, talk: JobTalk, items: tuple[type[Item], ...]) -> "AsyncJob[Item]":
        connection = self._opened()
        await connection.begin(talk)
        return AsyncJob(connection, talk, items)

    def _opened(self) -> AsyncConnection:
        if self._connection is None:
            raise RuntimeError("AsyncOneshot is used outside its async with")
        return self._connection


class AsyncJob(AsyncIterator[Item], Generic[Item]):
    """A job that the daemon has accepted; as ``Job``, with ``async for`` and ``async with``.

    Attributes:
        id: of the job.
    """

    def __init__(
        self, connection: AsyncConnection, talk: JobTalk, items: tuple[type[Item], ...]
    ) -> None:
        self._connection = connection
        self._talk = talk
        self._items = items
        self.id: JobId = talk.job

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cancel()

    async def __anext__(self) -> Item:
        """What is made next; raises as ``Job.__next__``."""
        while (event := await self._connection.next_event(self._talk)) is not None:
            self._talk.raise_if_bad(event)
            if isinstance(event, self._items):
                return event
        raise StopAsyncIteration

    async def events(self) -> AsyncIterator[JobEvent]:
        """All that happens, progress and notices too, up to the job's end, be it good or bad."""
        while (event := await self._connection.next_event(self._talk)) is not None:
            yield event

    def cancel(self) -> None:
        """Stop it, if it has not ended; what it has made stays."""
        self._connection.cancel(self._talk)
