"""All figures of a model, from its sounds, recordings and what becomes of those in the codec."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.quality.attributes import Attribute, Heard
from benchmarks.quality.judge import LEAST_UNSEEN, Judge, Space, copies
from benchmarks.quality.properties import DEFECTS, defects
from benchmarks.quality.sounds import Sounds


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Fréchet distances of one class to recordings of unseen kits, in the units of a space.

    Attributes:
        made: of rendered sounds.
        trained: of recordings of trained kits; next to nothing where those are of the same drums.
        ceiling: of the recordings themselves after codec and inversion.
    """

    made: float
    trained: float
    ceiling: float


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """Of one class; ``None`` where there are too few recordings of unseen kits to say.

    Attributes:
        recordings: of the class.
        sources: kits and presets that they are of.
        unseen: recordings of unseen kits.
        named_real: share of recordings named right by who has not heard their source.
        named_unseen: the same of those of unseen kits.
        named_ceiling: the same after codec and inversion.
        named: share of rendered sounds that are named as asked.
        taken_for: what they are named else the most, and the share.
        spectrum: distances of averaged log-mel spectrograms.
        envelope: distances of the level over time.
        diversity: mean distance of two rendered sounds, that of two recordings being 1.
        diversity_ceiling: of recordings of unseen kits after codec and inversion.
        copies: share of rendered sounds that are copies of trained recordings.
        copies_unseen: share of recordings of unseen kits that are, by the same measure.
        copies_ceiling: the same after codec and inversion.
    """

    recordings: int
    sources: int
    unseen: int
    named_real: float
    named_unseen: float | None
    named_ceiling: float
    named: float
    taken_for: tuple[str, float]
    spectrum: Distances | None
    envelope: Distances | None
    diversity: float
    diversity_ceiling: float | None
    copies: float
    copies_unseen: float | None
    copies_ceiling: float | None


@dataclass(frozen=True, kw_only=True)
class PromptFigures:
    """Of one prompt that no caption has."""

    prompt: str
    kind: str
    named: float
    taken_for: tuple[str, float]


@dataclass(frozen=True, kw_only=True)
class AttributeFigures:
    """Of one class and attribute: rendered sounds, recordings, and those after the codec."""

    kind: str
    attribute: Attribute
    made: Heard
    real: Heard
    ceiling: Heard


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Everything that is printed.

    Attributes:
        model: name and hash.
        way: quality, sampler, steps, guidance.
        count: sounds a class.
        classes: each class.
        frechet: space to distance to unseen kits, that of the trained kits being 1; all classes
            that have unseen kits together.
        frechet_ceiling: the same of recordings of unseen kits after codec and inversion.
        defects: origin to defect to the share of sounds that have it.
        sounds: origin to how many sounds the defects are counted in.
        attributes: each class and attribute.
        prompts: each prompt.
    """

    model: Mapping[str, str]
    way: Mapping[str, str | int | float]
    count: int
    classes: Mapping[str, ClassFigures]
    frechet: Mapping[str, float]
    frechet_ceiling: Mapping[str, float]
    defects: Mapping[str, Mapping[str, float]]
    sounds: Mapping[str, int]
    attributes: tuple[AttributeFigures, ...]
    prompts: tuple[PromptFigures, ...]


def class_figures(
    kind: str, judge: Judge, *, made: Sounds, real: Sounds, ceiling: Sounds
) -> ClassFigures:
    """Compare sounds of one class.

    Args:
        kind: the class.
        judge: fitted on recordings of all classes.
        made: rendered, of all classes.
        real: recordings of all classes.
        ceiling: recordings after codec and inversion, of all classes.
    """
    made, real, ceiling = (sounds.of(kind) for sounds in (made, real, ceiling))
    unseen, trained = real.where(real.unseen), real.where(~real.unseen)
    through = ceiling.where(ceiling.unseen)
    some, enough = len(unseen.labels) > 1, len(unseen.labels) >= LEAST_UNSEEN

    def distances(space: Space) -> Distances | None:
        if not enough:
            return None
        return Distances(
            made=space.frechet_of_few(made, unseen),
            trained=space.frechet_of_few(trained, unseen),
            ceiling=space.frechet_of_few(through, unseen),
        )

    space = judge.spectrum
    return ClassFigures(
        recordings=len(real.labels),
        sources=len({label.source for label in real.labels}),
        unseen=len(unseen.labels),
        named_real=float(judge.named(real).mean()),
        named_unseen=float(judge.named(unseen).mean()) if some else None,
        named_ceiling=float(judge.named(ceiling).mean()),
        named=float(judge.named(made).mean()),
        taken_for=taken_for(judge, made),
        spectrum=distances(judge.spectrum),
        envelope=distances(judge.envelope),
        diversity=space.spread(made) / space.spread(real),
        diversity_ceiling=space.spread(through) / space.spread(unseen) if some else None,
        copies=float(copies(made, trained).mean()),
        copies_unseen=float(copies(unseen, trained).mean()) if some else None,
        copies_ceiling=float(copies(through, trained).mean()) if some else None,
    )


def frechet_ratio(space: Space, of: Sounds, real: Sounds) -> float:
    """Distance to unseen kits, that of the trained kits being 1."""
    unseen, trained = real.where(real.unseen), real.where(~real.unseen)
    known = np.unique(unseen.kinds)
    of, trained = (sounds.where(np.isin(sounds.kinds, known)) for sounds in (of, trained))
    return space.frechet(of, unseen) / space.frechet(trained, unseen)


def taken_for(judge: Judge, sounds: Sounds) -> tuple[str, float]:
    """The class that sounds of one class are named wrongly the most, and the share."""
    votes = judge.votes(sounds).mean(axis=0)
    votes[judge.kinds == sounds.labels[0].kind] = 0.0
    return str(judge.kinds[votes.argmax()]), float(votes.max())


def defect_shares(sounds: Sounds, sample_rate: int, longest: int) -> dict[str, float]:
    """Each defect, and the share of sounds that have it."""
    found = Counter(
        name for waveform in sounds.waveforms for name in defects(waveform, sample_rate, longest)
    )
    return {name: found[name] / len(sounds.waveforms) for name in DEFECTS}


def mean(values: list[float | None]) -> tuple[float | None, int]:
    """Mean of those that there are, and how many."""
    there = [value for value in values if value is not None]
    return (float(np.mean(there)) if there else None), len(there)


def mean_distances(
    figures: Mapping[str, ClassFigures], space: Literal["spectrum", "envelope"]
) -> Distances | None:
    """Mean over the classes that have enough recordings of unseen kits."""
    found = [d for of in figures.values() if (d := getattr(of, space)) is not None]
    if not found:
        return None
    made, trained, ceiling = np.mean([(d.made, d.trained, d.ceiling) for d in found], axis=0)
    return Distances(made=float(made), trained=float(trained), ceiling=float(ceiling))


def means(figures: Mapping[str, ClassFigures]) -> dict[str, float | None]:
    """Each figure's mean over the classes, all of them weighing the same."""
    names = (
        "named_real", "named_unseen", "named_ceiling", "named", "diversity", "diversity_ceiling",
        "copies", "copies_unseen", "copies_ceiling",
    )  # fmt: skip
    return {name: mean([getattr(of, name) for of in figures.values()])[0] for name in names}
