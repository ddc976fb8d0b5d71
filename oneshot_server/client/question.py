"""A question to the daemon and its answers, apart from sockets and clocks."""

import secrets
from typing import Final

from oneshot_server.client.events import Message
from oneshot_server.errors import NoAnswerError, OneshotError, error_of

OK: Final = "/oneshot/ok"
TRIES: Final = 4
PATIENCE_SECONDS: Final = 1.0


def new_id() -> str:
    """An id that no other client has."""
    return f"py-{secrets.token_hex(8)}"


class Question:
    """Is asked again when no answer comes, for UDP loses packets.

    Args:
        address: of the request.
        arguments: that follow its id.
        end: address of the last answer.
        tries: how often to ask in all.
        pause_seconds: from one try to the next.
        one_id: whether each try is the same request to the daemon, which then answers it once. Else
            what comes late for one try is no answer to the next.

    Attributes:
        answers: what came, without an ``/oneshot/ok``.
        error: why there will be no more; ``None`` if there is no such reason.
    """

    def __init__(
        self,
        address: str,
        *arguments: float | str,
        end: str = OK,
        tries: int = TRIES,
        pause_seconds: float = PATIENCE_SECONDS,
        one_id: bool = False,
    ) -> None:
        self._address = address
        self._arguments = arguments
        self._end = end
        self._tries = tries
        self._pause_seconds = pause_seconds
        self._own = new_id() if one_id else ""
        self._one_id = one_id
        self.due = 0.0
        self.answers: list[Message] = []
        self.error: OneshotError | None = None
        self._done = False

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self._done or self.error is not None

    def wake(self, now: float) -> Message | None:
        """What to send when ``due``, if anything."""
        if not self._tries:
            self.error = NoAnswerError("no daemon answers")
            return None
        self._tries -= 1
        self.due = now + self._pause_seconds
        if not self._one_id:
            self._own = new_id()
        self.answers = []
        return self._address, (self._own, *self._arguments)

    def take(self, message: Message) -> None:
        """Take in what came, whoever it is for."""
        address, arguments = message
        if self.over or not arguments or arguments[0] != self._own:
            return
        if address == "/oneshot/error":
            self.error = error_of(*(str(argument) for argument in (*arguments[1:3], "", "")[:2]))
            return
        if address != OK:
            self.answers.append(message)
        self._done = address == self._end
