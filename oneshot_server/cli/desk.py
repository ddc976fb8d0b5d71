"""The pads of a home: by the daemon that holds it, or in its database if none runs."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Protocol

import structlog

from oneshot_server.cli.by_daemon import daemon_of
from oneshot_server.client import Oneshot
from oneshot_server.domain.pads import Pad, Value
from oneshot_server.jobs.kit_desk import KitDesk
from oneshot_server.jobs.pad_bank import PadBank
from oneshot_server.library.database import open_database
from oneshot_server.library.home import Home
from oneshot_server.library.kit_store import KitStore
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.settings import load_settings


class Desk(Protocol):
    """What can be done to the pads."""

    def set_pad(self, number: int, key: str, value: Value) -> None:
        """Change a pad."""
        ...

    def load(self, name: str, bank: int | None) -> None:
        """Put a kit on the pads."""
        ...

    def save(self, name: str) -> None:
        """Save the pads as a kit."""
        ...

    def rename(self, name: str, new_name: str) -> None:
        """Rename a kit."""
        ...


class _DaemonsDesk:
    def __init__(self, daemon: Oneshot) -> None:
        self._daemon = daemon

    def set_pad(self, number: int, key: str, value: Value) -> None:
        self._daemon.ask("/oneshot/pad/set", number, key, value)

    def load(self, name: str, bank: int | None) -> None:
        keys: tuple[int | str, ...] = () if bank is None else ("bank", bank)
        self._daemon.ask("/oneshot/kit/load", name, *keys)

    def save(self, name: str) -> None:
        self._daemon.ask("/oneshot/kit/save", name)

    def rename(self, name: str, new_name: str) -> None:
        self._daemon.ask("/oneshot/kit/rename", name, new_name)


@contextmanager
def desk_of(home: Home) -> Iterator[Desk]:
    """The desk at which the pads of a home are changed."""
    settings = load_settings(home.config)
    with daemon_of(home, settings) as daemon:
        if daemon is not None:
            yield _DaemonsDesk(daemon)
            return
    home.create()
    # What a daemon would log is no news for a terminal.
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    with closing(open_database(home.database)) as connection:
        desk = KitDesk(PadBank(connection), KitStore(home.kits), LoraStore(home.loras))
        desk.load_first(settings.pads.kit)
        yield desk


def read_pads(home: Home) -> tuple[str, list[tuple[Pad, str]]]:
    """Name of the kit; each pad, and its reserve in words if a daemon runs."""
    with desk_of(home):  # a new home gets its first kit
        pass
    settings = load_settings(home.config)
    levels: dict[str, str] = {}
    with daemon_of(home, settings) as daemon:
        if daemon is not None:
            for _, (_, _, number, detail) in daemon.ask("/oneshot/list", "pads"):
                levels[str(number)] = str(detail).rpartition("reserve ")[2]
    with closing(open_database(home.database)) as connection:
        bank = PadBank(connection)
    return bank.kit, [(pad, levels.get(str(n), "")) for n, pad in enumerate(bank.pads)]
