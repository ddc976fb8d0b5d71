"""What is said about one job, apart from sockets and clocks: asked for, heard of, cancelled.

UDP loses packets. A request whose id the daemon has heard within a minute is answered with all that
has happened to its job, so it is sent again until it is accepted. From then on the job is asked
about by its own id, which a daemon that was started again knows, too.
"""

from collections import deque
from typing import Final

from oneshot_server.client.events import Message, message_to_event
from oneshot_server.client.question import new_id
from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobEvent,
    JobId,
    LoraReady,
    Notice,
    SampleImproved,
    SamplePublished,
    TerminalEvent,
)
from oneshot_server.errors import JobCancelledError, NoAnswerError, OneshotError, error_of

FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 0.4
PAUSE_SECONDS: Final = 2.0
"""Between two events of a job; then it is asked about."""
MOST_SILENCES: Final = 9
MOST_ASKED_FOR_MISSING: Final = 10


class JobTalk:
    """One job, from its request to its end.

    Args:
        address: of the request.
        arguments: that follow its id.

    Attributes:
        job: its id; empty until it is accepted.
        due: when ``wake`` wants to be called, in seconds of its clock.
        events: what happened and was not looked at yet, each thing once.
        error: why nothing more is to come; ``None`` while the daemon answers.
        cancelled: whether we cancelled it.
    """

    def __init__(self, address: str, *arguments: float | str) -> None:
        self._own = new_id()
        self._request: Message = (address, (self._own, *arguments))
        self.job = JobId("")
        self.due = 0.0
        self.events: deque[JobEvent] = deque()
        self.error: OneshotError | None = None
        self.cancelled = False
        self._ended = False
        self._silences = 0
        self._asked_for_missing = 0
        self._known: set[JobEvent] = set()

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self._ended or self.error is not None

    @property
    def begun(self) -> bool:
        """Whether the job was accepted, or never will be."""
        return bool(self.job) or self.over

    def wake(self, now: float) -> Message | None:
        """What to send when ``due``, if anything."""
        if self._silences > MOST_SILENCES:
            said = "the daemon stopped answering" if self.job else "no daemon answers"
            self.error = NoAnswerError(said)
            return None
        growing = min(FIRST_PAUSE_SECONDS * 2.0**self._silences, LONGEST_PAUSE_SECONDS)
        self.due = now + (PAUSE_SECONDS if self.job else growing)
        self._silences += 1
        return ("/oneshot/job", (self._own, self.job)) if self.job else self._request

    def take(self, message: Message, now: float) -> None:
        """Take in what came, whoever it is for."""
        if self.over:
            return
        event = message_to_event(message, self._own, self.job)
        if event is None:
            return
        if isinstance(event, Accepted):
            self.job = event.job
        self._silences = 0
        self.due = now + PAUSE_SECONDS
        if isinstance(event, Done) and self._asks_for_missing(event, now):
            return
        if isinstance(event, Accepted | Notice | SamplePublished | SampleImproved | LoraReady):
            if event in self._known:
                return
            self._known.add(event)
        self.events.append(event)
        self._ended = isinstance(event, TerminalEvent)

    def raise_if_bad(self, event: JobEvent) -> None:
        """Raise what an event means, if it is a bad end.

        Raises:
            OneshotError: the job failed; as the daemon raised it.
            JobCancelledError: somebody else cancelled it.
        """
        match event:
            case Failed(code=code, text=text):
                raise error_of(code, text)
            case Cancelled() if not self.cancelled:
                raise JobCancelledError("the job was cancelled")

    def cancel(self) -> Message | None:
        """What to send to have the job cancelled, if it is there to be."""
        if not self.job or self.over:
            return None
        self.cancelled = True
        # Its own id: that a job has ended meanwhile is no end of the job.
        return "/oneshot/cancel", (f"{self._own}-cancel", self.job)

    def _asks_for_missing(self, done: Done, now: float) -> bool:
        """Whether a job that is done is asked about once more, as not all of it has come."""
        made = [e for e in self._known if isinstance(e, SamplePublished | LoraReady)]
        missing = done.count - sum(event.job == done.job for event in made)
        if missing <= 0:
            return False
        self._asked_for_missing += 1
        self.due = now
        return self._asked_for_missing <= MOST_ASKED_FOR_MISSING
