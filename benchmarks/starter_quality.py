"""What the starter's sounds are like, judged against recordings it has never seen.

``python -m benchmarks.starter_quality --data ../shared/data/base_train`` renders 50 sounds a class
from bare prompts and prints, beside the same figure for recordings:

- named: how often a classifier trained on recordings alone names the asked class. The classifier is
  split by kit, so a recording is always judged by one that has not heard its kit.
- Fréchet: distance of the distributions of log-mel features (Heusel et al., 2017) to the kits that
  were kept out of the starter's training, in units of the distance of the kits that were not.
- diversity: mean pairwise distance within a class, in units of the recordings'.
- copies: sounds closer to a training recording than 99 % of pairs of recordings are to each other.
- defects, measured here from the samples, not by the daemon's own check.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import sqrtm
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.finish import finish
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_folder import STARTER
from oneshot_server.pipeline.render import render_batch
from oneshot_server.starter.dataset import UNSEEN_KITS, load_waveform, read_manifest

PROMPTS = {
    "kick": "kick",
    "snare": "snare",
    "clap": "clap",
    "rim": "rim",
    "closed_hat": "closed hat",
    "open_hat": "open hat",
    "tom": "tom",
    "cowbell": "cowbell",
    "crash": "crash",
    "ride": "ride",
    "shaker": "shaker",
}


@dataclass(frozen=True, kw_only=True)
class Sounds:
    """Finished sounds with their classes and kits.

    Attributes:
        waveforms: each (samples,), its own length.
        features: (sounds, features), pooled log-mel in dB.
        mels: (sounds, mels, frames), dB.
        kinds: class of each.
        kits: kit of each; empty for generated ones.
    """

    waveforms: list[torch.Tensor]
    features: np.ndarray
    mels: torch.Tensor
    kinds: np.ndarray
    kits: np.ndarray

    def where(self, mask: np.ndarray) -> "Sounds":
        """Those that the mask is true of."""
        chosen = np.flatnonzero(mask)
        return Sounds(
            waveforms=[self.waveforms[i] for i in chosen],
            features=self.features[mask],
            mels=self.mels[torch.from_numpy(chosen)],
            kinds=self.kinds[mask],
            kits=self.kits[mask],
        )


def measure(
    waveforms: Sequence[torch.Tensor],
    kinds: Sequence[str],
    kits: Sequence[str],
    profile: MelProfile,
) -> Sounds:
    """Features of finished sounds; recordings and generated ones go the same way."""
    padded = torch.stack(
        [torch.nn.functional.pad(w, (0, profile.samples))[: profile.samples] for w in waveforms]
    )
    mels = torch.cat([waveform_to_mel(part, profile) for part in padded.split(64)])
    pooled = torch.nn.functional.adaptive_avg_pool2d(mels[:, None], (32, 32))
    return Sounds(
        waveforms=list(waveforms),
        features=pooled.flatten(1).double().numpy(),
        mels=mels,
        kinds=np.array(kinds),
        kits=np.array(kits),
    )


def recordings(data: Path, profile: MelProfile) -> Sounds:
    """The recordings of the drum classes, finished as renders are."""
    chosen = [r for r in read_manifest(data) if r.kind in PROMPTS]
    return measure(
        [
            finish(load_waveform(r.path, profile), profile.sample_rate, FinishOptions())
            for r in chosen
        ],
        [r.kind for r in chosen],
        [r.kit for r in chosen],
        profile,
    )


def generated(
    model: Model, count: int, batch: int, *, steps: int | None, guidance: float | None
) -> Sounds:
    """``count`` sounds a class from its bare prompt."""
    waveforms: list[torch.Tensor] = []
    kinds: list[str] = []
    for kind, prompt in PROMPTS.items():
        for start in range(0, count, batch):
            seeds = range(1000 + start, 1000 + min(start + batch, count))
            rendered = render_batch(
                prompt,
                "",
                list(seeds),
                model,
                steps=steps or model.card.steps,
                guidance=model.card.guidance if guidance is None else guidance,
                on_step=lambda _step, _steps: None,
            )
            rate = model.card.profile.sample_rate
            waveforms.extend(finish(w, rate, FinishOptions()) for w in rendered.waveforms)
            kinds.extend([kind] * len(seeds))
    return measure(waveforms, kinds, [""] * len(kinds), model.card.profile)


def named(real: Sounds, made: Sounds) -> tuple[dict[str, float], dict[str, float]]:
    """Share of each class that is named right: unseen recordings, generated sounds."""
    right_real = np.zeros(len(real.kinds))
    right_made = np.zeros(len(made.kinds))
    folds = GroupKFold(5)
    for train, test in folds.split(real.features, real.kinds, real.kits):
        classifier = make_pipeline(
            PCA(48, whiten=True, random_state=0),
            LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000),
        )
        classifier.fit(real.features[train], real.kinds[train])
        right_real[test] = classifier.predict(real.features[test]) == real.kinds[test]
        right_made += (classifier.predict(made.features) == made.kinds) / folds.get_n_splits()
    return _by_class(right_real, real.kinds), _by_class(right_made, made.kinds)


def frechet(of: Sounds, to: Sounds, space: PCA) -> float:
    """Squared Fréchet distance; ``of`` is weighted to have ``to``'s share of each class."""
    share = {kind: np.mean(to.kinds == kind) / np.mean(of.kinds == kind) for kind in set(of.kinds)}
    weights = np.array([share[kind] for kind in of.kinds])
    a, b = space.transform(of.features), space.transform(to.features)
    mean_a, mean_b = np.average(a, axis=0, weights=weights), b.mean(axis=0)
    cov_a, cov_b = np.cov(a.T, aweights=weights), np.cov(b.T)
    root = np.real(sqrtm(cov_a @ cov_b))
    return float(((mean_a - mean_b) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root))


def spread(sounds: Sounds, space: PCA) -> dict[str, float]:
    """Mean pairwise distance within each class."""
    points = torch.from_numpy(space.transform(sounds.features))
    return {
        kind: float(torch.pdist(points[torch.from_numpy(sounds.kinds == kind)]).mean())
        for kind in PROMPTS
    }


def copies(made: Sounds, trained: Sounds) -> float:
    """Share of sounds nearer to a training recording than 99 % of pairs of recordings."""
    found = 0
    for kind in PROMPTS:
        ours = made.mels[torch.from_numpy(made.kinds == kind)].flatten(1)
        theirs = trained.mels[torch.from_numpy(trained.kinds == kind)].flatten(1)
        near = torch.pdist(theirs, p=1).quantile(0.01)
        found += int((torch.cdist(ours, theirs, p=1).amin(dim=1) < near).sum())
    return found / len(made.kinds)


def defects(waveform: torch.Tensor, sample_rate: int) -> list[str]:
    """What is wrong with a finished sound."""
    peak = float(waveform.abs().max())
    if not np.isfinite(peak) or peak < 0.01:
        return ["silent"]
    level = waveform.abs() / peak
    onset = int((level > 0.01).nonzero()[0])
    tail = float(level[-int(0.003 * sample_rate) :].max())
    flat = int(((level > 0.9999).float().unfold(0, 3, 1).sum(dim=1) == 3).sum())
    checks = {
        "clipped": peak >= 1.0 or flat > 0,
        "dc": abs(float(waveform.mean())) > 0.01 * peak,
        "late": onset > 0.005 * sample_rate,
        "cut tail": tail > 0.01,
    }
    return [name for name, bad in checks.items() if bad]


def _by_class(values: np.ndarray, kinds: np.ndarray) -> dict[str, float]:
    return {kind: float(values[kinds == kind].mean()) for kind in PROMPTS}


def _mean(values: dict[str, float]) -> float:
    return float(np.mean(list(values.values())))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    parser.add_argument("--model", type=Path, default=STARTER)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    model = load_model(arguments.model, torch.device("cpu"))
    profile = model.card.profile
    real = recordings(arguments.data, profile)
    made = generated(
        model,
        arguments.count,
        arguments.batch,
        steps=arguments.steps,
        guidance=arguments.guidance,
    )
    unseen_mask = np.isin(real.kits, sorted(UNSEEN_KITS))
    unseen, trained = real.where(unseen_mask), real.where(~unseen_mask)
    space = PCA(16, whiten=True, random_state=0).fit(real.features)
    named_real, named_made = named(real, made)
    spread_real, spread_made = spread(real, space), spread(made, space)
    print(f"{'class':12} {'recordings':>10} {'named: real':>12} {'starter':>8} {'diversity':>10}")
    for kind in PROMPTS:
        print(
            f"{kind:12} {int((real.kinds == kind).sum()):10d} {named_real[kind]:12.2f} "
            f"{named_made[kind]:8.2f} {spread_made[kind] / spread_real[kind]:10.2f}"
        )
    diversity = {kind: spread_made[kind] / spread_real[kind] for kind in PROMPTS}
    means = [_mean(values) for values in (named_real, named_made, diversity)]
    print(f"{'mean':12} {'':10} {means[0]:12.2f} {means[1]:8.2f} {means[2]:10.2f}")
    ratio = frechet(made, unseen, space) / frechet(trained, unseen, space)
    print(f"Fréchet ratio to unseen kits (the trained kits' own = 1): {ratio:.2f}")
    print(
        f"copies of training recordings: {copies(made, trained):.1%}, "
        f"by the same measure among recordings of unseen kits: {copies(unseen, trained):.1%}"
    )
    found = [d for w in made.waveforms for d in defects(w, profile.sample_rate)]
    print(f"defects in {len(made.waveforms)}: {len(found)} {sorted(set(found))}")


if __name__ == "__main__":
    main()
