"""Starts the page in a daemon that answers OSC already: what it needs takes its time to load."""

import asyncio
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

import structlog

from oneshot_server.domain.core import Core
from oneshot_server.domain.midi import Midi
from oneshot_server.errors import AlreadyRunningError
from oneshot_server.library.home import Home
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.library.samples_folder import SamplesFolder
from oneshot_server.settings import Settings
from oneshot_server.transports.web.token import token_for

if TYPE_CHECKING:
    from oneshot_server.transports.web.server import WebServer

log = structlog.get_logger(__name__)

SERVER: Final = "oneshot_server.transports.web.server"
SWITCH_SECONDS: Final = 0.0005
"""After which a thread that makes a list or a picture lets the event loop run. A hit gives its turn
away at each of its system calls, and by Python's own 5 ms would wait as often for a busy thread."""


async def start_web(
    core: Core,
    midi: Midi,
    settings: Settings,
    home: Home,
    loras: LoraStore,
    samples: SamplesFolder,
) -> "WebServer | str":
    """Serve the page from now on.

    Returns:
        The server; or why there is none, for a daemon plays on without its page.

    Raises:
        BadArgumentsError: the host is no address of this machine.
        SettingsError: the settings' token is too short.
        ForbiddenError: the token cannot be kept.
    """
    if not settings.web.enabled:
        return "web.enabled is false"
    token = token_for(settings.web, home.web_token)
    await asyncio.to_thread(import_module, SERVER)
    from oneshot_server.transports.web.server import WebServer

    try:
        server = WebServer(
            core,
            midi,
            home=home,
            loras=loras,
            samples=samples,
            settings=settings.web,
            token=token,
        )
    except AlreadyRunningError as error:
        log.warning("there is no page", why=str(error))
        return str(error)
    sys.setswitchinterval(SWITCH_SECONDS)
    server.start()
    return server
