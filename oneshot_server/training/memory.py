"""How much memory a training will need, counted before it starts.

The UNet's forward pass is run on tensors that have shapes and no contents, and what autograd would
keep for the backward pass is added up.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psutil
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from oneshot_server.pipeline.model import Model
from oneshot_server.training.adapter import TEXT_TARGETS, find_targets
from oneshot_server.training.spec import TrainingPlan

UNITS: Final = ("ResnetBlock2D", "BasicTransformerBlock")
"""What diffusers forgets and computes again with gradient checkpointing, one at a time."""

DECODED_CHANNELS: Final = 4
"""How many of an autoencoder's widest full-size layers are in memory at once while it decodes."""

BACKWARD: Final = 2.4
"""A step's memory over what the forward pass keeps: gradients, and the kernels' own room. Measured
with Stable Diffusion 1.5 on a CPU by ``benchmarks.sd_training``; other devices differ."""

RUNTIME_BYTES: Final = 600_000_000  # Python, torch, its kernels and the files that are being read
ADAM_BYTES: Final = {"adamw": 8, "adamw8bit": 2}


@dataclass(frozen=True, kw_only=True)
class Activations:
    """What one sound's forward pass keeps for its backward pass, bytes.

    Attributes:
        whole: everything.
        checkpointed: with gradient checkpointing, the largest unit's recomputation included.
    """

    whole: int
    checkpointed: int


@dataclass(frozen=True, kw_only=True)
class MemoryNeed:
    """What a training needs, bytes.

    Attributes:
        weights: of the model.
        adapter: of the LoRA, its gradients and the optimiser's state.
        activations: that the forward pass keeps of the sounds that are trained on at once.
        listening: to render sounds in between and decode them.
    """

    weights: int
    adapter: int
    activations: int
    listening: int

    @property
    def total(self) -> int:
        """At the worst moment."""
        working = max(round(BACKWARD * self.activations), self.listening)
        return RUNTIME_BYTES + self.weights + self.adapter + working


def free_bytes(device: torch.device) -> int:
    """Memory that is free on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    return int(psutil.virtual_memory().available)


def memory_need(
    model: Model, plan: TrainingPlan, activations: Activations, dtype: torch.dtype
) -> MemoryNeed:
    """What a training needs.

    Args:
        model: loaded.
        plan: with a micro-batch and whether there is checkpointing.
        activations: of the same model and plan.
        dtype: that the UNet's own weights are held in.
    """
    parts = (model.unet, model.text_encoder, model.vae)
    counts = [sum(p.numel() for p in part.parameters()) for part in parts]
    width = torch.empty(0, dtype=dtype).element_size()
    trained = sum(
        plan.rank * (len(weight) + weight[0].numel())
        for part, names in _trained(model, plan)
        for name, weight in _weights(part).items()
        if name in names
    )
    sound = activations.checkpointed if plan.checkpointing == "on" else activations.whole
    image = model.card.profile.mels * model.card.profile.frames
    widest = max(model.vae.config.get("block_out_channels", [1])[:2])
    return MemoryNeed(
        weights=counts[0] * width + sum(counts[1:]) * 4,
        adapter=trained * (8 + ADAM_BYTES[plan.optimiser]),
        activations=min(plan.micro_batch, plan.batch) * sound,
        listening=plan.micro_batch * DECODED_CHANNELS * widest * image * 4,
    )


def count_activations(
    model: Model, plan: TrainingPlan, autocast: torch.dtype | None
) -> Activations:
    """Count what one sound's forward pass keeps.

    Args:
        model: loaded; it is not touched.
        plan: which modules are trained.
        autocast: precision of the products, ``None`` for single.
    """
    keeper = _Keeper()
    with FakeTensorMode(), torch.random.fork_rng(devices=[]):
        unet = type(model.unet).from_config(model.unet.config)
        text = type(model.text_encoder)(model.text_encoder.config) if plan.text_encoder else None
        for part, (_, names) in zip((unet, text), _trained(model, plan), strict=False):
            assert part is not None
            _mark(part, names)
            keeper.leave_out(part)
        hooks = [
            hook
            for module in unet.modules()
            if type(module).__name__ in UNITS
            for hook in keeper.watch(module)
        ]
        latents = torch.zeros(1, *model.latent_shape)
        config = model.text_encoder.config
        length = config.max_position_embeddings
        with keeper.listening(), torch.autocast("cpu", autocast, enabled=autocast is not None):
            if text is None:
                words = torch.zeros(1, length, config.hidden_size)
            else:
                words = text(torch.zeros(1, length, dtype=torch.long)).last_hidden_state
            unet(latents, torch.zeros(1), words)
        for hook in hooks:
            hook.remove()
    outside = keeper.bytes[None] + keeper.inputs
    inside = [count for unit, count in keeper.bytes.items() if unit is not None]
    return Activations(
        whole=sum(keeper.bytes.values()), checkpointed=outside + max(inside, default=0)
    )


class _Keeper:
    """Adds up what autograd saves, by the unit that it is saved in."""

    def __init__(self) -> None:
        self.bytes: dict[int | None, int] = defaultdict(int)
        self.inputs = 0
        self._unit: int | None = None
        self._seen: dict[int, torch.Tensor] = {}  # kept, so that no number is given twice

    def leave_out(self, part: torch.nn.Module) -> None:
        """What is there anyway: a part's weights, which autograd saves too."""
        self._seen.update({_storage(p): p for p in (*part.parameters(), *part.buffers())})

    def watch(self, module: torch.nn.Module) -> Iterator[Any]:
        def enter(_module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
            self._unit = id(module)
            self.inputs += inputs[0].nbytes

        def leave(*_: object) -> None:
            self._unit = None

        yield module.register_forward_pre_hook(enter)
        yield module.register_forward_hook(leave)

    @contextmanager
    def listening(self) -> Iterator[None]:
        def pack(tensor: torch.Tensor) -> torch.Tensor:
            number = _storage(tensor)
            if number not in self._seen:
                self._seen[number] = tensor
                self.bytes[self._unit] += tensor.untyped_storage().nbytes()
            return tensor

        unpack: Callable[[torch.Tensor], torch.Tensor] = lambda tensor: tensor  # noqa: E731 - a pair
        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            yield


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)  # noqa: SLF001 - storages have no other identity


def _trained(model: Model, plan: TrainingPlan) -> list[tuple[Any, list[str]]]:
    """The parts that get a LoRA, and the names of its modules."""
    found: list[tuple[Any, list[str]]] = [(model.unet, find_targets(model.unet, plan.targets))]
    if plan.text_encoder:
        found.append((model.text_encoder, find_targets(model.text_encoder, TEXT_TARGETS)))
    return found


def _weights(part: Any) -> Mapping[str, torch.Tensor]:  # noqa: ANN401 - diffusers is untyped
    return {name: m.weight for name, m in part.named_modules() if hasattr(m, "weight")}


def _mark(part: Any, names: list[str]) -> None:  # noqa: ANN401 - diffusers is untyped
    """Let autograd save what a LoRA beside these modules would make it save: their inputs."""
    part.requires_grad_(requires_grad=False)
    for name in names:
        part.get_submodule(name).weight.requires_grad_(requires_grad=True)
