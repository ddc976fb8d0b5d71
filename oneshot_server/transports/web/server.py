"""The HTTP server: one TCP socket inside the daemon."""

import asyncio
import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Final

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from oneshot_server.domain.core import Core
from oneshot_server.domain.library import LibraryChange
from oneshot_server.domain.midi import Midi
from oneshot_server.errors import (
    AlreadyRunningError,
    BadArgumentsError,
    ErrorCode,
    OneshotError,
    UnknownAddressError,
)
from oneshot_server.library.home import Home
from oneshot_server.library.incoming import TooLargeError
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.library.samples_folder import SamplesFolder
from oneshot_server.settings import WebSettings
from oneshot_server.transports.web.answers import Problem, json_response, problem_response
from oneshot_server.transports.web.commands import Commands
from oneshot_server.transports.web.datasets import Datasets
from oneshot_server.transports.web.events import Events
from oneshot_server.transports.web.guard import Guard
from oneshot_server.transports.web.instrument import Instrument
from oneshot_server.transports.web.openapi import openapi_document
from oneshot_server.transports.web.page_files import PageFiles
from oneshot_server.transports.web.sounds import Sounds
from oneshot_server.transports.web.specs import Operation
from oneshot_server.transports.web.uploads import Uploads

log = structlog.get_logger(__name__)

PAGE: Final = "page"
BACKLOG: Final = 128
GRACE_SECONDS: Final = 2
EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
FAR_AWAY: Final = ("192.0.2.1", 9)  # RFC 5737: nobody has it
TOO_LARGE: Final = 413
INTERNAL: Final = 500


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the daemon has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class WebServer:
    """Serves the page and its API until it is stopped.

    Args:
        core: the daemon without its transports.
        midi: MIDI, to be watched and taught.
        home: where datasets are.
        loras: what was trained.
        samples: publishes the sounds.
        settings: where to listen.
        token: that clients must show; empty if none is asked for.
    """

    def __init__(
        self,
        core: Core,
        midi: Midi,
        *,
        home: Home,
        loras: LoraStore,
        samples: SamplesFolder,
        settings: WebSettings,
        token: str,
    ) -> None:
        self._socket = _listen(settings.host, settings.port)
        self._events = Events(core)
        self._unsubscribe = core.library.subscribe(self._on_change)
        self._datasets = Datasets(core, home=home, loras=loras)
        uploads = Uploads(
            datasets=home.datasets,
            samples=samples,
            loras=loras,
            most_bytes=settings.upload_megabytes * 10**6,
        )
        self._sounds = Sounds(core.library)
        self._instrument = Instrument(core, midi, self._events, self._sounds.picture_of)
        self.operations: Sequence[Operation] = (
            *self._instrument.operations(),
            *Commands(core, midi).operations(),
            *self._sounds.operations(),
            *self._datasets.operations(),
            *uploads.operations(),
        )
        self._host = settings.host
        self._token = token
        app = Guard(_application(self.operations), host=settings.host, token=token)
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._socket.getsockname()[1])

    @property
    def address(self) -> str:
        """What to open in a browser, token and all."""
        host = _own_address() if self._host in EVERYWHERE else self._host
        shown = f"[{host}]" if ":" in host else host
        query = f"/?token={self._token}" if self._token else ""
        return f"http://{shown}:{self.port}{query}"

    def start(self) -> None:
        """Answer from now on."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="web")

    async def stop(self) -> None:
        """End every stream, answer what was asked, and free the port; once."""
        task, self._task = self._task, None
        if task is None:
            return
        self._unsubscribe()
        self._datasets.stop()
        self._instrument.stop()
        await self._events.stop()
        self._server.should_exit = True
        await task
        await self._sounds.stop()
        self._socket.close()

    def _on_change(self, change: LibraryChange) -> None:
        self._events.tell("library", change)


def _application(operations: Sequence[Operation]) -> Starlette:
    document = openapi_document(operations)

    async def describe(_request: Request) -> Response:
        return json_response(document)

    async def unknown(request: Request) -> Response:
        return problem_response(UnknownAddressError(f"no {request.url.path[:80]} here"))

    page = PageFiles(files("oneshot_server.transports.web") / PAGE)
    return Starlette(
        routes=[
            *(Route(row.path, row.handle, methods=[row.method]) for row in operations),
            Route("/api/openapi.json", describe),
            Route("/api/{rest:path}", unknown, methods=["GET", "POST", "PUT", "DELETE"]),
            Route("/{file:path}", page.answer, methods=["GET"]),
        ],
        exception_handlers={
            OneshotError: _refuse,
            HTTPException: _refuse_http,
            ClientDisconnect: _forget,
            Exception: _fail,
        },
    )


async def _refuse(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, OneshotError)
    log.info("a web request was refused", path=request.url.path[:80], why=str(problem)[:200])
    return problem_response(problem, TOO_LARGE if isinstance(problem, TooLargeError) else None)


async def _refuse_http(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    content = Problem(code=ErrorCode.UNKNOWN_ADDRESS, text=problem.detail)
    return json_response(content, problem.status_code)


async def _forget(_request: Request, _problem: Exception) -> Response:
    """Whoever asked has gone: nobody reads this."""
    return Response(status_code=400)


async def _fail(request: Request, problem: Exception) -> Response:
    log.error("a web request failed", path=request.url.path[:80], exc_info=problem)
    text = f"{type(problem).__name__} in the server; see its log"
    return json_response(Problem(code=ErrorCode.ENGINE_FAILED, text=text), INTERNAL)


def _own_address() -> str:
    """How this machine is called by others in its network; nothing is sent to find out."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(FAR_AWAY)
            return str(probe.getsockname()[0])
    except OSError:
        return socket.gethostname()


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        AlreadyRunningError: the port is taken, or may not be used; names it and the key.
        BadArgumentsError: the host is no address of this machine.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as problem:
        number = getattr(problem, "errno", None)
        if number in {errno.EADDRINUSE, errno.EACCES}:
            why = "is taken by another program" if number == errno.EADDRINUSE else "is not allowed"
            raise AlreadyRunningError(
                f"TCP port {port} on {host} {why}: choose another by web.port in config.toml "
                "or with --web-port; web.enabled = false does without the page"
            ) from None
        raise BadArgumentsError(f"web.host = {host!r} cannot be listened on: {problem}") from None
