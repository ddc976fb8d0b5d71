"""The composition root: builds the daemon's parts, starts them in order, stops them in reverse."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from oneshot_server import __version__
from oneshot_server.domain.events import Cancelled, Done, EngineState, Failed, JobEvent
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine.supervisor import Supervisor
from oneshot_server.errors import EngineFailedError
from oneshot_server.jobs.core import OneshotCore
from oneshot_server.jobs.event_bus import EventBus
from oneshot_server.jobs.journal import Journal
from oneshot_server.jobs.queue import JobQueue
from oneshot_server.library.database import open_database
from oneshot_server.library.home import Home
from oneshot_server.library.samples_folder import SamplesFolder
from oneshot_server.log import start_log, stop_log
from oneshot_server.pipeline.model_folder import find_model
from oneshot_server.settings import EngineSettings, Settings
from oneshot_server.transports.osc.server import OscServer, start_osc_server

log = structlog.get_logger(__name__)

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A daemon that runs.

    Attributes:
        core: takes requests.
        engine: renders them.
        osc: listens.
        samples: where the sounds appear.
    """

    core: OneshotCore
    engine: Supervisor
    osc: OscServer
    samples: Path


def engine_command(settings: EngineSettings, models: Path) -> list[str]:
    """The command line of the engine process.

    Raises:
        NotFoundError: no such model.
    """
    return [
        *(sys.executable, "-m", "oneshot_server.engine"),
        *("--model", str(find_model(settings.model, models))),
        *("--device", settings.device),
        *("--threads", str(settings.threads)),
        *("--max-batch", str(settings.max_batch)),
    ]


@asynccontextmanager
async def running_daemon(
    settings: Settings, home: Home, *, command: Sequence[str] | None = None
) -> AsyncIterator[Daemon]:
    """Run a daemon for as long as the context lasts.

    Args:
        settings: what ``config.toml`` says.
        home: where everything is kept; made if missing.
        command: another engine's command line, for tests.

    Raises:
        AlreadyRunningError: the home or the port is taken.
        ForbiddenError: the home cannot be written.
        NotFoundError: no such model.
    """
    home.create()
    if command is None:
        command = engine_command(settings.engine, home.models)
    async with AsyncExitStack() as stack:
        stack.enter_context(home.lock((settings.osc.host, settings.osc.port)))
        stack.callback(stop_log, start_log(home.logs, settings.log))
        if settings.osc.host not in LOOPBACK:
            log.warning("the network is let in", host=settings.osc.host)
        connection = stack.enter_context(closing(open_database(home.database)))
        samples = SamplesFolder(home.samples_folder(settings.samples.folder))
        samples.sweep()
        journal, bus = Journal(connection), EventBus()
        engine = Supervisor(
            command,
            finish=lambda request: settings.samples.finish_options(request.seconds),
            subtype=settings.samples.subtype,
        )
        queue = JobQueue(
            renderer=engine,
            journal=journal,
            publisher=samples,
            bus=bus,
            limit=settings.jobs.queue_limit,
        )
        core = OneshotCore(
            queue=queue,
            journal=journal,
            engine=engine,
            bus=bus,
            folders={"loras": home.loras, "datasets": home.datasets, "models": home.models},
        )
        osc = await start_osc_server(
            core,
            settings.osc.host,
            settings.osc.port,
            version=__version__,
            lease_seconds=settings.osc.lease_seconds,
        )
        stack.callback(osc.stop)
        engine.start(queue)
        stack.push_async_callback(engine.stop)
        # Before the engine and the socket go, so that every client still hears of its jobs' end.
        stack.callback(queue.shut_down)
        queue.restore(journal.unfinished())
        log.info("daemon started", version=__version__, port=osc.port, samples=str(samples.folder))
        yield Daemon(core=core, engine=engine, osc=osc, samples=samples.folder)
        log.info("daemon stops")


async def serve(
    settings: Settings,
    home: Home,
    *,
    on_start: Callable[[Daemon], None],
    command: Sequence[str] | None = None,
) -> None:
    """Run a daemon until SIGINT or SIGTERM.

    Args:
        settings: what ``config.toml`` says.
        home: where everything is kept.
        on_start: called when OSC is answered; the engine may still be loading.
        command: another engine's command line, for tests.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C arrives as a KeyboardInterrupt
            loop.add_signal_handler(number, stopped.set)
    async with running_daemon(settings, home, command=command) as daemon:
        on_start(daemon)
        await stopped.wait()


async def render_locally(
    request: GenerateRequest,
    settings: Settings,
    folder: Path,
    on_event: Callable[[JobEvent], None],
    *,
    models: Path,
    finish: FinishOptions | None = None,
    subtype: str | None = None,
    command: Sequence[str] | None = None,
) -> None:
    """Render one request without a daemon: the same engine and queue, nothing remembered.

    Args:
        request: what to make.
        settings: what ``config.toml`` says.
        folder: where the sounds go; its parent exists.
        on_event: told every event; may raise to stop.
        models: where models are looked for by name.
        finish: level, tail and length; by default as in ``settings``.
        subtype: sample format; by default as in ``settings``.
        command: another engine's command line, for tests.

    Raises:
        NotFoundError: no such model.
        EngineFailedError: the engine gave up.
    """
    if command is None:
        command = engine_command(settings.engine, models)
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def listen(event: JobEvent) -> None:
        if ended.done():
            return
        try:
            on_event(event)
        except BaseException as error:  # noqa: BLE001 - it is raised again by ``await ended``
            ended.set_exception(error)
            return
        if isinstance(event, Done | Failed | Cancelled):
            ended.set_result(None)

    bus = EventBus()
    bus.subscribe(listen)
    engine = Supervisor(
        command,
        finish=lambda request: finish or settings.samples.finish_options(request.seconds),
        subtype=subtype or settings.samples.subtype,
    )
    with closing(open_database(":memory:")) as connection:
        queue = JobQueue(
            renderer=engine,
            journal=Journal(connection),
            publisher=SamplesFolder(folder),
            bus=bus,
            limit=1,
        )
        queue.submit(request)
        engine.start(queue)
        try:
            await ended
        finally:
            await engine.stop()
    if engine.state is EngineState.FAILED:
        raise EngineFailedError(engine.failure)
