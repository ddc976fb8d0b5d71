"""Distil the starter: a second UNet that does in four calls what the first does in many.

``python -m oneshot_server.starter.distil`` lets the trained model paint thousands of sounds with
guidance, keeps where each was after every quarter of its way, and trains a copy of its UNet to take
each quarter in one step of DDIM. No recordings are needed: the captions are those of the model's
own vocabulary. Stopped at any time, the same command goes on.

``--from FOLDER`` begins where a model was distilled before that this one was trained further from:
what distilling changed in its UNet is added to this one's, and fewer sounds and steps will do.

Reference: Salimans and Ho, 2022, "Progressive distillation for fast sampling of diffusion models",
appendix G, for the target; Luhman and Luhman, 2021, "Knowledge distillation in iterative generative
models", for learning from whole ways of the teacher; Meng et al., 2023, "On distillation of guided
diffusion models", for a student that has the guidance folded in.
"""

import argparse
import copy
import hashlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import torch

from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_folder import CARD_FILE, STARTER, read_card, write_sums
from oneshot_server.pipeline.prompt import Words, complete
from oneshot_server.pipeline.sampling import make_scheduler, texts_to_embeddings
from oneshot_server.pipeline.stable_diffusion.recognise import DISTILLED
from oneshot_server.starter.dataset import FAVOURED
from oneshot_server.starter.export import draw_losses, save_part
from oneshot_server.starter.steps import follow, learning_rate, run_steps, write_checkpoint

QUARTERS: Final = 4
"""Steps of the student."""
TEACHER_STEPS: Final = 12
SHARD: Final = 64
BARE_PROMPTS: Final = 0.3
"""Share of captions that begin as a kind alone; of the others some words are said."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The numbers of a run."""

    sounds: int = 2304
    steps: int = 1400
    batch: int = 16
    learning_rate: float = 4e-4
    warm_up_steps: int = 50
    ema: float = 0.995
    seed: int = 1


AGAIN: Final = Plan(sounds=832, steps=500, learning_rate=2e-4)
"""For a model that was trained further from one that was distilled."""


@dataclass(frozen=True, kw_only=True)
class Ways:
    """What the teacher did.

    Attributes:
        states: (QUARTERS + 1, sounds, channels, rows, columns), half precision: noise, where each
            sound was after each quarter, and its latents at last.
        captions: what was told for each.
    """

    states: torch.Tensor
    captions: tuple[str, ...]


def draw_caption(words: Words, seed: int) -> str:
    """A caption as the model is told one at play: some words are said, the others filled in."""
    draw = random.Random(seed)  # noqa: S311 - captions
    kinds = sorted(words.captions)
    (kind,) = draw.choices(kinds, [2.0 if kind in FAVOURED else 1.0 for kind in kinds])
    said: tuple[str, ...] = ()
    if draw.random() >= BARE_PROMPTS and words.captions[kind]:
        kept = draw.random()
        said = tuple(w for w in draw.choice(words.captions[kind]) if draw.random() < kept)
    return " ".join(complete((kind, *said), words, seed=seed))


@torch.inference_mode()
def teach(model: Model, seeds: Sequence[int]) -> Ways:
    """Let the teacher paint a sound for each seed, with the guidance of its card."""
    assert model.words is not None
    captions = tuple(draw_caption(model.words, seed) for seed in seeds)
    told, nothing = (texts_to_embeddings(t, model) for t in (captions, [""] * len(seeds)))
    both = torch.cat([nothing, told])
    latents = torch.stack(
        [
            torch.randn(model.latent_shape, generator=torch.Generator().manual_seed(seed))
            for seed in seeds
        ]
    )
    scheduler = make_scheduler(model, "dpmpp-2m")
    scheduler.set_timesteps(TEACHER_STEPS)
    states = []
    for number, timestep in enumerate(scheduler.timesteps):
        if number % (TEACHER_STEPS // QUARTERS) == 0:
            states.append(latents.half())
        share = float(timestep) / scheduler.config.num_train_timesteps
        if model.card.guidance_to <= share <= model.card.guidance_from:
            doubled = torch.cat([latents, latents])
            away, towards = model.unet(doubled, timestep, both).sample.chunk(2)
            predicted = away + model.card.guidance * (towards - away)
        else:
            predicted = model.unet(latents, timestep, told).sample
        latents = scheduler.step(predicted, timestep, latents).prev_sample
    return Ways(states=torch.stack([*states, latents.half()]), captions=captions)


def teach_all(model: Model, plan: Plan, work: Path, *, first: int = 0, every: int = 1) -> None:
    """Write the ways of all sounds to ``work``, a shard at a time; those that are there stay."""
    for number in range(first, plan.sounds // SHARD, every):
        path = work / f"ways-{number:04d}.pt"
        if path.exists():
            continue
        begun = time.monotonic()
        start = plan.seed * 1_000_000 + number * SHARD
        ways = teach(model, range(start, start + SHARD))
        part = path.with_suffix(f".part{first}")
        torch.save(vars(ways), part)
        part.replace(path)
        pace = SHARD / (time.monotonic() - begun)
        print(f"shard {number + 1}/{plan.sounds // SHARD} {pace:.2f} sounds/s", flush=True)


def read_ways(work: Path) -> Ways:
    """All ways that are there."""
    parts = [Ways(**torch.load(p, weights_only=True)) for p in sorted(work.glob("ways-*.pt"))]
    return Ways(
        states=torch.cat([part.states for part in parts], dim=1),
        captions=tuple(caption for part in parts for caption in part.captions),
    )


class Student:
    """The UNet under training, its average, and how far it is."""

    def __init__(self, model: Model, ways: Ways, plan: Plan, start: Model | None = None) -> None:
        self.plan = plan
        self.unet = copy.deepcopy(model.unet)
        if start:
            _add_what_distilling_changed(self.unet, start)
        self.unet.train().requires_grad_(requires_grad=True)
        self.average = copy.deepcopy(self.unet).requires_grad_(requires_grad=False)
        self.optimiser = torch.optim.AdamW(
            self.unet.parameters(), lr=plan.learning_rate, weight_decay=0.0, fused=True
        )
        self._ways = ways
        # Where the student itself came out: later it begins from there, as it will at play, and
        # learns to come back to the teacher's way.
        self._reached = ways.states.clone()
        with torch.no_grad():
            self._told = texts_to_embeddings(ways.captions, model)
        scheduler = make_scheduler(model, "ddim")
        scheduler.set_timesteps(QUARTERS)
        self._timesteps = scheduler.timesteps
        levels = scheduler.alphas_cumprod[self._timesteps].double()
        levels = torch.cat([levels, levels.new_ones(1)])
        self._signal, self._noise = levels.sqrt(), (1.0 - levels).sqrt()
        self.step = 0
        self.losses: list[float] = []

    def train_step(self) -> float:
        """One optimiser step; returns the loss, the mean squared error of v."""
        plan = self.plan
        generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + self.step)
        sounds = torch.randint(len(self._ways.captions), (plan.batch,), generator=generator)
        quarters = torch.arange(plan.batch) % QUARTERS  # as many of each
        own = torch.rand(plan.batch, generator=generator) < 0.5
        states = torch.where(
            own[:, None, None, None],
            self._reached[quarters, sounds],
            self._ways.states[quarters, sounds],
        ).float()
        goals = self._ways.states[quarters + 1, sounds].float()

        def of(values: torch.Tensor) -> torch.Tensor:
            return values.float()[:, None, None, None]

        a, s = of(self._signal[quarters]), of(self._noise[quarters])
        to_a, to_s = of(self._signal[quarters + 1]), of(self._noise[quarters + 1])
        # A step of DDIM goes from x to (a'a + s's) x + (s'a - a's) v: this v ends at the goal.
        stay, turn = to_a * a + to_s * s, to_s * a - to_a * s
        predicted = self.unet(states, self._timesteps[quarters], self._told[sounds]).sample
        loss = torch.nn.functional.mse_loss(predicted, (goals - stay * states) / turn)
        rate = learning_rate(
            self.step,
            steps=plan.steps,
            highest=plan.learning_rate,
            warm_up_steps=plan.warm_up_steps,
        )
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self._reached[quarters + 1, sounds] = (stay * states + turn * predicted).detach().half()
        follow(self.average, self.unet, self.step, plan.ema)
        self.losses.append(loss.item())
        return self.losses[-1]

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        state = {
            "unet": self.unet.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "reached": self._reached,
            "step": self.step,
            "losses": self.losses,
        }
        write_checkpoint(state, path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint that ``save`` wrote."""
        state: dict[str, Any] = torch.load(path, weights_only=True)
        self.unet.load_state_dict(state["unet"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self._reached = state["reached"]
        self.step = state["step"]
        self.losses = state["losses"]


@torch.no_grad()
def _add_what_distilling_changed(unet: torch.nn.Module, model: Model) -> None:
    assert model.distilled_unet is not None
    both = zip(model.unet.parameters(), model.distilled_unet.parameters(), strict=True)
    for ours, (before, after) in zip(unet.parameters(), both, strict=True):
        ours[tuple(slice(size) for size in after.shape)] += after - before


def export(student: Student, folder: Path) -> None:
    """Put the averaged UNet beside the model's own."""
    save_part(student.average, folder / DISTILLED)
    card = replace(read_card(folder), distilled_steps=QUARTERS)
    (folder / CARD_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2))
    write_sums(folder)
    draw_losses(student.losses, msgspec.to_builtins(student.plan), folder / "distilling.png")
    print(f"wrote {folder / DISTILLED}")


def work_of(folder: Path, work: Path) -> Path:
    """Where the ways and checkpoints of this teacher are; those of another must not go into it."""
    folder = work / weights_name(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def weights_name(folder: Path) -> str:
    """Eight hexadecimal digits that tell the many-step UNet of a model folder from others."""
    with (folder / "unet" / "diffusion_pytorch_model.safetensors").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:8]


def distil(folder: Path, work: Path, plan: Plan, start: Path | None = None) -> None:
    """Give a model its UNet for few steps.

    Args:
        folder: of the model.
        work: teachers' ways and checkpoints; what is there already is not done again.
        plan: the numbers of the run.
        start: a model folder with a UNet for few steps, to begin from.
    """
    work = work_of(folder, work)
    model = load_model(folder, torch.device("cpu"))
    teach_all(model, plan, work)
    before = load_model(start, torch.device("cpu")) if start else None
    student = Student(model, read_ways(work), plan, before)
    checkpoint = work / "checkpoint.pt"
    if checkpoint.exists():
        student.resume(checkpoint)
    run_steps(student, plan.steps, student.train_step, checkpoint)
    export(student, folder)


def main() -> None:
    """Read the command line and distil."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, default=STARTER)
    parser.add_argument("--work", type=Path, default=Path(".work/distil"))
    parser.add_argument("--from", dest="start", type=Path, help="a model folder to begin from")
    parser.add_argument("--sounds", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument(
        "--teach",
        metavar="FIRST/EVERY",
        help="only every so many shards of the teacher's, for several processes side by side",
    )
    arguments = parser.parse_args()
    if arguments.start and not (arguments.start / DISTILLED).is_dir():
        parser.error(f"--from = {arguments.start}, expected a model folder, with {DISTILLED}")
    plan = AGAIN if arguments.start else Plan()
    plan = replace(
        plan, sounds=arguments.sounds or plan.sounds, steps=arguments.steps or plan.steps
    )
    if arguments.teach:
        first, every = map(int, arguments.teach.split("/"))
        work = work_of(arguments.model, arguments.work)
        teach_all(
            load_model(arguments.model, torch.device("cpu")), plan, work, first=first, every=every
        )
        return
    distil(arguments.model, arguments.work, plan, arguments.start)


if __name__ == "__main__":
    main()
