"""Ask a running daemon to render, as any client does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from oneshot_server.cli.addresses import reachable
from oneshot_server.client import GenerateKeys, Job, Oneshot
from oneshot_server.client.keys import Item, key_arguments
from oneshot_server.domain.events import JobEvent
from oneshot_server.domain.parameters import QUALITY
from oneshot_server.domain.requests import GenerateRequest, show_loras
from oneshot_server.domain.reshape import Inpaint, Morph, Vary
from oneshot_server.errors import NoAnswerError
from oneshot_server.library.home import Home
from oneshot_server.settings import Settings


@contextmanager
def daemon_of(home: Home, settings: Settings) -> Iterator[Oneshot | None]:
    """The daemon that holds the home, if it answers; another home's puts its sounds elsewhere."""
    daemon = None
    if running := home.running():
        host, port = running.address or (settings.osc.host, settings.osc.port)
        try:
            daemon = Oneshot(reachable(host), port)
        except NoAnswerError:  # a name that leads nowhere
            daemon = None
    if daemon is None:
        yield None
        return
    with daemon:
        yield daemon if daemon.answers() else None


def render_by_daemon(
    daemon: Oneshot, request: GenerateRequest, listener: Callable[[JobEvent], None]
) -> None:
    """Have a request rendered and pass on its events; returns when it has ended.

    Raises:
        OneshotError: the daemon refused, or fell silent.
    """
    address, arguments = request_to_message(request)
    follow(daemon.begin(address, *arguments), listener)


def follow(job: Job[Item], listener: Callable[[JobEvent], None]) -> None:
    """Pass on a job's events; whatever ends this early, Ctrl-C too, cancels it."""
    with job:
        for event in job.events():
            listener(event)


def request_to_message(request: GenerateRequest) -> tuple[str, list[float | str]]:
    """The address of what makes sounds from words or from sounds, and what follows its id."""
    keys = key_arguments(request_to_keys(request))
    prompt = ["prompt", request.prompt] if request.prompt else []
    files = request.parent_files
    match request.reshape:
        case Vary(strength=amount):
            return "/oneshot/vary", [*files, amount, *keys, *prompt]
        case Morph(t=amount):
            return "/oneshot/morph", [*files, amount, *keys, *prompt]
        case Inpaint(keep=keep, split=split):
            return "/oneshot/inpaint", [*files, keep, *keys, "split", split, *prompt]
    return "/oneshot/generate", [request.prompt, *keys]


def request_to_keys(request: GenerateRequest) -> GenerateKeys:
    """The keys of ``/oneshot/generate`` that say what the request says."""
    keys = {
        "count": request.count,
        "seed": request.seed,
        "steps": request.steps,
        "guidance": request.guidance,
        "sampler": request.sampler,
        "quality": request.quality if request.quality != QUALITY.default else None,
        "negative": request.negative or None,
        "lora": show_loras(request.loras) or None,
        "seconds": request.seconds,
        "tune": request.tune,
        "level": request.level,
        "width": request.width,
        "walk": request.walk,
        "novelty": request.novelty,
    }
    # The names and types are the request's, a test says so.
    return cast("GenerateKeys", {key: value for key, value in keys.items() if value is not None})
