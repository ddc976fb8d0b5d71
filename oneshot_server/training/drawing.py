"""What is trained on at each step, drawn from the seed and the step alone.

Eight batches are drawn at a time. Where the lower half of the UNet is kept, each of their noised
sounds is used in several steps, beside others every time.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch

from oneshot_server.pipeline.prompt import Words
from oneshot_server.training.captions import Caption, draw_caption
from oneshot_server.training.prior import Prior
from oneshot_server.training.schedule import Schedule
from oneshot_server.training.spec import TrainingPlan

ROWS: Final = 8  # batches drawn together


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """What a LoRA is trained with.

    Attributes:
        latents: of each training sound, (variants, channels, rows, columns).
        captions: of each training sound.
        words: the vocabulary that bare prompts are completed with when the LoRA is played, or
            ``None`` for a model that takes any text.
        prior: what the base model makes of other prompts.
    """

    latents: tuple[torch.Tensor, ...]
    captions: tuple[Caption, ...]
    words: Words | None
    prior: Prior


@dataclass(frozen=True, kw_only=True, eq=False)
class Noised:
    """Sounds with noise, in rows; a step takes one sound from each column.

    Attributes:
        noisy: (ROWS, columns, channels, rows, columns).
        timesteps: (ROWS, columns).
        target: (ROWS, columns, channels, rows, columns), what the UNet should answer.
        captions: of each row, of each column.
        weights: (ROWS, columns), of the losses.
        own: (columns,), whether they are the dataset's sounds or the base model's.
    """

    noisy: torch.Tensor
    timesteps: torch.Tensor
    target: torch.Tensor
    captions: tuple[tuple[str, ...], ...]
    weights: torch.Tensor
    own: torch.Tensor

    def columns(self, chosen: slice) -> "Noised":
        """Some of the columns: what one of several processes takes care of."""
        return Noised(
            noisy=self.noisy[:, chosen],
            timesteps=self.timesteps[:, chosen],
            target=self.target[:, chosen],
            captions=tuple(row[chosen] for row in self.captions),
            weights=self.weights[:, chosen],
            own=self.own[chosen],
        )


def draw_sounds(material: Material, plan: TrainingPlan, schedule: Schedule, cycle: int) -> Noised:
    """Draw eight batches.

    Args:
        material: what from.
        plan: sizes and the seed.
        schedule: of the model.
        cycle: number of the eight batches; the same number draws the same.
    """
    generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + cycle)
    draw = random.Random(f"{plan.seed} {cycle}")  # noqa: S311 - no secret
    device = schedule.signal.device
    others = _others(plan)
    own = plan.batch - others
    count = ROWS * own
    chosen = [_nth(cycle * count + i, len(material.latents), plan.seed) for i in range(count)]
    latents = torch.stack([_variant(material.latents[i], draw) for i in chosen])
    noise = torch.randn(latents.shape, generator=generator)
    # A column stands for a part of the schedule, so that each step sees all noise levels.
    timesteps = schedule.stratified(count, generator).unflatten(0, (own, ROWS)).T.flatten()
    latents, noise, timesteps = (t.to(device) for t in (latents, noise, timesteps))
    captions = [draw_caption(material.captions[i], material.words, draw) for i in chosen]
    parts = [
        _Part(
            noisy=schedule.add_noise(latents, noise, timesteps),
            timesteps=timesteps,
            target=schedule.target(latents, noise, timesteps),
            captions=captions,
            weights=schedule.weights[timesteps] / own,
        )
    ]
    if others:
        prior = material.prior
        answers = torch.randint(len(prior.captions), (ROWS * others,), generator=generator)
        parts.append(
            _Part(
                noisy=prior.noisy[answers].to(device),
                timesteps=prior.timesteps[answers].to(device),
                target=prior.predicted[answers].to(device),
                captions=[prior.captions[int(i)] for i in answers],
                weights=torch.full((len(answers),), plan.prior_weight / others, device=device),
            )
        )
    return _join(parts, own, others)


def row_order(plan: TrainingPlan, cycle: int, turn: int) -> torch.Tensor:
    """Which row each column gives to each step of a turn, (ROWS, batch)."""
    seed = (plan.seed * 7_368_787 + cycle) * 64 + turn
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(ROWS, generator=generator) for _ in range(plan.batch)]
    return torch.stack(orders, dim=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    noisy: torch.Tensor
    timesteps: torch.Tensor
    target: torch.Tensor
    captions: Sequence[str]
    weights: torch.Tensor


def _join(parts: Sequence[_Part], own: int, others: int) -> Noised:
    def grid(name: str) -> torch.Tensor:
        return torch.cat([getattr(part, name).unflatten(0, (ROWS, -1)) for part in parts], dim=1)

    said: list[tuple[str, ...]] = []
    for row in range(ROWS):
        line: list[str] = []
        for part in parts:
            width = len(part.captions) // ROWS
            line.extend(part.captions[row * width : (row + 1) * width])
        said.append(tuple(line))
    return Noised(
        noisy=grid("noisy"),
        timesteps=grid("timesteps"),
        target=grid("target"),
        captions=tuple(said),
        weights=grid("weights"),
        own=torch.arange(own + others) < own,
    )


def _others(plan: TrainingPlan) -> int:
    """How many of a batch are the base model's own sounds."""
    if plan.prior_weight == 0.0 or plan.prior_share == 0.0:
        return 0
    return min(plan.batch - 1, max(1, round(plan.batch * plan.prior_share)))


def _nth(position: int, count: int, seed: int) -> int:
    """The sound at a place in an endless row in which each comes once a round."""
    turn, place = divmod(position, count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 7_919 + turn))
    return int(order[place])


def _variant(latents: torch.Tensor, draw: random.Random) -> torch.Tensor:
    return latents[draw.randrange(len(latents))]
