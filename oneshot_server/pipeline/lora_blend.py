"""LoRAs in the live weights of a model: W + sum(weight * scale * up @ down)."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

import torch

from oneshot_server.domain.lora_card import LoraCard
from oneshot_server.errors import ModelError, ProfileMismatchError
from oneshot_server.pipeline.lora_file import LoraFile
from oneshot_server.pipeline.lora_modules import ModelModules
from oneshot_server.pipeline.model import Model

MOST_BLENDS: Final = 4
MOST_BYTES: Final = 256 * 1024**2
SHOWN_DIGITS: Final = 12

Key = tuple[tuple[str, float], ...]
Weights = Mapping[str, torch.Tensor]


class LoraBlender:
    """Fuses LoRAs into a model, so that a render with them takes no longer than one without.

    Always from the base's own weights, in an order of its own: what was there before does not
    matter, nor in which order a blend is named. The last few blends are kept where they are small.

    Args:
        model: the model; its UNets and text encoder are changed in place.
        most_blends: fused blends that are kept at the most.
        most_bytes: memory that they may take together.
    """

    def __init__(
        self, model: Model, *, most_blends: int = MOST_BLENDS, most_bytes: int = MOST_BYTES
    ) -> None:
        self._modules = ModelModules(model)
        self._most_blends = most_blends
        self._most_bytes = most_bytes
        self._parameters: dict[str, torch.Tensor] = {}
        self._base: dict[str, torch.Tensor] = {}
        self._kept: OrderedDict[Key, Weights] = OrderedDict()
        self._applied: Key = ()

    @torch.no_grad()
    def apply(self, blend: Sequence[tuple[LoraFile, float]]) -> None:
        """Put a blend into the model in place of the one that is there; none restores the base.

        Args:
            blend: LoRAs and how much of each.

        Raises:
            ModelError: a LoRA does not fit; the model is as it was before the call.
        """
        terms = sorted(
            ((file, float(weight)) for file, weight in blend if weight != 0.0),
            key=lambda term: (term[0].sha256, term[1]),
        )
        key = tuple((file.sha256, weight) for file, weight in terms)
        if key == self._applied:
            return
        weights = self._kept.get(key)
        if weights is None:
            weights = self._fuse(terms)
            self._keep(key, weights)
        else:
            self._kept.move_to_end(key)
        for name, base in self._base.items():
            # The base's own tensor, never what is left of it after subtracting.
            self._parameters[name].data = weights.get(name, base)
        self._applied = key

    def _fuse(self, terms: Sequence[tuple[LoraFile, float]]) -> Weights:
        """Every weight that the blend changes; summed in single precision."""
        targets = [
            (target, weight) for file, weight in terms for target in self._modules.targets(file)
        ]
        sums: dict[str, torch.Tensor] = {}
        for target, weight in targets:
            if target.key not in self._base:
                # Nothing has changed it yet.
                self._parameters[target.key] = target.weight
                self._base[target.key] = target.weight.data
            if target.key not in sums:
                sums[target.key] = self._base[target.key].to(torch.float32, copy=True)
            sums[target.key].add_(target.delta(), alpha=weight)
        return {name: total.to(self._base[name].dtype) for name, total in sums.items()}

    def _keep(self, key: Key, weights: Weights) -> None:
        """Keep a fused blend, and let the oldest go; the base needs no keeping."""
        if not key or _nbytes(weights) > self._most_bytes:
            return
        self._kept[key] = weights
        while (
            len(self._kept) > self._most_blends
            or sum(_nbytes(kept) for kept in self._kept.values()) > self._most_bytes
        ):
            self._kept.popitem(last=False)


def check_card(card: LoraCard, model: Model) -> None:
    """Refuse a LoRA that was trained on another model.

    Raises:
        ProfileMismatchError: on one of another mel profile; both names are in the text.
        ModelError: on another one; both names are in the text.
    """
    here, name = model.card, f'LoRA "{card.name}" version {card.version}'
    if card.profile != here.profile:
        raise ProfileMismatchError(
            f"{name} is for the mel profile {card.profile.name} of the model {card.base_model}, "
            f"but the model {here.name} has {here.profile.name}"
            f"{' with other numbers' if card.profile.name == here.profile.name else ''}"
        )
    if card.base_hash != model.hash:
        raise ModelError(
            f"{name} was trained on {card.base_model} (SHA-256 {card.base_hash[:SHOWN_DIGITS]}…), "
            f"but the model that is loaded is {here.name} ({model.hash[:SHOWN_DIGITS]}…): "
            "train it again on that one"
        )


def _nbytes(weights: Weights) -> int:
    return sum(tensor.nbytes for tensor in weights.values())
