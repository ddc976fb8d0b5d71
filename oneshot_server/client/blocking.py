"""The blocking client."""

from collections.abc import Iterator
from types import TracebackType
from typing import Generic, Self, Unpack

from oneshot_server.client.connection import Connection
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
from oneshot_server.errors import NoAnswerError


class Oneshot:
    """A daemon, as Python sees it. Not for several threads at once; each may have its own.

    Args:
        host: the daemon's address.
        port: its OSC port.

    Raises:
        NoAnswerError: the host's name leads nowhere.
    """

    def __init__(self, host: str = HOST, port: int = PORT) -> None:
        self._connection = Connection(host, port)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the socket. Jobs that were accepted go on."""
        self._connection.close()

    def generate(self, prompt: str, **keys: Unpack[GenerateKeys]) -> "Job[Sound]":
        """Have sounds made from a prompt; returns when the job is accepted.

        Args:
            prompt: what to play, in words.
            keys: as of ``/oneshot/generate``: ``count=4, seed=7``.

        Raises:
            BadArgumentsError: the prompt, a key or its value is not understood.
            BusyError: the queue is full.
            NotFoundError: no such LoRA.
            EngineFailedError: the engine has given up.
            NoAnswerError: no daemon answers.
        """
        arguments = generate_arguments(prompt, keys)
        return self._begin(JobTalk("/oneshot/generate", *arguments), SOUNDS)

    def trigger(self, pad: int, velocity: float = 1.0) -> "Job[Sound]":
        """Hit a pad; its sound comes from the reserve, if one is ready.

        Args:
            pad: 0 to 63.
            velocity: 0 to 1; 1 is the sound as it is.

        Raises:
            NotFoundError: the pad is empty.
            BadArgumentsError, BusyError, EngineFailedError, NoAnswerError: as ``generate``.
        """
        return self._begin(JobTalk("/oneshot/pad/trigger", pad, float(velocity)), SOUNDS)

    def train(self, dataset: str) -> "Job[Training]":
        """Have a LoRA trained on a folder in ``datasets``.

        Raises:
            NotFoundError: no such folder.
            BadArgumentsError, BusyError, EngineFailedError, NoAnswerError: as ``generate``.
        """
        return self._begin(JobTalk("/oneshot/train", dataset), TRAININGS)

    def begin(self, address: str, *arguments: float | str) -> "Job[JobEvent]":
        """Any other request that begins a job, as ``/oneshot/model``; its events are its items."""
        return self._begin(JobTalk(address, *arguments), ALL)

    def ask(self, address: str, *arguments: float | str) -> list[Message]:
        """Any request that ends with ``/oneshot/ok``; returns what came before it.

        Raises:
            OneshotError: the daemon refused; the text is its own.
            NoAnswerError: no daemon answers.
        """
        return self.put(Question(address, *arguments))

    def put(self, question: Question) -> list[Message]:
        """A question of another kind; raises as ``ask``."""
        return self._connection.put(question)

    def answers(self) -> bool:
        """Whether a daemon is there."""
        ping = Question("/oneshot/ping", end="/oneshot/pong", tries=4, pause_seconds=0.3)
        try:
            self.put(ping)
        except (NoAnswerError, OSError):  # OSError: no way to its address
            return False
        return True

    def receive(self, timeout_seconds: float) -> Message | None:
        """The next message that comes, whatever it is about; ``None`` when the time is over."""
        return self._connection.receive(timeout_seconds)

    def _begin(self, talk: JobTalk, items: tuple[type[Item], ...]) -> "Job[Item]":
        self._connection.begin(talk)
        return Job(self._connection, talk, items)


class Job(Iterator[Item], Generic[Item]):
    """A job that the daemon has accepted; iterate over it for what it makes, as it is made.

    It goes on when nobody looks. In a ``with`` it does not: whatever leaves that early, an error or
    Ctrl-C too, cancels it.

    Attributes:
        id: of the job.
    """

    def __init__(
        self, connection: Connection, talk: JobTalk, items: tuple[type[Item], ...]
    ) -> None:
        self._connection = connection
        self._talk = talk
        self._items = items
        self.id: JobId = talk.job

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cancel()

    def __next__(self) -> Item:
        """What is made next.

        Raises:
            OneshotError: the job failed; as the daemon raised it.
            JobCancelledError: somebody else cancelled it.
            NoAnswerError: the daemon stopped answering.
        """
        while (event := self._connection.next_event(self._talk)) is not None:
            self._talk.raise_if_bad(event)
            if isinstance(event, self._items):
                return event
        raise StopIteration

    def events(self) -> Iterator[JobEvent]:
        """All that happens, progress and notices too, up to the job's end, be it good or bad.

        Raises:
            NoAnswerError: the daemon stopped answering.
        """
        while (event := self._connection.next_event(self._talk)) is not None:
            yield event

    def cancel(self) -> None:
        """Stop it, if it has not ended; what it has made stays."""
        self._connection.cancel(self._talk)
