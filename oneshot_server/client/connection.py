"""One socket to a daemon, blocking: asks, asks again, and hands out what comes."""

import time
from typing import Final
from weakref import WeakSet

from oneshot_server.client.events import Message
from oneshot_server.client.job_talk import JobTalk
from oneshot_server.client.osc_socket import OscSocket
from oneshot_server.client.question import Question
from oneshot_server.domain.events import JobEvent
from oneshot_server.errors import NoAnswerError, OneshotError

CANCELS: Final = 3
"""Nothing answers that a cancel has come, so it is sent so often."""


class Connection:
    """Drives talks, for which it has the socket and the clock.

    Args:
        host: the daemon's address.
        port: its OSC port.

    Raises:
        NoAnswerError: the host's name leads nowhere.
    """

    def __init__(self, host: str, port: int) -> None:
        self._where = f"{host}:{port}"
        try:
            self._socket = OscSocket(host, port)
        except (OSError, UnicodeError) as error:
            raise NoAnswerError(f"no daemon at {self._where}: {error}") from None
        self._talks: WeakSet[JobTalk] = WeakSet()  # a job that nobody holds is not followed

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()

    def put(self, question: Question) -> list[Message]:
        """The answers to a question; raises its error."""
        while not question.over:
            self._step(question)
        raise_at(question.error, self._where)
        return question.answers

    def begin(self, talk: JobTalk) -> None:
        """Return when the job is accepted; raise why it is not."""
        while (message := self._socket.receive(0.0)) is not None:  # make room for the answers
            self._hand_out(message)
        self._talks.add(talk)
        while not talk.begun:
            self._step(talk)
        raise_at(talk.error, self._where)
        if talk.over:
            talk.raise_if_bad(talk.events[-1])

    def next_event(self, talk: JobTalk) -> JobEvent | None:
        """What happens next; ``None`` after the end."""
        while not talk.events:
            raise_at(talk.error, self._where)
            if talk.over:
                return None
            self._step(talk)
        return talk.events.popleft()

    def cancel(self, talk: JobTalk) -> None:
        """Have a job cancelled."""
        if (message := talk.cancel()) is not None:
            for _ in range(CANCELS):
                self._socket.send(message[0], *message[1])

    def receive(self, timeout_seconds: float) -> Message | None:
        """The next message, whatever it is about; ``None`` when the time is over."""
        return self._socket.receive(timeout_seconds)

    def _step(self, talk: JobTalk | Question) -> None:
        """Send what is due, or take in one message."""
        now = time.monotonic()
        if now >= talk.due:
            if (message := talk.wake(now)) is not None:
                self._socket.send(message[0], *message[1])
        elif (received := self._socket.receive(talk.due - now)) is not None:
            if isinstance(talk, Question):
                talk.take(received)
            self._hand_out(received)

    def _hand_out(self, message: Message) -> None:
        for talk in self._talks:
            talk.take(message, time.monotonic())


def raise_at(error: OneshotError | None, where: str) -> None:
    """Raise an error, if there is one; a daemon that is silent is named."""
    if isinstance(error, NoAnswerError):
        raise NoAnswerError(f"{error} at {where}: start it with oneshot serve")
    if error is not None:
        raise error
