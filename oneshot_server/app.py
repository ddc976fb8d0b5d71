"""The composition root: builds the daemon's parts, starts them in order, stops them in reverse."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from oneshot_server import __version__
from oneshot_server.domain.events import Cancelled, Done, EngineState, Failed, JobEvent
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine.model_switch import ModelSwitch
from oneshot_server.engine.supervisor import Supervisor
from oneshot_server.errors import EngineFailedError, NotFoundError, OneshotError
from oneshot_server.jobs.blend import Blend
from oneshot_server.jobs.core import OneshotCore
from oneshot_server.jobs.event_bus import EventBus
from oneshot_server.jobs.journal import Journal
from oneshot_server.jobs.kit_desk import KitDesk
from oneshot_server.jobs.model_changes import ModelChanges
from oneshot_server.jobs.pad_bank import PadBank
from oneshot_server.jobs.pad_recipes import PadRecipes
from oneshot_server.jobs.pads import Pads
from oneshot_server.jobs.parents import describe_parents
from oneshot_server.jobs.queue import JobQueue
from oneshot_server.jobs.reserve import Reserve
from oneshot_server.library.database import checkpoint, open_database
from oneshot_server.library.dataset_folder import dataset_path
from oneshot_server.library.dataset_watch import DatasetWatch
from oneshot_server.library.home import Home
from oneshot_server.library.kit_store import KitStore
from oneshot_server.library.living_library import LivingLibrary
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.library.parent_files import SoundFolders
from oneshot_server.library.reserve_folder import ReserveFolder
from oneshot_server.library.samples_folder import SamplesFolder
from oneshot_server.library.sound_library import SoundLibrary
from oneshot_server.library.trash import tidy
from oneshot_server.log import start_log, stop_log
from oneshot_server.pipeline.model_folder import find_model, find_named_model
from oneshot_server.settings import LOOPBACK, EngineSettings, Settings
from oneshot_server.training.journal import TrainingJournal
from oneshot_server.training.runs import TrainingRuns
from oneshot_server.training.workshop import Workshop
from oneshot_server.transports.midi.transport import MidiTransport
from oneshot_server.transports.osc.server import OscServer, start_osc_server
from oneshot_server.transports.web.start import start_web

if TYPE_CHECKING:
    from oneshot_server.transports.web.server import WebServer

log = structlog.get_logger(__name__)

CHECKPOINT_SECONDS: Final = 5.0
TIDY_SECONDS: Final = 3600.0


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A daemon that runs.

    Attributes:
        core: takes requests.
        engine: renders them.
        osc: listens.
        midi: listens too, where there is MIDI.
        web: serves the page, or why there is none.
        samples: where the sounds appear.
    """

    core: OneshotCore
    engine: ModelSwitch
    osc: OscServer
    midi: MidiTransport
    web: "WebServer | str"
    samples: Path


def engine_command(settings: EngineSettings, home: Home, model: Path) -> list[str]:
    """The command line of the engine process for the model in a folder."""
    return [
        *(sys.executable, "-m", "oneshot_server.engine"),
        *("--model", str(model)),
        *("--loras", str(home.loras)),
        *("--index", str(home.sound_index)),
        *("--device", settings.device),
        *("--precision", settings.precision),
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
        NotFoundError: no such model or MIDI map.
        SettingsError: the MIDI map cannot be understood.
    """
    home.create()
    model = find_model(settings.engine.model, home.models)

    def command_of(name: str) -> Sequence[str]:
        folder = find_named_model(name, home.models)
        if command is not None:
            return [*command, "--model", name]
        return engine_command(settings.engine, home, folder)

    async with AsyncExitStack() as stack:
        stack.enter_context(home.lock((settings.osc.host, settings.osc.port)))
        stack.callback(stop_log, start_log(home.logs, settings.log))
        if settings.osc.host not in LOOPBACK:
            log.warning("the network is let in", host=settings.osc.host)
        connection = stack.enter_context(closing(open_database(home.database)))
        stack.push_async_callback(_cancel, asyncio.create_task(_checkpoints(home.database)))
        samples = SamplesFolder(home.samples_folder(settings.samples.folder), settings.samples.name)
        samples.sweep()
        library = LivingLibrary(
            SoundLibrary(index=home.sound_index, samples=samples.folder, database=home.database)
        )
        stack.push_async_callback(library.stop)
        journal, bus = Journal(connection), EventBus()
        engine = ModelSwitch(
            lambda command: Supervisor(
                command,
                finish=settings.samples.finish_options,
                subtype=settings.samples.subtype,
            ),
            engine_command(settings.engine, home, model) if command is None else command,
        )
        loras = LoraStore(home.loras)
        blend = Blend(connection, loras)
        bank = PadBank(connection)
        desk = KitDesk(bank, KitStore(home.kits), loras)
        reserve = Reserve(
            bank=bank,
            recipes=PadRecipes(
                resolve=lambda request: blend.resolve(request, base_hash=engine.model_hash).request,
                adapters=loras,
                finish=settings.samples.finish_options,
                subtype=settings.samples.subtype,
            ),
            folder=ReserveFolder(samples.folder),
            renderer=engine,
            model=settings.engine.model,
            per_pad=settings.pads.reserve,
            most_bytes=settings.pads.reserve_megabytes * 1_000_000,
            max_batch=settings.engine.max_batch,
            taste=settings.pads.taste,
        )
        queue = JobQueue(
            renderer=engine,
            journal=journal,
            publisher=samples,
            bus=bus,
            limit=settings.jobs.queue_limit,
            # A batch that is rendered, and the next one.
            ahead=2 * settings.engine.max_batch,
            spare=reserve,
        )
        pads = Pads(
            bank=bank,
            reserve=reserve,
            queue=queue,
            samples=samples,
            journal=journal,
            bus=bus,
            resolve=lambda request: blend.resolve(request, base_hash=engine.model_hash).request,
        )
        trainings = TrainingRuns(
            workshop=Workshop(
                settings=settings,
                model=model,
                loras=loras,
                folder=lambda name: dataset_path(home.datasets, name),
            ),
            journal=TrainingJournal(connection),
            emit=bus.emit,
        )
        bus.subscribe(lambda _event: trainings.give_way(wanted=queue.waited_for))

        def model_changed(name: str) -> None:
            reserve.model_changed(name)
            with suppress(NotFoundError):  # taken away meanwhile: a training will say so
                folder = find_named_model(name, home.models)
                trainings.workshop = replace(trainings.workshop, model=folder)

        models = ModelChanges(
            engines=engine,
            command=command_of,
            emit=bus.emit,
            changed=model_changed,
            name=settings.engine.model,
        )
        core = OneshotCore(
            queue=queue,
            trainings=trainings,
            models=models,
            loras=loras,
            blend=blend,
            bank=bank,
            pads=pads,
            reserve=reserve,
            desk=desk,
            journal=journal,
            library=library,
            engine=engine,
            bus=bus,
            sounds=SoundFolders(home.sound_folders(settings.samples.folder)),
            folders={"datasets": home.datasets, "models": home.models},
        )
        midi = MidiTransport(core, settings.midi, home.midi)
        osc = await start_osc_server(
            core,
            midi,
            settings.osc.host,
            settings.osc.port,
            version=__version__,
            lease_seconds=settings.osc.lease_seconds,
        )
        stack.callback(osc.stop)
        # The page is started last and goes with the socket: both still tell how jobs ended.
        until_told = await stack.enter_async_context(AsyncExitStack())
        desk.load_first(settings.pads.kit)
        reserve.start()
        pads.start()
        stack.push_async_callback(reserve.stop)
        stack.push_async_callback(pads.stop)
        engine.start(queue)
        stack.push_async_callback(engine.stop)
        stack.push_async_callback(models.stop)
        # Before the engine and the socket go, so that every client still hears of its jobs' end.
        stack.callback(queue.shut_down)
        queue.restore(journal.unfinished())
        trainings.give_way(wanted=queue.waited_for)
        library.start()
        if settings.samples.keep_days:
            tidying = _tidy(library, home.trash, settings.samples.keep_days)
            stack.push_async_callback(_cancel, asyncio.create_task(tidying))
        midi.start()
        stack.push_async_callback(midi.stop)
        trainings.start()
        stack.push_async_callback(trainings.stop)
        if settings.training.automatic:
            watch = DatasetWatch(
                home.datasets,
                settings.training.settle_seconds,
                trainings.dataset_settled,
                polling=settings.training.polling,
            )
            await watch.start()
            stack.push_async_callback(watch.stop)
        web = await start_web(core, midi, settings, home, loras, samples)
        if not isinstance(web, str):
            until_told.push_async_callback(web.stop)
        log.info("daemon started", version=__version__, port=osc.port, samples=str(samples.folder))
        yield Daemon(core=core, engine=engine, osc=osc, midi=midi, web=web, samples=samples.folder)
        log.info("daemon stops")


async def _checkpoints(database: Path) -> None:
    while True:
        await asyncio.sleep(CHECKPOINT_SECONDS)
        await asyncio.to_thread(checkpoint, database)


async def _tidy(library: LivingLibrary, trash: Path, days: int) -> None:
    await library.settled.wait()
    while True:
        try:
            moved = await asyncio.to_thread(tidy, library.sounds, trash, days=days)
            if moved:
                log.info("old renders were moved", count=len(moved), trash=str(trash))
        except OneshotError as error:
            log.warning("old renders cannot be moved", error=str(error))
        await asyncio.sleep(TIDY_SECONDS)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


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


async def train_locally(
    folder: Path,
    name: str,
    settings: Settings,
    home: Home,
    on_event: Callable[[JobEvent], None],
    *,
    seed: int,
) -> None:
    """Train a LoRA on a folder without a daemon; the sounds of one that runs come first.

    Args:
        folder: of sounds, anywhere.
        name: of the LoRA.
        settings: what ``config.toml`` says.
        home: where models and LoRAs are.
        on_event: told every event; may raise to stop. The same call with the same seed goes on
            from there.
        seed: of the training.

    Raises:
        NotFoundError: no such model.
        BadArgumentsError: the name cannot be that of a folder.
    """
    ended, listen = _until_the_end(on_event)
    workshop = Workshop(
        settings=settings,
        model=find_model(settings.engine.model, home.models),
        loras=LoraStore(home.loras),
        folder=lambda _name: folder,
        seed=seed,
    )
    with closing(open_database(":memory:")) as connection:
        runs = TrainingRuns(workshop=workshop, journal=TrainingJournal(connection), emit=listen)
        runs.submit(name)
        runs.start()
        try:
            await ended
        finally:
            await runs.stop()


async def render_locally(
    requests: Sequence[GenerateRequest],
    settings: Settings,
    folder: Path,
    on_event: Callable[[JobEvent], None],
    *,
    home: Home,
    finish: FinishOptions | None = None,
    subtype: str | None = None,
    command: Sequence[str] | None = None,
) -> None:
    """Render without a daemon: the same engine and queue, nothing remembered.

    Args:
        requests: what to make, one after the other.
        settings: what ``config.toml`` says.
        folder: where the sounds go; its parent exists.
        on_event: told every event; may raise to stop.
        home: where models and LoRAs are looked for by name.
        finish: level, tail and length; by default as in ``settings``.
        subtype: sample format; by default as in ``settings``.
        command: another engine's command line, for tests.

    Raises:
        NotFoundError: no such model.
        EngineFailedError: the engine gave up.
    """
    if command is None:
        model = find_model(settings.engine.model, home.models)
        command = engine_command(settings.engine, home, model)
    ended, listen = _until_the_end(on_event, len(requests))
    bus = EventBus()
    bus.subscribe(listen)
    engine = Supervisor(
        command,
        finish=lambda request: finish or settings.samples.finish_options(request),
        subtype=subtype or settings.samples.subtype,
    )
    with closing(open_database(":memory:")) as connection:
        queue = JobQueue(
            renderer=engine,
            journal=Journal(connection),
            publisher=SamplesFolder(folder, settings.samples.name),
            bus=bus,
            limit=len(requests),
        )
        blend = Blend(connection, LoraStore(home.loras))
        for request in requests:
            if request.reshape is not None and not request.reshape.parents:
                request = describe_parents(
                    request, list(map(Path, request.parent_files)), has_lora=blend.has
                )
            queue.submit(blend.resolve(request).request)
        engine.start(queue)
        try:
            await ended
        finally:
            await engine.stop()
    if engine.state is EngineState.FAILED:
        raise EngineFailedError(engine.failure)


def _until_the_end(
    on_event: Callable[[JobEvent], None], jobs: int = 1
) -> tuple[asyncio.Future[None], Callable[[JobEvent], None]]:
    """A listener that passes events on, and a future that is done with the last terminal one."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    left = jobs

    def listen(event: JobEvent) -> None:
        nonlocal left
        if ended.done():
            return
        try:
            on_event(event)
        except BaseException as error:  # noqa: BLE001 - it is raised again by who awaits the end
            ended.set_exception(error)
            return
        if isinstance(event, Done | Failed | Cancelled):
            left -= 1
            if left == 0:
                ended.set_result(None)

    return ended, listen
