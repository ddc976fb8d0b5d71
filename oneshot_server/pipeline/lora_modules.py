"""The modules of a loaded model that a LoRA's names mean."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from diffusers.loaders.lora_conversion_utils import (
    _convert_unet_lora_key,
    _maybe_map_sgm_blocks_to_diffusers,
)
from diffusers.utils.state_dict_utils import convert_unet_state_dict_to_peft

from oneshot_server.errors import ModelError
from oneshot_server.pipeline.lora_file import LoraFile, LoraModule, Part, name_keys
from oneshot_server.pipeline.model import Model


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """A module of the model, and what a LoRA adds to it.

    Attributes:
        key: part and name of the module in the model.
        weight: the module's parameter itself.
        lora: what is added.
    """

    key: str
    weight: torch.Tensor
    lora: LoraModule

    def delta(self) -> torch.Tensor:
        """The product scale * up @ down in the weight's shape, single precision, on its device."""
        device = self.weight.device
        up = self.lora.up.to(device, torch.float32).flatten(1)
        down = self.lora.down.to(device, torch.float32).flatten(1)
        return (up @ down).mul_(self.lora.scale).view(self.weight.shape)


class ModelModules:
    """Finds modules by the names that LoRA files have for them.

    Args:
        model: loaded; its parts are first looked at when the first LoRA comes.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def targets(self, file: LoraFile) -> list[Target]:
        """All modules that a LoRA changes; those of the UNet in the one for few steps, too.

        Raises:
            ModelError: the model has no such modules, or of other shapes; the text names the
                file, the keys, and what was expected.
        """
        found: list[Target] = []
        missing: list[str] = []
        for lora in file.modules:
            key = self._find(lora)
            if key is None:
                missing.append(f"{lora.part} {lora.name}")
                continue
            weight = self._weights[lora.part][key]
            if not _fits(lora, weight):
                raise ModelError(
                    f"{file.path}: {lora.part} {lora.name} is for {len(lora.up)} by "
                    f"{tuple(lora.down.shape[1:])}, but in the model {self._model.card.name} it "
                    f"has {tuple(weight.shape)}: expected a LoRA of that model"
                )
            found.append(Target(key=f"{lora.part}.{key}", weight=weight, lora=lora))
            if lora.part == "unet" and key in self._distilled:
                other = self._distilled[key]
                found.append(Target(key=f"distilled_unet.{key}", weight=other, lora=lora))
        if missing:
            raise ModelError(
                f"{file.path} is for modules that the model {self._model.card.name} has not: "
                f"{name_keys(missing)}, expected a LoRA of that model"
            )
        return found

    @cached_property
    def _weights(self) -> dict[Part, dict[str, torch.Tensor]]:
        return {
            "unet": _weights(self._model.unet),
            "text_encoder": _weights(self._model.text_encoder),
        }

    @cached_property
    def _distilled(self) -> dict[str, torch.Tensor]:
        """Of the UNet for few steps, which has the names and shapes of the other one."""
        unet = self._model.distilled_unet
        return {} if unet is None else _weights(unet)

    @cached_property
    def _flat(self) -> dict[Part, dict[str, str]]:
        """Flattened name to name, where that is unambiguous."""
        table: dict[Part, dict[str, str]] = {}
        for part, weights in self._weights.items():
            count = Counter(_flatten(name) for name in weights)
            table[part] = {_flatten(name): name for name in weights if count[_flatten(name)] == 1}
        return table

    def _find(self, lora: LoraModule) -> str | None:
        if not lora.flat and lora.name in self._weights[lora.part]:
            return lora.name
        known = self._flat[lora.part]
        name = known.get(_flatten(lora.name))
        if name is None and lora.flat and lora.part == "unet":
            name = known.get(_flatten(_original_to_diffusers(lora.name, self._model.unet.config)))
        return name


def _weights(part: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {
        name: module.weight
        for name, module in part.named_modules()
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d)
    }


def _flatten(name: str) -> str:
    """Underscores for dots; without the level that transformers 5 took out of CLIP."""
    return name.replace(".", "_").removeprefix("text_model_")


def _original_to_diffusers(
    name: str,
    config: Any,  # noqa: ANN401 - diffusers is untyped
) -> str:
    """A name of Stable Diffusion's first code, ``input_blocks_1_1_…``, as diffusers has it."""
    if name.startswith("output_blocks_") and name.endswith("_1_conv"):
        # Where a block has no attention, its upsampler moves up; diffusers' table knows only 2.
        name = f"{name.removesuffix('_1_conv')}_2_conv"
    key = f"lora_unet_{name}.lora_down.weight"
    try:
        # One key at a time: of several, those of block 10 would be taken for block 1's.
        (key,) = _maybe_map_sgm_blocks_to_diffusers({key: None}, config)
        (key,) = convert_unet_state_dict_to_peft({_convert_unet_lora_key(key): None})
    except (ValueError, IndexError, KeyError):
        return name
    return str(key).removesuffix(".lora_A.weight")


def _fits(lora: LoraModule, weight: torch.Tensor) -> bool:
    """Whether up @ down has the weight's shape; a 1x1 convolution may be written as linear."""
    rows, columns = weight.shape[:2]
    window = tuple(weight.shape[2:]) or (1, 1)
    return len(lora.up) == rows and (*lora.down.shape[1:], 1, 1)[:3] == (columns, *window)
