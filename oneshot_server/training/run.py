"""One training from the dataset's folder to the LoRA's files."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec
import torch
from accelerate import Accelerator, InitProcessGroupKwargs, PartialState

from oneshot_server import __version__
from oneshot_server.domain.dataset import Manifest
from oneshot_server.domain.lora_card import LoraCard, TrainingFigures
from oneshot_server.errors import EngineFailedError, NotFoundError, OneshotError
from oneshot_server.library.atomic_file import write_atomically
from oneshot_server.pipeline.lora_blend import LoraBlender
from oneshot_server.pipeline.lora_file import read_lora
from oneshot_server.pipeline.model import Model, choose_device, load_model
from oneshot_server.pipeline.nearest import write_training_sounds
from oneshot_server.pipeline.prompt import with_captions
from oneshot_server.training.adapter import adapter_to_bytes
from oneshot_server.training.auditions import choose_captions, write_auditions
from oneshot_server.training.captions import Embeddings, read_caption
from oneshot_server.training.checkpoint import Checkpoint
from oneshot_server.training.drawing import Material
from oneshot_server.training.fitting import choose_precision, describe, fit_plan, hold
from oneshot_server.training.giving_way import GiveWay
from oneshot_server.training.likeness import Likeness
from oneshot_server.training.listening import Listener, Listening
from oneshot_server.training.messages import Finished, Planned, Prepared, Progress, TrainerMessage
from oneshot_server.training.optimiser import optimiser_kind
from oneshot_server.training.pictures import draw_losses
from oneshot_server.training.prepare import PreparedSounds, make_cache, prepare_sounds
from oneshot_server.training.prior import Prior, get_prior, other_captions
from oneshot_server.training.report import make_report, write_report
from oneshot_server.training.schedule import Schedule
from oneshot_server.training.spec import TrainingSpec
from oneshot_server.training.trainer import Trainer

ADAPTER_FILE: Final = "adapter.safetensors"
SOUNDS_FILE: Final = "training_sounds.safetensors"
PROGRESS_SECONDS: Final = 0.5
PACE_STEPS: Final = 20  # that the loss and the time left are told from
LONGEST_WAIT: Final = timedelta(days=1)  # processes wait while the first prepares, or gives way
LISTENING_SEED: Final = 7

Say = Callable[[TrainerMessage], None]
ReadDataset = Callable[[Path], Manifest]


def run_training(spec: TrainingSpec, say: Say, read: ReadDataset, give_way: GiveWay) -> None:
    """Train; see ``messages`` for what is said.

    Args:
        spec: what to train.
        say: takes each message; called in the main process only.
        read: a dataset's folder to its manifest.
        give_way: asked between two micro-batches.

    Raises:
        OneshotError: there will be no LoRA.
        StoppedError: as ``give_way`` raised it.
    """
    began = time.monotonic()
    state = PartialState(cpu=spec.device == "cpu", timeout=LONGEST_WAIT)
    manifest = _read(Path(spec.dataset), read)
    model = load_model(Path(spec.model), _device(spec, state.device), distilled=False)
    optimiser_kind(
        spec.plan.optimiser, model.device
    )  # refuses what is not installed, before any work
    precision = choose_precision(spec.plan, model, model.device)
    accelerator = make_accelerator(spec, precision)
    plan, need, free = fit_plan(spec.plan, model, precision)
    hold(model, precision)
    spec = msgspec.structs.replace(spec, plan=plan)
    if accelerator.is_main_process:
        say(Planned(text=describe(plan, need, free), needed_bytes=need.total, free_bytes=free))
    run = _Run(spec=spec, manifest=manifest, model=model, accelerator=accelerator, way=give_way)
    prepared = run.prepare(say)
    card = run.train(prepared, say)
    if accelerator.is_main_process:
        say(Finished(card=card, seconds=round(time.monotonic() - began, 2)))


def make_accelerator(spec: TrainingSpec, precision: str) -> Accelerator:
    """Device and processes as ``accelerate`` was configured."""
    return Accelerator(
        cpu=spec.device == "cpu",
        mixed_precision=precision,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=LONGEST_WAIT)],
    )


def _device(spec: TrainingSpec, device: torch.device) -> torch.device:
    kind = spec.device.partition(":")[0]  # of several GPUs only the asked one is visible
    if kind != "auto":
        choose_device(kind)  # refuses what is not there; the accelerator would take the CPU
    return torch.device(device)


def _read(folder: Path, read: ReadDataset) -> Manifest:
    if not folder.is_dir():
        raise NotFoundError(f"{folder} is no folder, expected one with sounds; was it removed?")
    try:
        return read(folder)
    except OSError as error:
        why = error.strerror or str(error)
        raise NotFoundError(f"{folder} cannot be read: {why}") from error


@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    spec: TrainingSpec
    manifest: Manifest
    model: Model
    accelerator: Accelerator
    way: GiveWay

    @property
    def out(self) -> Path:
        return Path(self.spec.out)

    def prepare(self, say: Say) -> PreparedSounds:
        """Read the sounds, in the main process first: the others find its latents in the cache."""
        spec, model = self.spec, self.model
        cache = make_cache(Path(spec.work), model, Path(spec.model), spec.plan)
        with self.accelerator.main_process_first():
            prepared = prepare_sounds(
                self.manifest, Path(spec.dataset), model, spec.plan, cache, self.way.check
            )
        if self.accelerator.is_main_process:
            report = make_report(self.manifest, prepared, model)
            write_report(self.out / "report", report, prepared)
            say(Prepared(used=len(prepared.used), skipped=prepared.skipped))
        return prepared

    def train(self, prepared: PreparedSounds, say: Say) -> LoraCard:
        spec, model, plan = self.spec, self.model, self.spec.plan
        embeddings = Embeddings(model=model, changing=plan.text_encoder)
        schedule = Schedule.from_config(model.scheduler_config, model.device)
        prior = self._prior(prepared, embeddings)
        likeness = Likeness(
            features=torch.stack([sound.encoded.features for sound in prepared.held_out]),
            captions=tuple(self._texts(prepared.held_out)),
            model=model,
            embeddings=embeddings,
            accelerator=self.accelerator,
            check=self.way.check,
            together=plan.micro_batch,
        )
        others = Listening.of(prior.sounds, prior.sound_captions, schedule, LISTENING_SEED)
        listener = Listener(
            unet=model.unet,
            embeddings=embeddings,
            accelerator=self.accelerator,
            micro_batch=plan.micro_batch,
            check=self.way.check,
        )
        base, others_base = likeness(), listener.loss(others)
        if not (base < float("inf") and others_base < float("inf")):
            raise EngineFailedError(
                f"the model {model.card.name} answers what is no number, before any training"
            )
        live = self._live_likeness(likeness)
        trainer = Trainer(
            model=model,
            plan=plan,
            steps=plan.steps_for(len(prepared.training)),
            material=Material(
                latents=tuple(sound.encoded.latents for sound in prepared.training),
                captions=tuple(read_caption(s.file.caption, model) for s in prepared.training),
                words=model.words and with_captions(model.words, self._texts(prepared.used)),
                prior=prior,
            ),
            schedule=schedule,
            embeddings=embeddings,
            accelerator=self.accelerator,
            fingerprint=self._fingerprint(prepared),
            folder=Path(spec.work),
            judge=likeness,
            check=self.way.check,
        )
        trainer.run(_ProgressTeller(trainer=trainer, say=say, way=self.way))
        trainer.set_weights(trainer.state.best)
        figures = TrainingFigures(
            held_out=likeness(),
            held_out_base=base,
            held_out_live=live,
            others=listener.loss(others),
            others_base=others_base,
        )
        if self.accelerator.is_main_process:
            self._write(prepared, trainer, figures)
        return self._card(prepared, trainer.state, figures)

    def _texts(self, sounds: Sequence[object]) -> list[str]:
        return [read_caption(sound.file.caption, self.model).text for sound in sounds]  # type: ignore[attr-defined]

    def _prior(self, prepared: PreparedSounds, embeddings: Embeddings) -> Prior:
        kinds = {read_caption(sound.file.caption, self.model).kind for sound in prepared.used}
        seed = self.spec.plan.seed
        with self.accelerator.main_process_first(), self.accelerator.autocast():
            return get_prior(
                Path(self.spec.work) / "prior",
                other_captions(sorted(kinds), self.model, seed),
                self.model,
                embeddings,
                seed=seed,
                check=self.way.check,
            )

    def _live_likeness(self, likeness: Likeness) -> float | None:
        """The live version's distance, from the same seeds; ``None`` if it is gone or broken."""
        if not self.spec.live:
            return None
        try:
            lora = read_lora(Path(self.spec.live))
            blender = LoraBlender(self.model)
            blender.apply([(lora, 1.0)])
            try:
                return likeness()
            finally:
                blender.apply([])
        except OneshotError:
            return None  # a new version need not be better than one that cannot be played

    def _fingerprint(self, prepared: PreparedSounds) -> str:
        """Of all that the training depends on."""
        whole = msgspec.json.encode(
            (
                self.manifest.hash,
                self.model.hash,
                self.spec.plan,
                [(sound.file.sha256, sound.file.caption) for sound in prepared.training],
                [(sound.file.sha256, sound.file.caption) for sound in prepared.held_out],
            )
        )
        return hashlib.sha256(whole).hexdigest()

    def _write(self, prepared: PreparedSounds, trainer: Trainer, figures: TrainingFigures) -> None:
        plan, state = self.spec.plan, trainer.state
        write_auditions(
            self.out,
            choose_captions(self._texts(prepared.used)),
            self.model,
            trainer.embeddings,
            seed=plan.seed,
            accelerator=self.accelerator,
            check=self.way.check,
        )
        picture = draw_losses(
            state.losses,
            state.validations,
            figures.held_out_base,
            state.best_step,
            f"{self.spec.name}: {figures.held_out_base:.2f} -> {figures.held_out:.2f} dB "
            "from the held-out sounds",
        )
        write_atomically(self.out / "losses.png", picture)
        features = torch.stack([sound.encoded.features for sound in prepared.used])
        write_training_sounds(self.out / SOUNDS_FILE, features)
        adapter = adapter_to_bytes(state.best, rank=plan.rank, alpha=plan.alpha)
        write_atomically(self.out / ADAPTER_FILE, adapter)

    def _card(
        self, prepared: PreparedSounds, state: Checkpoint, figures: TrainingFigures
    ) -> LoraCard:
        plan = self.spec.plan
        return LoraCard(
            name=self.spec.name,
            version=0,
            base_model=self.model.card.name,
            base_hash=self.model.hash,
            profile=self.model.card.profile,
            dataset_hash=self.manifest.hash,
            sounds=len(prepared.used),
            rank=plan.rank,
            alpha=float(plan.rank),  # the file's own scale is 1, see adapter_to_bytes
            steps=state.best_step,
            seed=plan.seed,
            figures=figures,
            software=f"oneshot-server {__version__}",
            captions=tuple(self._texts(prepared.used)),
        )


class _ProgressTeller:
    """Says how far a training is, twice a second at most; the time spent waiting is not counted."""

    def __init__(self, *, trainer: Trainer, say: Say, way: GiveWay) -> None:
        self._trainer = trainer
        self._say = say
        self._way = way
        self._told = 0.0
        self._began = self._working()
        self._first = trainer.state.step

    def __call__(self, state: Checkpoint) -> None:
        now = time.monotonic()
        if not self._trainer.accelerator.is_main_process:
            return
        if now - self._told < PROGRESS_SECONDS and state.step < self._trainer.steps:
            return
        self._told = now
        pace = (self._working() - self._began) / max(1, state.step - self._first)
        recent = state.losses[-PACE_STEPS:]
        self._say(
            Progress(
                step=state.step,
                steps=self._trainer.steps,
                loss=sum(recent) / max(1, len(recent)),
                seconds_left=round(pace * (self._trainer.steps - state.step), 1),
                device=str(self._trainer.model.device),
            )
        )

    def _working(self) -> float:
        return time.monotonic() - self._way.waited
