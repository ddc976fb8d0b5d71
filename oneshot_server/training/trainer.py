"""The optimiser's loop: steps, validation, checkpoints, and when to stop."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import Accelerator

from oneshot_server.errors import EngineFailedError
from oneshot_server.pipeline.model import Model
from oneshot_server.training.adapter import add_adapter, add_text_adapter
from oneshot_server.training.captions import Embeddings
from oneshot_server.training.checkpoint import Checkpoint, copy_weights
from oneshot_server.training.drawing import ROWS, Material, Noised, draw_sounds, row_order
from oneshot_server.training.giving_way import StoppedError
from oneshot_server.training.optimiser import optimiser_kind
from oneshot_server.training.schedule import Schedule
from oneshot_server.training.spec import TrainingPlan
from oneshot_server.training.split_unet import Kept, SplitUnet

WARM_UP_STEPS: Final = 10
LAST_RATE: Final = 0.05  # share of the learning rate at the last step
LONGEST_MEMORY: Final = 0.98  # of the moving average, per step
VALIDATIONS: Final = 8  # in a whole training
PATIENCE: Final = 4  # validations without a better one before it stops
CHECKPOINTS: Final = 12
MOST_CHECKPOINT_STEPS: Final = 200
LONGEST_GRADIENT: Final = 1.0
MOST_KEPT_BYTES: Final = 256 * 1024**2


@dataclass(frozen=True, kw_only=True, eq=False)
class _Drawn:
    """Eight batches, this process's columns of them, and the UNet's lower half's answers."""

    cycle: int
    noised: Noised
    kept: Kept


@dataclass(kw_only=True, eq=False)
class Trainer:
    """Trains one LoRA. All randomness comes from the plan's seed and the step.

    Attributes:
        model: the base model, without any LoRA; it gets the one under training.
        plan: numbers.
        steps: optimiser steps in all.
        material: what with.
        schedule: of the model.
        embeddings: of captions.
        accelerator: device, precision, other processes.
        fingerprint: of all that the training depends on.
        folder: of the checkpoint.
        judge: how far the UNet's sounds are from the held-out ones at the moment, dB.
        check: called between two micro-batches; may wait, may raise to stop.
    """

    model: Model
    plan: TrainingPlan
    steps: int
    material: Material
    schedule: Schedule
    embeddings: Embeddings
    accelerator: Accelerator
    fingerprint: str
    folder: Path
    judge: Callable[[], float]
    check: Callable[[], None]
    state: Checkpoint = field(init=False)
    _parameters: dict[str, torch.nn.Parameter] = field(init=False)
    _optimiser: Any = field(init=False)
    _split: SplitUnet | None = field(init=False)
    _current: "_Drawn | None" = field(init=False, default=None)

    def __post_init__(self) -> None:
        plan = self.plan
        self._parameters = add_adapter(
            self.model.unet,
            rank=plan.rank,
            alpha=plan.alpha,
            targets=plan.targets,
            seed=plan.seed,
        )
        if plan.text_encoder:
            self._parameters |= add_text_adapter(
                self.model.text_encoder, rank=plan.rank, alpha=plan.alpha, seed=plan.seed
            )
        if plan.checkpointing == "on":
            self.model.unet.enable_gradient_checkpointing()
        self._optimiser = self._new_optimiser()
        self._split = self._choose_split()
        start = copy_weights(self._parameters)
        self.state = Checkpoint(
            fingerprint=self.fingerprint,
            step=0,
            weights=start,
            average=copy_weights(start),
            optimiser={},
            losses=[],
            validations=[],
            best=copy_weights(start),
            best_step=0,
            rescued=False,
        )
        kept = Checkpoint.read(self.folder, self.fingerprint)
        if kept is not None:
            self.state = kept
            self.set_weights(kept.weights)
            if kept.optimiser:
                self._optimiser.load_state_dict(kept.optimiser)

    def run(self, on_step: Callable[[Checkpoint], None]) -> None:
        """Train until the last step, or until the sounds have not come nearer for long.

        Args:
            on_step: told after each step.

        Raises:
            EngineFailedError: the loss was no number, and again after a second try.
            DiskFullError, ForbiddenError: a checkpoint cannot be written.
            StoppedError: ``check`` raised it; the last whole step is in a checkpoint.
        """
        every = max(1, self.steps // VALIDATIONS)
        checkpoint_every = max(1, min(MOST_CHECKPOINT_STEPS, self.steps // CHECKPOINTS))
        try:
            if self.state.step % every == 0 or self.state.step == self.steps:
                self._validate()  # unless it was stopped there, this is done already
            while self.state.step < self.steps:
                self._step()
                step = self.state.step
                if step % every == 0 or step == self.steps:
                    self._validate()
                on_step(self.state)
                if step % checkpoint_every == 0 or step == self.steps:
                    self.save()
                if self._has_risen():
                    return
        except StoppedError:
            # The step under way is lost, the ones before are not.
            self.save()
            raise

    def set_weights(self, weights: dict[str, torch.Tensor]) -> None:
        """Put weights into the adapter."""
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(weights[name])

    def save(self) -> None:
        """Write a checkpoint; only the main process does.

        Raises:
            DiskFullError, ForbiddenError: it cannot be written.
        """
        if self.accelerator.is_main_process:
            self.state.weights = copy_weights(self._parameters)
            self.state.optimiser = self._optimiser.state_dict()
            self.state.write(self.folder)

    def _step(self) -> None:
        rate = self._learning_rate()
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad()
        own_loss = self._accumulate()
        finite = math.isfinite(own_loss)
        if finite:
            for parameter in self._parameters.values():
                if parameter.grad is not None:
                    parameter.grad = self.accelerator.reduce(parameter.grad, reduction="sum")
            length = self.accelerator.clip_grad_norm_(
                list(self._parameters.values()), LONGEST_GRADIENT
            )
            finite = length is None or bool(torch.isfinite(length)) or self._scaled()
        if not finite:
            self._rescue()
            return
        self._optimiser.step()
        state = self.state
        state.step += 1
        state.losses.append(own_loss)
        # A young average must forget the start, so it begins short.
        keep = min(LONGEST_MEMORY, (1 + state.step) / (10 + state.step))
        for name, parameter in self._parameters.items():
            state.average[name].lerp_(parameter.detach().float().cpu(), 1.0 - keep)

    def _accumulate(self) -> float:
        """Gradients of a step, micro-batch by micro-batch; returns the loss on the own sounds."""
        drawn, rows = self._drawn()
        noised, accelerator = drawn.noised, self.accelerator
        own = torch.zeros((), device=self.model.device)
        for columns in _pieces(len(rows), self.plan.micro_batch):
            self.check()
            at = (rows[columns], columns)
            words = self.embeddings([noised.captions[row][c] for row, c in zip(*at, strict=True)])
            with accelerator.autocast():
                if self._split is None:
                    answer = self.model.unet(noised.noisy[at], noised.timesteps[at], words).sample
                else:
                    answer = self._split.upper(tuple(kept[at] for kept in drawn.kept), words)
            errors = (answer.float() - noised.target[at]).square().flatten(1).mean(dim=1)
            weighted = errors * noised.weights[at]
            accelerator.backward(weighted.sum())
            own += weighted.detach()[noised.own[columns].to(weighted.device)].sum()
        summed: Any = accelerator.reduce(own, reduction="sum")
        return float(summed)

    def _drawn(self) -> tuple["_Drawn", torch.Tensor]:
        """What this process is to train on now: sounds, and the row that each column gives."""
        turns = 1 if self._split is None else self.plan.reuse
        cycle, step = divmod(self.state.step, ROWS * turns)
        turn, row = divmod(step, ROWS)
        mine = slice(self.accelerator.process_index, None, self.accelerator.num_processes)
        if self._current is None or self._current.cycle != cycle:
            noised = draw_sounds(self.material, self.plan, self.schedule, cycle).columns(mine)
            self._current = _Drawn(cycle=cycle, noised=noised, kept=self._keep(noised))
        return self._current, row_order(self.plan, cycle, turn)[row, mine]

    @torch.no_grad()
    def _keep(self, noised: Noised) -> Kept:
        """The lower half's answers to all of it, (ROWS, columns, …) each."""
        if self._split is None:
            return ()
        width = len(noised.own)
        answers: list[Kept] = []
        for places in _pieces(ROWS * width, self.plan.micro_batch):
            self.check()
            at = (places // width, places % width)
            words = self.embeddings([noised.captions[row][c] for row, c in zip(*at, strict=True)])
            with self.accelerator.autocast():
                answers.append(self._split.lower(noised.noisy[at], noised.timesteps[at], words))
        joined = (torch.cat(parts) for parts in zip(*answers, strict=True))
        return tuple(kept.unflatten(0, (ROWS, width)) for kept in joined)

    def _choose_split(self) -> SplitUnet | None:
        """Cut the UNet where that saves time and what is kept stays small.

        With a text encoder that is trained the lower half's answers would change at every step.
        """
        wanted = self.plan.reuse > 1 and not self.plan.text_encoder
        split = SplitUnet.of(self.model.unet) if wanted else None
        if split is None:
            return None
        rows, device = ROWS * self.plan.batch, self.model.device
        with torch.no_grad():
            latents = torch.zeros(1, *self.model.latent_shape, device=device)
            with self.accelerator.autocast():
                kept = split.lower(latents, torch.zeros(1, device=device), self.embeddings([""]))
        return split if sum(part.nbytes for part in kept) * rows <= MOST_KEPT_BYTES else None

    def _validate(self) -> None:
        """Judge the average of the weights, once a step."""
        state = self.state
        if state.step == 0 or (state.validations and state.validations[-1][0] == state.step):
            return
        now = copy_weights(self._parameters)
        self.set_weights(state.average)
        try:
            distance = self.judge()
        finally:  # a checkpoint may be written next
            self.set_weights(now)
        best = min((value for _, value in state.validations), default=math.inf)
        state.validations.append((state.step, distance))
        if distance < best:
            state.best, state.best_step = copy_weights(state.average), state.step

    def _has_risen(self) -> bool:
        values = [value for _, value in self.state.validations]
        return len(values) > PATIENCE and min(values[-PATIENCE:]) > min(values)

    def _rescue(self) -> None:
        """Back to the best weights at half the learning rate, once."""
        state = self.state
        if state.rescued:
            raise EngineFailedError(
                f"the loss is no number at step {state.step + 1}, for the second time: "
                f"try a lower training.learning_rate than {self.plan.learning_rate:g}"
            )
        state.rescued = True
        state.average = copy_weights(state.best)
        self.set_weights(state.best)
        self._optimiser = self._new_optimiser()
        state.step += 1  # other noise than the one that led here

    def _new_optimiser(self) -> Any:  # noqa: ANN401 - accelerate wraps it
        kind = optimiser_kind(self.plan.optimiser, self.model.device)
        parameters = list(self._parameters.values())
        optimiser = kind(parameters, lr=self.plan.learning_rate, weight_decay=0.01)
        return self.accelerator.prepare(optimiser)

    def _learning_rate(self) -> float:
        step = self.state.step
        warm = min(1.0, (step + 1) / WARM_UP_STEPS)
        wave = 0.5 + 0.5 * math.cos(math.pi * min(1.0, step / self.steps))
        rescued = 0.5 if self.state.rescued else 1.0
        return self.plan.learning_rate * warm * (LAST_RATE + (1.0 - LAST_RATE) * wave) * rescued

    def _scaled(self) -> bool:
        """With fp16 a gradient that is too large is skipped by the scaler, and no fault."""
        return str(self.accelerator.mixed_precision) == "fp16"


def _pieces(count: int, size: int) -> Iterator[torch.Tensor]:
    """0 to count - 1, so many at a time."""
    yield from torch.arange(count).split(size)
