"""A plan with what it leaves open decided: by the model's size, the device and its free memory."""

import logging
import os
from typing import Final

import msgspec
import torch

from oneshot_server.errors import BadArgumentsError
from oneshot_server.pipeline.model import Model
from oneshot_server.training.memory import (
    Activations,
    MemoryNeed,
    count_activations,
    free_bytes,
    memory_need,
)
from oneshot_server.training.spec import TrainingPlan

LARGE: Final = 200_000_000  # parameters of a UNet; the starter's has 16, Stable Diffusion's 860
SMALL_RATE: Final = 2e-3
LARGE_RATE: Final = 1e-4
MICRO_BATCHES: Final = (8, 4, 2, 1)
LARGE_TARGETS: Final = ("to_q", "to_k", "to_v", "to_out.0")
"""All attention, as diffusers' own trainer adapts it; the starter needs its upper blocks alone."""

SPARE: Final = 0.9  # of the free memory; what is free is not free for us alone
DTYPES: Final = {"fp16": torch.float16, "bf16": torch.bfloat16}


def is_large(model: Model) -> bool:
    """Whether memory decides how a model is trained."""
    return bool(sum(p.numel() for p in model.unet.parameters()) >= LARGE)


def choose_precision(plan: TrainingPlan, model: Model, device: torch.device) -> str:
    """``no``, ``fp16`` or ``bf16``: the plan's, else as Accelerate was launched, else the best.

    Raises:
        BadArgumentsError: fp16 on a CPU.
    """
    asked = plan.mixed_precision or os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    if asked == "fp16" and device.type == "cpu":
        raise BadArgumentsError(
            'training.precision = "fp16" on the CPU, expected fp32 or bf16: '
            "CPUs train in fp16 slower than in fp32, if at all"
        )
    if plan.mixed_precision or asked != "no" or not is_large(model) or device.type != "cuda":
        return asked
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def held_in(precision: str, model: Model) -> torch.dtype:
    """What the UNet's own weights are held in; what is trained is single precision always."""
    return DTYPES.get(precision, torch.float32) if is_large(model) else torch.float32


def hold(model: Model, precision: str) -> None:
    """Hold the UNet's own weights in ``held_in``'s type."""
    for parameter in model.unet.parameters():
        parameter.data = parameter.data.to(held_in(precision, model))


def fit_plan(
    plan: TrainingPlan, model: Model, precision: str
) -> tuple[TrainingPlan, MemoryNeed, int]:
    """Decide what a plan leaves open.

    Args:
        plan: as asked.
        model: loaded.
        precision: from ``choose_precision``.

    Returns:
        The plan, what it needs, and the bytes that are free on the model's device; a plan may need
        more, as an estimate should end nothing.
    """
    large = is_large(model)
    plan = msgspec.structs.replace(
        plan,
        targets=plan.targets or (LARGE_TARGETS if large else ()),
        learning_rate=plan.learning_rate or (LARGE_RATE if large else SMALL_RATE),
        mixed_precision=precision,
    )
    counted = _count(plan, model, precision)
    parts = (model.unet, model.text_encoder, model.vae)
    # The model is loaded already, in single precision: what it takes is not free, and ours.
    free = free_bytes(model.device) + sum(p.nbytes for part in parts for p in part.parameters())
    ways = ("off", "on") if plan.checkpointing == "auto" else (plan.checkpointing,)
    sizes = (plan.micro_batch,) if plan.micro_batch else MICRO_BATCHES
    chosen = [
        msgspec.structs.replace(plan, micro_batch=size, checkpointing=way)
        for way in ways
        for size in sizes
    ]
    if not large:  # it fits anywhere, and its results do not hang on what else is running
        chosen = chosen[:1]
    dtype = held_in(precision, model)
    needs = [memory_need(model, candidate, counted, dtype) for candidate in chosen]
    fitting = (number for number, need in enumerate(needs) if need.total <= SPARE * free)
    number = next(fitting, len(chosen) - 1)
    return chosen[number], needs[number], free


def _count(plan: TrainingPlan, model: Model, precision: str) -> Activations:
    try:
        return count_activations(model, plan, DTYPES.get(precision))
    except Exception:
        logging.getLogger(__name__).exception("the memory need cannot be counted")
        return Activations(whole=0, checkpointed=0)


def describe(plan: TrainingPlan, need: MemoryNeed, free: int) -> str:
    """What a training needs and how it will be done, in a line for the producer."""
    text = (
        f"needs about {need.total / 1e9:.1f} GB of {free / 1e9:.1f} GB that are free: "
        f"{min(plan.micro_batch, plan.batch)} of {plan.batch} sounds at once, "
        f"{'with' if plan.checkpointing == 'on' else 'without'} gradient checkpointing, "
        f"{'fp32' if plan.mixed_precision == 'no' else plan.mixed_precision}"
    )
    if need.total <= free:
        return text
    return (
        f"{text}. It may run out of memory: close other programs, or try training.micro_batch = 1, "
        'training.checkpointing = "on", training.precision = "bf16", '
        'training.optimiser = "adamw8bit"'
    )
