"""Kits onto the pads and back, with a daemon or without."""

import structlog

from oneshot_server.domain.pads import Value
from oneshot_server.domain.requests import parse_loras
from oneshot_server.errors import NotFoundError, OneshotError
from oneshot_server.jobs.blend import Versions
from oneshot_server.jobs.pad_bank import PadBank
from oneshot_server.library.kit_store import KitStore

log = structlog.get_logger(__name__)


class KitDesk:
    """Pads, and the kits that they come from.

    Args:
        bank: knows what the pads play.
        kits: knows the kits.
        loras: knows the LoRAs.
    """

    def __init__(self, bank: PadBank, kits: KitStore, loras: Versions) -> None:
        self._bank = bank
        self._kits = kits
        self._loras = loras

    def set_pad(self, number: int, key: str, value: Value) -> None:
        """Change a pad; see ``domain.core.Core``."""
        pad = self._bank.pad(number).with_value(key, value)
        names = self._loras.names() if key == "lora" else []
        for lora in parse_loras(pad.lora) if key == "lora" else ():
            if lora.name not in names:
                known = ", ".join(names) or "there is none yet"
                raise NotFoundError(
                    f'no LoRA is named "{lora.name[:80]}", expected one of: {known}'
                )
        self._bank.set(number, pad)

    def load(self, name: str, bank: int | None) -> None:
        """Load a kit; see ``domain.core.Core``."""
        self._bank.load(self._kits.read(name), bank)

    def load_first(self, name: str) -> None:
        """Put a kit on pads that nobody has touched yet; a broken one is no reason not to start."""
        if not name or not self._bank.untouched:
            return
        try:
            self.load(name, None)
        except OneshotError as error:
            log.warning("the pads stay empty", why=str(error))

    def save(self, name: str) -> None:
        """Save the pads as a kit; see ``domain.core.Core``."""
        kept = self._kits.save(self._bank.to_kit(name))
        if kept is not None:
            log.info("a kit was saved over", kit=name, the_old_one=str(kept))
        self._bank.rename(name)

    def rename(self, name: str, new_name: str) -> None:
        """Rename a kit; see ``domain.core.Core``."""
        self._kits.rename(name, new_name)
        if self._bank.kit == name:
            self._bank.rename(new_name)

    def describe(self, name: str) -> str:
        """A kit in a few words: whether it is on the pads, and where it is from."""
        source = "built in" if self._kits.is_built_in(name) else "your own"
        return f"loaded; {source}" if name == self._bank.kit else source

    def names(self) -> list[str]:
        """Every kit, sorted."""
        return self._kits.names()
