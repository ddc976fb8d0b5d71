"""Checks of the home: its settings, model, folders, disk and port."""

import os
import shutil
import socket
from pathlib import Path
from typing import Final

from oneshot_server.cli.check import Check, failure, ok, warning
from oneshot_server.errors import ModelError, NotFoundError, OneshotError, SettingsError
from oneshot_server.library.home import Home
from oneshot_server.library.samples_folder import SamplesFolder
from oneshot_server.settings import Settings, load_settings

LITTLE_BYTES: Final = 1_000_000_000
NO_BYTES: Final = 50_000_000


def check_config(home: Home) -> tuple[Check, Settings]:
    """The settings; all defaults if they are broken."""
    try:
        settings = load_settings(home.config)
    except SettingsError as error:
        return failure("config", str(error), f"mend it, or move {home.config} away"), Settings()
    said = home.config if home.config.exists() else f"none in {home.root} yet: all defaults"
    return ok("config", str(said)), settings


def check_model(home: Home, settings: Settings) -> Check:
    """Whether the model is there and undamaged."""
    from oneshot_server.pipeline.model_folder import find_model, hash_model, read_card

    name = settings.engine.model
    try:
        folder = find_model(name, home.models)
        card = read_card(folder)
        digest = hash_model(folder)
    except NotFoundError as error:
        return failure("model", str(error), "change engine.model in config.toml")
    except ModelError as error:
        return failure("model", str(error), "install the model, or oneshot-server, again")
    except OSError as error:
        return failure("model", f"{name} cannot be read: {error}", "install the model again")
    return ok("model", f"{card.name} {digest[:12]} in {folder}")


def check_folders(home: Home, settings: Settings) -> Check:
    """Whether the home and the samples folder can be written."""
    samples = home.samples_folder(settings.samples.folder)
    if not home.root.exists():
        parent = _nearest(home.root)
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            return failure("folders", f"{parent} cannot be written", "choose another with --home")
        return ok("folders", f"{home.root} will be made on the first start")
    for folder in (home.root, samples):
        try:
            SamplesFolder(folder).check()
        except OneshotError as error:
            return failure("folders", str(error), "give it the rights, or choose another")
    return ok("folders", f"sounds appear in {samples}")


def check_disk(home: Home, settings: Settings) -> Check:
    """Free space where the sounds go."""
    folder = _nearest(home.samples_folder(settings.samples.folder))
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.1f} GB free for {folder}"
    if free < NO_BYTES:
        return failure("disk", text, "free some space, or change samples.folder")
    if free < LITTLE_BYTES:
        return warning("disk", text, "free some space soon")
    return ok("disk", text)


def check_port(home: Home, settings: Settings) -> Check:
    """Whether the daemon runs, or its port is free for it."""
    host, port = settings.osc.host, settings.osc.port
    if daemon := home.running():
        return ok("port", f"a daemon is running in this home (process {daemon.pid or 'unknown'})")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        return failure(
            "port",
            f"UDP {host}:{port} cannot be had: {error}",
            "stop the program that has it, or change osc.host or osc.port in config.toml",
        )
    return ok("port", f"UDP {host}:{port} is free; no daemon is running in this home")


def check_page(home: Home, settings: Settings) -> Check:
    """Whether the page is served, or its port is free for it."""
    host, port = settings.web.host, settings.web.port
    if not settings.web.enabled:
        return ok("page", "not served: web.enabled = false")
    if home.running():
        return ok("page", "a daemon is running in this home, and says where its page is")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except (OSError, UnicodeError) as error:
        return warning(
            "page",
            f"TCP {host}:{port} cannot be had: {error}",
            "the daemon plays without its page; or change web.host or web.port in config.toml",
        )
    return ok("page", f"TCP {host}:{port} is free")


def _nearest(folder: Path) -> Path:
    """The folder, or the deepest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())
