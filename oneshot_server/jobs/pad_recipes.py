"""What a pad's sounds depend on, as a hash: two sounds of one hash differ by their seeds alone."""

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import msgspec

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.pads import Pad
from oneshot_server.domain.requests import GenerateRequest, LoraWeight
from oneshot_server.errors import OneshotError

KEY_DIGITS: Final = 16

_Blend = tuple[tuple[LoraWeight, ...], tuple[tuple[int, int], ...]]
"""LoRAs, and when their files were changed and how long they are."""


class Adapters(Protocol):
    """What is asked of ``library.lora_store.LoraStore``."""

    def adapter(self, name: str, version: int) -> Path:
        """The weights' file.

        Raises:
            NotFoundError: no such LoRA or version.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class PadRecipe:
    """What is rendered for a pad.

    Attributes:
        number: of the pad; several may have the same recipe.
        key: hash of all that the sounds depend on but the seed.
        request: its LoRAs resolved to versions; its seed is to be chosen, unless it is fixed.
        seed_policy: ``new``, ``fixed`` or ``walk``.
        group: sounds of the same group can be rendered in one batch.
    """

    number: int
    key: str
    request: GenerateRequest
    seed_policy: str
    group: Hashable


class PadRecipes:
    """Works out recipes.

    Args:
        resolve: fills in LoRAs and their versions; raises NotFoundError.
        adapters: knows the LoRAs' files.
        finish: level, tail and length of a request.
        subtype: sample format of the files.
    """

    def __init__(
        self,
        *,
        resolve: Callable[[GenerateRequest], GenerateRequest],
        adapters: Adapters,
        finish: Callable[[GenerateRequest], FinishOptions],
        subtype: str,
    ) -> None:
        self._resolve = resolve
        self._adapters = adapters
        self._finish = finish
        self._subtype = subtype
        self._known: dict[int, tuple[tuple[Pad, _Blend, str], PadRecipe]] = {}

    def of(self, pads: Sequence[Pad], model_hash: str) -> dict[int, PadRecipe]:
        """Recipes by the pads' numbers; none for an empty pad, nor for one whose LoRA is missing.

        Args:
            pads: all of them.
            model_hash: SHA-256 of the model.
        """
        blends: dict[str, _Blend | None] = {}
        recipes = {}
        for number, pad in enumerate(pads):
            if pad.empty:
                continue
            if pad.lora not in blends:
                blends[pad.lora] = self._blend(pad)
            blend = blends[pad.lora]
            if blend is None:
                continue
            made_from = (pad, blend, model_hash)
            known = self._known.get(number)
            if known is None or known[0] != made_from:
                known = self._known[number] = (made_from, self._recipe(number, *made_from))
            recipes[number] = known[1]
        return recipes

    def _blend(self, pad: Pad) -> "_Blend | None":
        try:
            loras = self._resolve(pad.request(seed=pad.seed)).loras
            return loras, tuple(self._fingerprint(lora) for lora in loras)
        except (OneshotError, OSError):
            return None

    def _recipe(self, number: int, pad: Pad, blend: "_Blend", model_hash: str) -> PadRecipe:
        loras, files = blend
        request = replace(pad.request(seed=pad.seed), loras=loras)
        if request.quality == "draft-then-best":  # nobody waits, so there is no need of a draft
            request = replace(request, quality="best")
        walks = pad.seed_policy == "walk"
        content = msgspec.json.encode(
            (
                # A seed of its own is another sound only where it is fixed or where a walk begins.
                request if pad.seed_policy != "new" else replace(request, seed=0),
                number if walks else None,  # each pad goes its own way
                pad.seed_policy,
                self._finish(request),
                self._subtype,
                model_hash,
                files,
            )
        )
        return PadRecipe(
            number=number,
            key=hashlib.sha256(content).hexdigest()[:KEY_DIGITS],
            request=request,
            seed_policy=pad.seed_policy,
            group=request.sampling,
        )

    def _fingerprint(self, lora: LoraWeight) -> tuple[int, int]:
        """Another tool's file has no versions: it may be replaced by another of the same name."""
        assert lora.version is not None
        status = self._adapters.adapter(lora.name, lora.version).stat()
        return status.st_mtime_ns, status.st_size
