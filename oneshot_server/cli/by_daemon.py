"""Ask a running daemon to render, as any OSC client does."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, Protocol

from oneshot_server.cli.addresses import reachable
from oneshot_server.cli.osc_events import Message, message_to_event
from oneshot_server.domain.events import (
    Accepted,
    Done,
    JobEvent,
    JobId,
    SamplePublished,
    TerminalEvent,
)
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.domain.reshape import Inpaint, Morph, Vary
from oneshot_server.errors import EngineFailedError
from oneshot_server.library.home import Home
from oneshot_server.settings import Settings
from oneshot_server.transports.osc.client import OscClient

PINGS: Final = 4
PING_SECONDS: Final = 0.3
SILENT_SECONDS: Final = 2.0
MOST_SILENCES: Final = 5
RESEND_SECONDS: Final = 45.0  # the daemon knows a request again for a minute


class Client(Protocol):
    """What is used of ``transports.osc.client.OscClient``."""

    def send(self, address: str, *arguments: float | str) -> None:
        """Send a message."""
        ...

    def receive(self, timeout_seconds: float) -> Message | None:
        """The next message; ``None`` when the time is over."""
        ...


def answers(client: Client) -> bool:
    """Whether a daemon is there; asks more than once, for UDP loses packets."""
    own = _new_id()
    for _ in range(PINGS):
        try:
            client.send("/oneshot/ping", own)
        except OSError:  # no way to its address
            return False
        until = time.monotonic() + PING_SECONDS
        while (left := until - time.monotonic()) > 0:
            message = client.receive(left)
            if message is not None and message[0] == "/oneshot/pong" and own in message[1]:
                return True
    return False


@contextmanager
def daemon_of(home: Home, settings: Settings) -> Iterator[OscClient | None]:
    """The daemon that holds the home, if it answers; another home's puts its sounds elsewhere."""
    client = None
    if running := home.running():
        host, port = running.address or (settings.osc.host, settings.osc.port)
        with suppress(OSError):  # a name that leads nowhere
            client = OscClient(reachable(host), port)
    if client is None:
        yield None
        return
    with client:
        yield client if answers(client) else None


def render_by_daemon(
    client: Client, request: GenerateRequest, listener: Callable[[JobEvent], None]
) -> None:
    """Have a request rendered and pass on its events; returns when it is done.

    Whatever ends this early, Ctrl-C too, cancels the job.

    Raises:
        EngineFailedError: the daemon refused, or fell silent.
    """
    address = f"/oneshot/{_kind(request)}"
    _run(_Job(client, address, request_to_arguments(request), listener))


def change_model_by_daemon(client: Client, name: str, listener: Callable[[JobEvent], None]) -> None:
    """Have the model changed and pass on the events; returns when it is done.

    Raises:
        EngineFailedError: the daemon refused, or fell silent.
    """
    _run(_Job(client, "/oneshot/model", [name], listener))


def _run(job: "_Job") -> None:
    try:
        job.run()
    except BaseException:
        job.cancel()
        raise


class _Job:
    def __init__(
        self,
        client: Client,
        address: str,
        arguments: Sequence[float | str],
        listener: Callable[[JobEvent], None],
    ) -> None:
        self._client = client
        self._own = _new_id()
        self._address = address
        self._arguments = arguments
        self._listener = listener
        self._job = JobId("")
        self._shown: set[int] = set()
        self._started = time.monotonic()
        self._asked_again = False
        self._ended = False

    def run(self) -> None:
        self._ask()
        silences = 0
        while not self._ended:
            message = self._client.receive(SILENT_SECONDS)
            if message is not None:
                silences = 0
                self._take(message)
                continue
            silences += 1
            if silences > MOST_SILENCES:
                raise EngineFailedError("the daemon stopped answering")
            if self._may_ask_again():
                self._ask()
            else:
                self._client.send("/oneshot/ping", self._own)

    def cancel(self) -> None:
        if self._job and not self._ended:
            self._client.send("/oneshot/cancel", self._own, self._job)

    def _ask(self) -> None:
        """Send the request; a known id is answered again with all that has happened since."""
        self._client.send(self._address, self._own, *self._arguments)

    def _may_ask_again(self) -> bool:
        return time.monotonic() - self._started < RESEND_SECONDS

    def _take(self, message: Message) -> None:
        event = message_to_event(message, self._own, self._job)
        match event:
            case None:
                return
            case Accepted(job=job):
                self._job = job
            case SamplePublished(index=index) if index in self._shown:
                return
            case SamplePublished(index=index):
                self._shown.add(index)
            case Done(count=count) if len(self._shown) < count and not self._asked_again:
                if self._may_ask_again():
                    self._asked_again = True
                    self._ask()
                    return
        self._ended = isinstance(event, TerminalEvent)
        self._listener(event)


def request_to_arguments(request: GenerateRequest) -> Sequence[int | float | str]:
    """What follows the id of ``/oneshot/generate``, ``vary``, ``morph`` or ``inpaint``.

    The prompt, or the sounds and what is done to them; then keys and values.
    """
    loras = ",".join(
        f"{lora.name}{'' if lora.version is None else f'@{lora.version}'}:{lora.weight:g}"
        for lora in request.loras
    )
    pairs: dict[str, int | float | str | None] = {
        "count": request.count,
        "seed": request.seed,
        "steps": request.steps,
        "guidance": request.guidance,
        "sampler": request.sampler,
        "negative": request.negative or None,
        "lora": loras or None,
        "seconds": request.seconds,
        "tune": request.tune,
        "level": request.level,
        "walk": request.walk,
        "novelty": request.novelty,
    }
    arguments: list[int | float | str] = [*request.parent_files]
    match request.reshape:
        case None:
            arguments.append(request.prompt)
        case Vary(strength=amount) | Morph(t=amount):
            arguments.append(amount)
        case Inpaint(keep=keep, split=split):
            arguments.append(keep)
            pairs["split"] = split
    if request.reshape is not None:
        pairs["prompt"] = request.prompt or None
    for key, value in pairs.items():
        if value is not None:
            arguments += [key, value]
    return arguments


def _kind(request: GenerateRequest) -> str:
    match request.reshape:
        case None:
            return "generate"
        case Vary():
            return "vary"
        case Morph():
            return "morph"
        case Inpaint():
            return "inpaint"


def _new_id() -> str:
    return f"cli-{secrets.token_hex(6)}"
