"""What the pads play now, remembered over a restart."""

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from oneshot_server.domain import parameters
from oneshot_server.domain.pads import PADS, PADS_IN_BANK, Kit, Pad
from oneshot_server.library.database import database_errors

log = structlog.get_logger(__name__)

KIT: Final = "kit"


class PadBank:
    """Sixty-four pads in the database.

    Args:
        connection: the library's database.

    Attributes:
        kit: name of the kit that was loaded or saved last; empty if there was none.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._pads = [Pad()] * PADS
        self._walked: dict[int, int] = {}
        with database_errors():
            self.kit = self.remembered(KIT)
            rows = connection.execute("SELECT number, pad, walked FROM pads").fetchall()
        for number, text, walked in rows:
            try:
                self._pads[number] = msgspec.json.decode(text, type=Pad)
            except (msgspec.MsgspecError, IndexError):
                log.exception("a pad cannot be read and is empty now", pad=number)
            if walked is not None:
                self._walked[number] = walked

    @property
    def untouched(self) -> bool:
        """Whether no kit was ever loaded and no pad set."""
        return not self.kit and all(pad.empty for pad in self._pads)

    @property
    def pads(self) -> Sequence[Pad]:
        """All of them."""
        return self._pads

    def pad(self, number: int) -> Pad:
        """What a pad plays.

        Raises:
            BadArgumentsError: no pad has this number.
        """
        parameters.PAD.check(number)
        return self._pads[number]

    def set(self, number: int, pad: Pad) -> None:
        """Change a pad.

        Raises:
            DiskFullError: no space left to remember it.
            ForbiddenError: the database cannot be written.
        """
        parameters.PAD.check(number)
        if pad.seed != self._pads[number].seed:  # a walk from there begins anew
            self._walked.pop(number, None)
        with database_errors():
            self._write(number, pad)
        self._pads[number] = pad

    def load(self, kit: Kit, bank: int | None) -> None:
        """Put a kit on all pads, or its first sixteen pads on those of a bank.

        Raises:
            DiskFullError: no space left to remember it.
            ForbiddenError: the database cannot be written.
        """
        first = 0 if bank is None else bank * PADS_IN_BANK
        count = PADS if bank is None else PADS_IN_BANK
        new = {first + place: kit.pad(place) for place in range(count)}
        with database_errors(), self._connection:
            self._connection.execute("BEGIN")
            for number, pad in new.items():
                self._walked.pop(number, None)
                self._write(number, pad)
            self.remember(KIT, kit.name)
        for number, pad in new.items():
            self._pads[number] = pad
        self.kit = kit.name

    def to_kit(self, name: str) -> Kit:
        """The pads as a kit."""
        pads = {number: pad for number, pad in enumerate(self._pads) if not pad.empty}
        return Kit(name=name, pads=pads)

    def rename(self, name: str) -> None:
        """The kit on the pads is called so from now on."""
        with database_errors():
            self.remember(KIT, name)
        self.kit = name

    def walked(self, number: int) -> int | None:
        """Seed of the last sound of a pad that walks; ``None`` before its first."""
        return self._walked.get(number)

    def walk(self, number: int, seed: int) -> None:
        """The pad has walked to a seed. A disk that is full is no reason not to."""
        self._walked[number] = seed
        try:
            self._connection.execute("UPDATE pads SET walked = ? WHERE number = ?", (seed, number))
        except sqlite3.Error as error:
            log.warning("a walk is not remembered", pad=number, error=str(error))

    def remember(self, name: str, value: str) -> None:
        """Keep a value over a restart; ``remembered`` has it."""
        self._connection.execute("INSERT OR REPLACE INTO remembered VALUES (?, ?)", (name, value))

    def remembered(self, name: str) -> str:
        """What was to be remembered; empty for nothing."""
        row = self._connection.execute("SELECT value FROM remembered WHERE name = ?", (name,))
        found = row.fetchone()
        return str(found[0]) if found else ""

    def _write(self, number: int, pad: Pad) -> None:
        text = msgspec.json.encode(pad).decode()
        self._connection.execute(
            "INSERT OR REPLACE INTO pads VALUES (?, ?, ?)",
            (number, text, self._walked.get(number)),
        )
