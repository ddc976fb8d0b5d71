"""Which LoRAs a job is rendered with: those it names, else the standing blend."""

import sqlite3
from dataclasses import dataclass, replace
from typing import Protocol

from oneshot_server.domain.lora_card import LoraCard
from oneshot_server.domain.requests import GenerateRequest, LoraWeight
from oneshot_server.errors import ModelError, NotFoundError
from oneshot_server.library.database import database_errors


class Versions(Protocol):
    """What is asked of ``library.lora_store.LoraStore``."""

    def names(self) -> list[str]:
        """Every LoRA."""
        ...

    def live_version(self, name: str) -> int | None:
        """The version that ``name`` alone means; ``None`` if there is none."""
        ...

    def adapter(self, name: str, version: int) -> object:
        """The weights' file.

        Raises:
            NotFoundError: no such LoRA or version.
        """
        ...

    def card(self, name: str, version: int) -> LoraCard | None:
        """What is known of a version; ``None`` for another tool's file.

        Raises:
            ModelError: its ``oneshot.json`` is missing or damaged.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What a request became.

    Attributes:
        request: with its LoRAs and their versions.
        left_out: LoRAs of the standing blend that are for another base model.
    """

    request: GenerateRequest
    left_out: tuple[str, ...] = ()


class Blend:
    """The standing blend, remembered in the database, and the versions that names mean now.

    Args:
        connection: the library's database.
        versions: the LoRAs that there are.
    """

    def __init__(self, connection: sqlite3.Connection, versions: Versions) -> None:
        self._connection = connection
        self._versions = versions

    def standing(self) -> tuple[LoraWeight, ...]:
        """LoRAs of requests that name none, by name."""
        with database_errors():
            rows = self._connection.execute("SELECT lora, weight FROM blend ORDER BY lora")
            return tuple(LoraWeight(name=name, weight=weight) for name, weight in rows)

    def set(self, name: str, weight: float) -> None:
        """Change one weight of the standing blend; 0 takes the LoRA out.

        Raises:
            NotFoundError: no such LoRA.
        """
        with database_errors():
            if weight == 0.0:
                self._connection.execute("DELETE FROM blend WHERE lora = ?", (name,))
                return
            self._live(name)
            self._connection.execute("INSERT OR REPLACE INTO blend VALUES (?, ?)", (name, weight))

    def resolve(self, request: GenerateRequest, *, base_hash: str = "") -> Resolved:
        """The request with its LoRAs and their versions: what comes later does not change it.

        A LoRA of another base model is left to the engine, which refuses it, if the request names
        it; one of the standing blend is left out, for a blend outlives a change of the model.

        Args:
            request: as it came.
            base_hash: SHA-256 of the base model; empty where it is not known yet.

        Raises:
            NotFoundError: a LoRA or a version that the request names does not exist.
        """
        named = [self._resolved(lora) for lora in request.loras]
        left_out: list[str] = []
        if request.replay is None and not named:
            # One that was taken away since does not end every job: only who names it is told.
            names = set(self._versions.names())
            for lora in (self._resolved(lora) for lora in self.standing() if lora.name in names):
                if self._fits(lora, base_hash):
                    named.append(lora)
                else:
                    left_out.append(lora.name)
        return Resolved(request=replace(request, loras=tuple(named)), left_out=tuple(left_out))

    def has(self, lora: LoraWeight) -> bool:
        """Whether there is such a LoRA, of the version that it names."""
        try:
            self._resolved(lora)
        except NotFoundError:
            return False
        return True

    def _fits(self, lora: LoraWeight, base_hash: str) -> bool:
        """Whether it may be for this base model; another tool's file does not say."""
        assert lora.version is not None
        try:
            card = self._versions.card(lora.name, lora.version)
        except ModelError:
            return True  # the engine says what is wrong with it
        return not base_hash or card is None or card.base_hash == base_hash

    def _resolved(self, lora: LoraWeight) -> LoraWeight:
        if lora.version is None:
            return replace(lora, version=self._live(lora.name))
        self._versions.adapter(lora.name, lora.version)
        return lora

    def _live(self, name: str) -> int:
        version = self._versions.live_version(name)
        if version is None and name in self._versions.names():
            raise NotFoundError(
                f'no version of the LoRA "{name[:80]}" is live, expected one that is, or a '
                f"number, as in {name[:80]}@1: its versions were held or taken away"
            )
        if version is None:
            known = ", ".join(self._versions.names()) or "there is none yet"
            raise NotFoundError(f'no LoRA is named "{name[:80]}", expected one of: {known}')
        return version
