"""Train the starter from recordings and the synthesiser: one command, no network, resumable.

``python -m oneshot_server.starter.train --data ../shared/data/base_train`` prepares the data once,
trains in two stages, writes a model folder in diffusers layout, and distils it to few steps.
Stopped at any time, the same command goes on from the last checkpoint. ``--from FOLDER`` begins
with the second stage, at the weights of a model that was trained before.
"""

import argparse
import copy
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import torch
from transformers import PreTrainedTokenizerFast

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_folder import CARD_FILE
from oneshot_server.pipeline.patch_codec import PatchCodec
from oneshot_server.pipeline.prompt import Words
from oneshot_server.pipeline.stable_diffusion.recognise import DISTILLED
from oneshot_server.starter.dataset import Dataset, build_dataset
from oneshot_server.starter.distil import AGAIN, distil, weights_name
from oneshot_server.starter.distil import Plan as DistilPlan
from oneshot_server.starter.export import export
from oneshot_server.starter.networks import (
    LONGEST_CAPTION,
    make_scheduler,
    make_text_encoder,
    make_tokenizer,
    make_unet,
)
from oneshot_server.starter.steps import follow, learning_rate, run_steps, write_checkpoint
from oneshot_server.starter.vocabulary import caption_words, collect_words, model_words

PROFILE: Final = MelProfile(
    name="starter-128",
    sample_rate=44_100,
    n_fft=2048,
    window=1024,
    hop=256,
    mels=128,
    frames=256,
    f_min=20.0,
    f_max=20_000.0,
    range_db=80.0,
)
LATENT_CHANNELS: Final = 24
EMPTY_CAPTIONS: Final = 0.1  # what guidance is measured from
BARE_CAPTIONS: Final = 0.1  # the class alone
KEPT_WORDS: Final = 0.75  # of a caption's other words


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The numbers of a training run."""

    steps: int
    batch: int
    learning_rate: float = 8e-4
    warm_up_steps: int = 100
    ema: float = 0.999
    seed: int = 1


FIRST: Final = Plan(steps=9000, batch=32)
SECOND: Final = Plan(steps=1400, batch=16, learning_rate=4e-4)
"""From the averaged weights of another model: the learning rate rises again, half as high."""

TOLD_KINDS_STEPS: Final = 200
"""Steps of which the loss of each class is told."""


class Trainer:
    """Text encoder and UNet under training, their averages, and how far they are."""

    def __init__(
        self, plan: Plan, tokenizer: PreTrainedTokenizerFast, latents: torch.Tensor
    ) -> None:
        torch.manual_seed(plan.seed)  # the networks' first weights
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.plan = plan
        self.tokenizer = tokenizer
        unet = make_unet(latents.shape[1], (latents.shape[2], latents.shape[3]))
        self.networks = torch.nn.ModuleDict(
            {"unet": unet, "text_encoder": make_text_encoder(tokenizer)}
        ).to(self.device)
        unet.to(memory_format=torch.channels_last)  # a tenth faster on a CPU
        self.average = copy.deepcopy(self.networks).requires_grad_(requires_grad=False)
        self.optimiser = torch.optim.AdamW(
            self.networks.parameters(), lr=plan.learning_rate, weight_decay=0.01, fused=True
        )
        self.signal, self.noise_level = _levels(self.device)
        self.step = 0
        self.losses: list[float] = []
        self.errors = torch.empty(0)
        """(batch,), the loss of each sound of the last step."""

    @torch.no_grad()
    def start_from(self, model: Model) -> None:
        """Take the weights of a trained model; words that it has not keep their first ones.

        Of channels that its codec has not, the UNet knows nothing at first: their weights are 0.
        """
        unet = zip(self.networks["unet"].parameters(), model.unet.parameters(), strict=True)
        for ours, theirs in unet:
            ours.zero_()[tuple(slice(size) for size in theirs.shape)] = theirs
        encoder: Any = self.networks["text_encoder"]
        table = encoder.get_input_embeddings().weight
        for ours, theirs in zip(encoder.parameters(), model.text_encoder.parameters(), strict=True):
            if ours is not table:
                ours.copy_(theirs)
                continue
            known = model.tokenizer.get_vocab()
            for word, row in self.tokenizer.get_vocab().items():
                if word in known:
                    table[row] = theirs[known[word]]
        self.average.load_state_dict(self.networks.state_dict())

    def train_step(self, latents: torch.Tensor, captions: Sequence[str]) -> float:
        """One optimiser step on (batch, channels, rows, columns) latents; returns the loss."""
        generator = torch.Generator().manual_seed(self.plan.seed * 1_000_003 + self.step)
        batch = len(latents)
        # Stratified: every batch sees all noise levels, which calms the loss.
        drawn = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
        timesteps = (drawn * 1000).long().clamp_max(999).to(self.device)
        noise = torch.randn(latents.shape, generator=generator).to(self.device)
        latents = latents.to(self.device)
        signal = self.signal[timesteps][:, None, None, None]
        noise_level = self.noise_level[timesteps][:, None, None, None]
        tokens = self.tokenizer(
            list(captions),
            padding="max_length",
            max_length=LONGEST_CAPTION,
            truncation=True,
            return_tensors="pt",
        ).input_ids.to(self.device)
        words = self.networks["text_encoder"](tokens).last_hidden_state
        velocity = self.networks["unet"](
            signal * latents + noise_level * noise, timesteps, words
        ).sample
        wrong = velocity - (signal * noise - noise_level * latents)
        errors = wrong.square().mean(dim=(1, 2, 3))
        self.errors = errors.detach().cpu()
        loss = errors.mean()
        rate = learning_rate(
            self.step,
            steps=self.plan.steps,
            highest=self.plan.learning_rate,
            warm_up_steps=self.plan.warm_up_steps,
        )
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.networks.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        follow(self.average, self.networks, self.step, self.plan.ema)
        self.losses.append(loss.item())
        return self.losses[-1]

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        state = {
            "networks": self.networks.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "losses": self.losses,
        }
        write_checkpoint(state, path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint that ``save`` wrote."""
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        self.networks.load_state_dict(state["networks"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        self.losses = state["losses"]


def _levels(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """How much signal and how much noise each of the 1,000 timesteps has."""
    cumulated = make_scheduler().alphas_cumprod.to(device)
    return cumulated.sqrt(), (1.0 - cumulated).sqrt()


def training_caption(words: Sequence[str], draw: random.Random) -> str:
    """A caption as a producer might have said it: shuffled, shortened, sometimes empty."""
    chance = draw.random()
    if chance < EMPTY_CAPTIONS:
        return ""
    kept = [word for word in words[1:] if draw.random() < KEPT_WORDS]
    if chance < EMPTY_CAPTIONS + BARE_CAPTIONS:
        kept = []
    kept.append(words[0])
    draw.shuffle(kept)
    return " ".join(kept[: LONGEST_CAPTION - 2])


def prepare_data(data: Path, work: Path) -> Dataset:
    """The training set, rendered on the first call and read from ``work`` afterwards."""
    cache = work / "dataset.pt"
    if not cache.exists():
        print("rendering the training set")
        made = build_dataset(data, PROFILE, torch.Generator().manual_seed(1))
        part = cache.with_suffix(".part")
        torch.save(vars(made), part)
        part.replace(cache)
    return Dataset(**torch.load(cache, weights_only=True))


def fit_codec(dataset: Dataset, work: Path, start: PatchCodec | None) -> PatchCodec:
    """The codec, fitted on the first call and read from ``work`` afterwards.

    Args:
        dataset: what it is fitted to.
        work: where it is kept.
        start: of the model to begin from; it stays, unless it has fewer components.
    """
    if start and start.config.latent_channels >= LATENT_CHANNELS:
        return start
    folder = work / ("widened" if start else "vae")
    if not (folder / "config.json").exists():
        print("fitting the codec")
        images = dataset.images.float()
        if start:
            fitted = start.widened(images, latent_channels=LATENT_CHANNELS)
        else:
            fitted = PatchCodec.fit(images, latent_channels=LATENT_CHANNELS)
        fitted.save_pretrained(folder)
    return PatchCodec.from_pretrained(folder)  # type: ignore[no-any-return]


def encode_all(codec: PatchCodec, images: torch.Tensor) -> torch.Tensor:
    """(batch, channels, rows, columns) of all images."""
    with torch.no_grad():
        return torch.cat([codec.encode(p.float()).latent_dist.mean for p in images.split(256)])


def train(data: Path, work: Path, out: Path, plan: Plan, start: Path | None = None) -> None:
    """Train to the plan's last step, then export.

    Args:
        data: recordings with a manifest.
        work: the rendered training set and checkpoints; what is there already is gone on with.
        out: the model folder to write.
        plan: the numbers of the run.
        start: a model folder to begin from, its codec included; without one, from zero.
    """
    work.mkdir(parents=True, exist_ok=True)
    dataset = prepare_data(data, work)
    before = load_model(start, torch.device("cpu"), distilled=False) if start else None
    codec = fit_codec(dataset, work, before.vae if before else None)
    latents = encode_all(codec, dataset.images)
    words = collect_words(dataset.captions, recorded=dataset.recorded)
    captions = [caption_words(kind, caption, words) for kind, caption in dataset.captions]
    trainer = Trainer(plan, make_tokenizer(model_words(words)), latents)
    if before:
        trainer.start_from(before)
    # That of another beginning must not be gone on with.
    checkpoint = work / (f"second-{weights_name(start)}.pt" if start else "first.pt")
    if checkpoint.exists():
        trainer.resume(checkpoint)
    print(
        f"{len(latents)} images, {len(model_words(words))} words, step {trainer.step}", flush=True
    )
    _run(trainer, latents, captions, dataset.weights, checkpoint)
    export_trainer(trainer, codec, words, out)


def export_trainer(trainer: Trainer, codec: PatchCodec, words: Words, out: Path) -> None:
    """Write the averaged weights as a model folder."""
    export(
        out,
        unet=trainer.average["unet"],
        text_encoder=trainer.average["text_encoder"],
        tokenizer=trainer.tokenizer,
        scheduler=make_scheduler(),
        codec=codec,
        words=words,
        profile=PROFILE,
        losses=trainer.losses,
        recipe=msgspec.to_builtins(trainer.plan),
    )
    print(f"wrote {out}")


def _run(
    trainer: Trainer,
    latents: torch.Tensor,
    captions: Sequence[Sequence[str]],
    weights: torch.Tensor,
    checkpoint: Path,
) -> None:
    told: dict[str, list[float]] = defaultdict(list)

    def step() -> None:
        # Drawn from the step alone, so that a resumed run sees what the unbroken one would.
        generator = torch.Generator().manual_seed(trainer.plan.seed * 7_919 + trainer.step)
        chosen = torch.multinomial(
            weights, trainer.plan.batch, replacement=True, generator=generator
        )
        draw = random.Random(trainer.step)  # noqa: S311 - shuffles captions
        said = [training_caption(captions[int(i)], draw) for i in chosen]
        trainer.train_step(latents[chosen], said)
        for i, error in zip(chosen, trainer.errors.tolist(), strict=True):
            told[captions[int(i)][0]].append(error)
        if trainer.step % TOLD_KINDS_STEPS == 0:
            print(", ".join(f"{k} {sum(e) / len(e):.3f}" for k, e in sorted(told.items())))
            told.clear()

    run_steps(trainer, trainer.plan.steps, step, checkpoint)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="recordings with a manifest.csv")
    parser.add_argument(
        "--work", type=Path, default=Path(".work/starter"), help="cache, checkpoints"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "weights")
    parser.add_argument("--from", dest="start", type=Path, help="a model folder to begin from")
    parser.add_argument("--first-steps", type=int, default=FIRST.steps, help="of the first stage")
    parser.add_argument("--steps", type=int, default=SECOND.steps, help="of the second stage")
    parser.add_argument("--batch", type=int, help="of both, instead of their own")
    arguments = parser.parse_args()
    first = replace(FIRST, steps=arguments.first_steps, batch=arguments.batch or FIRST.batch)
    second = replace(SECOND, steps=arguments.steps, batch=arguments.batch or SECOND.batch)
    start = arguments.start
    if start is None:
        start = arguments.work / "first"
        if not (start / CARD_FILE).exists():
            train(arguments.data, arguments.work, start, first)
    elif not (start / CARD_FILE).is_file():
        parser.error(f"--from = {start}, expected a model folder, with {CARD_FILE}")
    elif start.resolve() == arguments.out.resolve():
        parser.error(f"--out = {arguments.out}, expected another folder than --from")
    # A model that was trained further before must not see the same sounds and noise again.
    second = replace(second, seed=int(weights_name(start), 16))
    train(arguments.data, arguments.work, arguments.out, second, start)
    if (start / DISTILLED).is_dir():
        distil(arguments.out, arguments.work / "distil", AGAIN, start)
    else:
        distil(arguments.out, arguments.work / "distil", DistilPlan())


if __name__ == "__main__":
    main()
