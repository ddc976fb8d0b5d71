"""Figures as text."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal

from benchmarks.quality.figures import Distances, Figures, mean, mean_distances, means
from benchmarks.quality.properties import DEFECTS
from benchmarks.quality.sounds import spoken

NONE: Final = "-"
Space = Literal["spectrum", "envelope"]
SPACES: Final[tuple[Space, Space]] = ("spectrum", "envelope")
NAMES: Final = {"spectrum": "spectrum", "envelope": "level over time"}
ORIGINS: Final = ("real", "ceiling", "made")


def lines(figures: Figures) -> Iterator[str]:
    """The whole report."""
    way = ", ".join(f"{name} {value}" for name, value in figures.way.items())
    yield f"{figures.model['name']} {figures.model['hash'][:12]}: {way}; {figures.count} a class"
    yield ""
    yield from _classes(figures)
    yield ""
    yield from _overall(figures)
    yield ""
    yield from _attributes(figures)
    yield ""
    yield from _prompts(figures)


def _classes(figures: Figures) -> Iterator[str]:
    yield (
        f"{'':10}{'recordings':>17} |{'named as asked':^28}|{'taken for':^16}"
        f"|{'Fréchet distance to unseen kits':^32}|{'diver-':>6} |{'copies':^14}"
    )
    yield (f"{'':10}{'':17} |{'':28}|{'':16}|{'spectrum':^16}{'level over time':^16}|{'':>6} |")
    yield (
        f"{'class':10}{'all':>5}{'kits':>5}{'unseen':>7} |{'real':>6}{'unseen':>7}{'ceiling':>8}"
        f"{'model':>6} |{'':16}|{'trained':>8}{'model':>7} {'trained':>8}{'model':>7} |"
        f"{'sity':>6} |{'unseen':>7}{'model':>6}"
    )
    units = [_unit(figures, space) for space in SPACES]
    for kind, of in figures.classes.items():
        other, share = of.taken_for
        mistaken = f"{spoken(other)} {share:.0%}" if share >= 0.005 else ""
        yield (
            f"{spoken(kind):10}{of.recordings:5d}{of.sources:5d}{of.unseen:7d} |"
            f"{_two(of.named_real):>6}{_two(of.named_unseen):>7}"
            f"{_two(of.named_ceiling) + ('' if of.unseen else '*'):>8}{_two(of.named):>6} "
            f"| {mistaken:15}|{_far(of.spectrum, units[0])} {_far(of.envelope, units[1])} |"
            f"{_two(of.diversity):>6} |{_percent(of.copies_unseen):>7}{_percent(of.copies):>6}"
        )
    all_ = means(figures.classes)
    spectrum, level = (mean_distances(figures.classes, space) for space in SPACES)
    yield (
        f"{'mean':10}{'':17} |{_two(all_['named_real']):>6}{_two(all_['named_unseen']):>7}"
        f"{_two(all_['named_ceiling']):>8}{_two(all_['named']):>6} |{'':16}|"
        f"{_far(spectrum, units[0])} {_far(level, units[1])} |"
        f"{_two(all_['diversity']):>6} |{_percent(all_['copies_unseen']):>7}"
        f"{_percent(all_['copies']):>6}"
    )
    yield (
        f"{NONE}: too few recordings of unseen kits, or none.  "
        "*: of trained kits, as the class has no unseen one."
    )


def _overall(figures: Figures) -> Iterator[str]:
    known = sum(of.unseen > 0 for of in figures.classes.values())
    all_ = means(figures.classes)
    yield (
        f"Fréchet ratio to unseen kits, {known} classes together (trained kits: 1): "
        + ", ".join(f"{NAMES[space]} {_two(figures.frechet[space])}" for space in SPACES)
    )
    yield (
        f"ceiling, recordings through codec and inversion and back: named "
        f"{_two(all_['named_ceiling'])}, diversity {_two(all_['diversity_ceiling'])}, copies "
        f"{_percent(all_['copies_ceiling'])}, Fréchet ratio "
        + ", ".join(f"{NAMES[space]} {_two(figures.frechet_ceiling[space])}" for space in SPACES)
    )
    yield ""
    yield f"{'defects in':12}{'sounds':>7}" + "".join(f"{name:>9}" for name in DEFECTS)
    for origin, shares in figures.defects.items():
        yield f"{origin:12}{figures.sounds[origin]:7d}" + "".join(
            f"{shares[name]:9.1%}" for name in DEFECTS
        )


def _attributes(figures: Figures) -> Iterator[str]:
    yield (
        f"{'asked and measured':22}|{'rank correlation':^23}|{'semitones off':^21}|"
        f"{'sounds that have a pitch':^27}"
    )
    yield (
        f"{'':22}"
        + f"|{'real':>6}{'ceiling':>9}{'model':>7} " * 2
        + (f"|{'real':>8}{'ceiling':>10}{'model':>9}")
    )
    for attribute in dict.fromkeys(one.attribute for one in figures.attributes):
        chosen = [one for one in figures.attributes if one.attribute == attribute]
        for one in chosen:
            origins = (one.real, one.ceiling, one.made)
            pitched = "".join(f"{f'{of.count}/{of.of}':>9}" for of in origins)
            yield (
                f"{attribute:11}{spoken(one.kind):11}"
                + _three([of.correlation for of in origins], _two)
                + _three([of.semitones for of in origins], _one)
                + (f"|{pitched}" if attribute == "pitch" else "|")
            )
        correlations, semitones = (
            [mean([getattr(getattr(one, of), name) for one in chosen])[0] for of in ORIGINS]
            for name in ("correlation", "semitones")
        )
        yield (f"{attribute:11}{'mean':11}{_three(correlations, _two)}{_three(semitones, _one)}|")
    yield "most that a perfect order has: 0.87 of two words, 0.94 to 0.97 of three or four pitches"


def _prompts(figures: Figures) -> Iterator[str]:
    named = mean([one.named for one in figures.prompts])[0]
    yield f"prompts whose words no training caption has: named as asked {_two(named)}"
    for one in figures.prompts:
        other, share = one.taken_for
        mistaken = f"   {spoken(other)} {share:.0%}" if share >= 0.1 else ""
        yield f"  {one.named:5.2f}  {one.prompt} ({spoken(one.kind)}){mistaken}"


def _unit(figures: Figures, space: Space) -> float:
    """What a distance is told in: the mean of the trained kits' own."""
    found = mean_distances(figures.classes, space)
    return found.trained if found else 1.0


def _far(distances: Distances | None, unit: float) -> str:
    if distances is None:
        return f"{NONE:>8}{NONE:>7}"
    return f"{distances.trained / unit:8.2f}{distances.made / unit:7.2f}"


def _three(values: Sequence[float | None], write: Callable[[float | None], str]) -> str:
    real, ceiling, model = map(write, values)
    return f"|{real:>6}{ceiling:>9}{model:>7} "


def _two(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"


def _one(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f}"


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{value:.0%}"
