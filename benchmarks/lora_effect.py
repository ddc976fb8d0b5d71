"""What training on a folder does: ``python -m benchmarks.lora_effect FOLDER…``.

Each folder is split in two halves, every other sound of a kind. ``oneshot train`` learns the first
as a producer would have it do; 64 sounds are rendered by the base model and with the LoRA, from the
bare kinds of the second half ("kick") and the same seeds. Printed for each folder:

- Fréchet: distance (Heusel et al., 2017) from the 64 sounds to the unheard half, of log-mel
  features whitened by a PCA of ``--data``, before and after; and from the heard half to the other,
  which a few recordings do not come nearer to than that. The space has 8 dimensions, as the halves
  have 13 sounds and more: a covariance needs more sounds than dimensions (``--dimensions``).
- others: how often a classifier trained on ``--data`` names the asked class of kinds that the
  folder does not hold, before and after.
- copies: sounds nearer to a training sound than 99 % of pairs of the folder's own sounds; and how
  many of the unheard half are.
- diversity: mean pairwise distance, in units of the folder's own.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import sqrtm
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks.quality.sounds import DRUMS, Label, Sounds, finished, measure, recordings, spoken
from oneshot_server.library.dataset_folder import read_dataset
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.pipeline.lora_blend import LoraBlender
from oneshot_server.pipeline.lora_file import read_lora
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_folder import STARTER
from oneshot_server.pipeline.prompt import with_captions
from oneshot_server.pipeline.render import render_batch
from oneshot_server.pipeline.sound_files import read_sound, sound_to_waveform
from oneshot_server.training.captions import read_caption

SOUNDS = 64
OTHERS = 110
"""Sounds of all other classes together."""

FIRST_SEED = 5000
BATCH = 8


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What everything is measured with.

    Attributes:
        space: whitens features.
        classifier: names classes.
    """

    space: PCA
    classifier: Pipeline

    @classmethod
    def of(cls, data: Path, model: Model, dimensions: int) -> "Judge":
        """Fitted on recordings."""
        real = recordings(data, model.card.profile, DRUMS)
        classifier = make_pipeline(
            PCA(48, whiten=True, random_state=0),
            LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000),
        )
        return cls(
            space=PCA(dimensions, whiten=True, random_state=0).fit(real.features),
            classifier=classifier.fit(real.features, real.kinds),
        )

    def frechet(self, made: Sounds, real: Sounds) -> float:
        """Squared Fréchet distance in the whitened space."""
        a, b = self.space.transform(made.features), self.space.transform(real.features)
        cov_a, cov_b = np.cov(a.T), np.cov(b.T)
        root = np.real(sqrtm(cov_a @ cov_b + 1e-9 * np.eye(len(cov_a))))
        distance = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
        return float(distance + np.trace(cov_a + cov_b - 2 * root))

    def spread(self, sounds: Sounds) -> float:
        """Mean pairwise distance in the whitened space."""
        return float(torch.pdist(torch.from_numpy(self.space.transform(sounds.features))).mean())

    def named(self, made: Sounds) -> float:
        """Share whose class is named right."""
        return float(np.mean(self.classifier.predict(made.features) == made.kinds))


def render(model: Model, prompts: Sequence[str], first_seed: int) -> Sounds:
    """One finished sound for each prompt; the seeds count up."""
    waveforms: dict[int, torch.Tensor] = {}
    profile = model.card.profile
    for prompt in sorted(set(prompts)):
        numbers = [number for number, other in enumerate(prompts) if other == prompt]
        for start in range(0, len(numbers), BATCH):
            part = numbers[start : start + BATCH]
            rendered = render_batch(
                prompt,
                "",
                [first_seed + number for number in part],
                model,
                steps=model.card.steps,
                guidance=model.card.guidance,
                on_step=lambda _step, _steps: None,
            )
            for number, waveform in zip(part, rendered.waveforms, strict=True):
                waveforms[number] = finished(waveform, profile)
    ordered = [waveforms[number] for number in range(len(prompts))]
    return measure(ordered, [Label(kind=prompt) for prompt in prompts], profile)


def read_sounds(paths: Sequence[Path], model: Model) -> Sounds:
    """Files as the daemon would have published them."""
    profile = model.card.profile
    waveforms = []
    for path in paths:
        waveform = sound_to_waveform(*read_sound(path, 8.0), profile)
        waveforms.append(finished(waveform, profile))
    return measure(waveforms, [Label(kind="")] * len(paths), profile)


def copies(made: Sounds, trained: Sounds, every: Sounds) -> float:
    """Share of sounds nearer to a training sound than 99 % of pairs of the folder's own sounds."""
    ours, theirs, folder = (torch.from_numpy(s.features) for s in (made, trained, every))
    near = torch.pdist(folder, p=1).quantile(0.01)
    return float((torch.cdist(ours, theirs, p=1).amin(dim=1) < near).double().mean())


def train(folder: Path, home: Path, options: Sequence[str]) -> float:
    """Train as a producer would; returns the seconds."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "oneshot_server", "train", str(folder), "--home", str(home)]
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def compare(folder: Path, judge: Judge, model: Model, options: Sequence[str], keep: Path) -> None:
    """Print one folder's row."""
    manifest = read_dataset(folder)
    ordered = sorted(manifest.files, key=lambda f: (read_caption(f.caption, model).kind, f.path))
    first, second = ordered[0::2], ordered[1::2]
    with tempfile.TemporaryDirectory() as scratch:
        half, home = Path(scratch) / folder.name, Path(scratch) / "home"
        half.mkdir()
        home.mkdir()
        for file in first:
            shutil.copy(folder / file.path, half)
        seconds = train(half, home, options)
        store = LoraStore(home / "loras")
        versions = store.versions(folder.name)
        live = store.live_version(folder.name)
        lora = read_lora(store.adapter(folder.name, versions[-1].version))
        assert model.words is not None, "the starter is a model of words"
        told = replace(model, words=with_captions(model.words, versions[-1].captions))
        if keep.is_dir():
            shutil.copytree(store.adapter(folder.name, 1).parent, keep / folder.name)
    captions = [read_caption(file.caption, model) for file in second]
    prompts = [c.kind or c.text for c in captions]
    asked = [prompts[i % len(prompts)] for i in range(SOUNDS)]
    held = {read_caption(file.caption, model).kind for file in manifest.files}
    kinds = [kind for kind in DRUMS if kind not in held]
    asked_kinds = [kinds[i % len(kinds)] for i in range(OTHERS)] if kinds else []
    others = [spoken(kind) for kind in asked_kinds]
    heard = read_sounds([folder / file.path for file in first], model)
    unheard = read_sounds([folder / file.path for file in second], model)
    every = read_sounds([folder / file.path for file in manifest.files], model)
    blender = LoraBlender(model)
    figures = {}
    for name, blend, heard_as in (("base", [], model), ("lora", [(lora, 1.0)], told)):
        blender.apply(blend)
        made = render(heard_as, asked, FIRST_SEED)
        named = float("nan")
        if others:
            other = render(heard_as, others, FIRST_SEED)
            other = replace(other, labels=tuple(Label(kind=kind) for kind in asked_kinds))
            named = judge.named(other)
        figures[name] = judge.frechet(made, unheard), named, made
    blender.apply([])
    copied = [copies(sounds, heard, every) for sounds in (figures["lora"][2], unheard)]
    diversity = judge.spread(figures["lora"][2]) / judge.spread(every)
    (before, named_before, _), (after, named_after, _) = figures["base"], figures["lora"]
    print(
        f"{folder.name:16} {len(manifest.files):6d} {seconds:7.0f} {versions[-1].steps:6d} "
        f"{'yes' if live else 'held':>5} {before:8.2f} {after:7.2f} {1 - after / before:6.0%} "
        f"{judge.frechet(heard, unheard):7.2f} {named_before:7.2f} {named_after:6.2f} "
        f"{copied[0]:7.1%} {copied[1]:7.1%} {diversity:10.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    parser.add_argument("--dimensions", type=int, default=8)
    parser.add_argument("--keep", type=Path, default=Path(), help="existing folder for the LoRAs")
    arguments, options = parser.parse_known_args()
    model = load_model(STARTER, torch.device("cpu"))
    judge = Judge.of(arguments.data, model, arguments.dimensions)
    print(
        f"{'folder':16} {'sounds':>6} {'seconds':>7} {'steps':>6} {'live':>5} "
        f"{'Fréchet':>8} {'after':>7} {'falls':>6} {'halves':>7} {'others':>7} {'after':>6} "
        f"{'copies':>7} {'halves':>7} {'diversity':>10}"
    )
    keep = arguments.keep if arguments.keep != Path() else Path("/nonexistent")
    for folder in arguments.folders:
        compare(folder, judge, model, options, keep)


if __name__ == "__main__":
    main()
