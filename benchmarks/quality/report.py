"""Figures as text."""

from collections.abc import Iterator

from benchmarks.quality.attributes import Heard
from benchmarks.quality.figures import Figures, mean, means
from benchmarks.quality.properties import DEFECTS
from benchmarks.quality.sounds import spoken

NONE = "-"


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
        f"{'':11}{'recordings':>17} |{'named as asked':^28}|{'taken for':^17}"
        f"|{'Fréchet ratio':^17}|{'diversity':>10} |{'copies':^15}"
    )
    yield (
        f"{'class':11}{'all':>5}{'kits':>5}{'unseen':>7} |{'real':>6}{'unseen':>7}{'ceiling':>8}"
        f"{'model':>7}|{'':17}|{'spectrum':>9}{'level':>7} |{'':>10} |{'model':>6}{'unseen':>8}"
    )
    for kind, of in figures.classes.items():
        other, share = of.taken_for
        mistaken = f"{spoken(other)} {share:.0%}" if share >= 0.005 else ""
        yield (
            f"{spoken(kind):11}{of.recordings:5d}{of.sources:5d}{of.unseen:7d} |"
            f"{_two(of.named_real):>6}{_two(of.named_unseen):>7}"
            f"{_two(of.named_ceiling) + ('' if of.unseen else '*'):>8}{_two(of.named):>7}"
            f"| {mistaken:16}|{_two(of.spectrum):>9}{_two(of.envelope):>7} |"
            f"{_two(of.diversity):>10} |{_percent(of.copies):>6}{_percent(of.copies_unseen):>8}"
        )
    of_all = means(figures.classes)
    yield (
        f"{'mean':11}{'':17} |{_two(of_all['named_real']):>6}{_two(of_all['named_unseen']):>7}"
        f"{_two(of_all['named_ceiling']):>8}{_two(of_all['named']):>7}|{'':17}|"
        f"{_two(of_all['spectrum']):>9}{_two(of_all['envelope']):>7} |"
        f"{_two(of_all['diversity']):>10} |{_percent(of_all['copies']):>6}"
        f"{_percent(of_all['copies_unseen']):>8}"
    )
    yield (
        f"{NONE}: too few recordings of unseen kits, or none.  "
        "*: of trained kits, as the class has no unseen one."
    )


def _overall(figures: Figures) -> Iterator[str]:
    known = sum(of.unseen > 0 for of in figures.classes.values())
    of_all = means(figures.classes)
    yield (
        f"Fréchet ratio to unseen kits, {known} classes together (trained kits 1): "
        + ", ".join(
            f"{name} {_two(ratio)} (ceiling {_two(figures.frechet_ceiling[name])})"
            for name, ratio in figures.frechet.items()
        )
    )
    yield (
        f"ceiling, recordings of unseen kits through codec and inversion: "
        f"named {_two(of_all['named_ceiling'])}, diversity {_two(of_all['diversity_ceiling'])}, "
        f"copies {_percent(of_all['copies_ceiling'])}, Fréchet ratio of a class: spectrum "
        f"{_two(of_all['ceiling_spectrum'])}, level {_two(of_all['ceiling_envelope'])}"
    )
    yield f"{'defects':12}{'sounds':>7}" + "".join(f"{name:>9}" for name in DEFECTS)
    for origin, shares in figures.defects.items():
        yield f"{origin:12}{figures.sounds[origin]:7d}" + "".join(
            f"{shares[name]:9.1%}" for name in DEFECTS
        )


def _attributes(figures: Figures) -> Iterator[str]:
    yield (
        f"{'asked and measured':24}|{'rank correlation':^25}|{'semitones off':^15}|"
        f"{'sounds with a pitch':^20}"
    )
    yield f"{'':24}|{'model':>7}{'real':>9}{'ceiling':>9}|{'model':>8}{'real':>7}|"
    for attribute in dict.fromkeys(one.attribute for one in figures.attributes):
        chosen = [one for one in figures.attributes if one.attribute == attribute]
        for one in chosen:
            yield (
                f"{attribute:11}{spoken(one.kind):13}|{_two(one.made.correlation):>7}"
                f"{_told(one.real):>9}{_told(one.ceiling):>9}|"
                f"{_one(one.made.semitones):>8}{_one(one.real.semitones):>7}|"
                + (f"{one.made.count:>6} of {one.made.of}" if attribute == "pitch" else "")
            )
        model = mean([one.made.correlation for one in chosen])[0]
        real = mean([one.real.correlation for one in chosen])[0]
        off = mean([one.made.semitones for one in chosen])[0]
        yield f"{attribute:11}{'mean':13}|{_two(model):>7}{_two(real):>9}{'':9}|{_one(off):>8}"
    yield "most that a perfect order has: 0.87 of two words, 0.94 to 0.97 of three or four pitches"


def _prompts(figures: Figures) -> Iterator[str]:
    named = mean([one.named for one in figures.prompts])[0]
    yield f"prompts whose words no training caption has: named as asked {_two(named)}"
    for one in figures.prompts:
        other, share = one.taken_for
        mistaken = f"   {spoken(other)} {share:.0%}" if share >= 0.1 else ""
        yield f"  {one.named:5.2f}  {one.prompt} ({spoken(one.kind)}){mistaken}"


def _told(heard: Heard) -> str:
    return f"{_two(heard.correlation)} ({heard.count})" if heard.correlation is not None else NONE


def _two(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"


def _one(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f}"


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{value:.0%}"
