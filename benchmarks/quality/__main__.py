"""By what the embedded model is judged, class by class, with no class left out.

``python -m benchmarks.quality --data ../shared/data/base_train`` renders 100 sounds of each of 18
classes from its bare prompt, and some more that ask for lengths, pitches and odd things, and prints
beside the same figure for recordings:

- named as asked: by a classifier trained on recordings alone, five times, each time without a fifth
  of the sources. A source is a kit, or a preset of the General MIDI sets. So a recording is always
  judged by one that has not heard its source; ``unseen`` are kits that the model has not, either.
- Fréchet ratio (Heusel et al., 2017): distance to recordings of unseen kits, that of the trained
  kits' recordings being 1; of averaged log-mel spectrograms, 16 whitened principal components, and
  of the level over time, 8. A class alone has few recordings, so its covariances are left out.
- diversity: mean distance of two sounds of a class, that of two recordings being 1.
- copies: sounds nearer to a training recording than 99 % of pairs of those are to each other.
- asked and measured: rank correlation of what is asked for (short, long; dark, bright; so many Hz)
  with what the samples measure, beside that of recordings and their captions.
- prompts whose words no training caption has: synonyms, other orders of words, other adjectives.
- defects, measured here from the samples, not by the daemon's own check.
- the ceiling: recordings of unseen kits through mel, codec and inversion and back.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.quality.attributes import ask, questions, told
from benchmarks.quality.figures import (
    AttributeFigures,
    Figures,
    PromptFigures,
    class_figures,
    defect_shares,
    frechet_ratio,
    means,
    taken_for,
)
from benchmarks.quality.judge import Judge
from benchmarks.quality.prompts import FIRST_SEED, PROMPTS, seen_prompts
from benchmarks.quality.report import lines
from benchmarks.quality.sheets import EACH, SHEET_CLASSES, class_sheet, prompt_sheet
from benchmarks.quality.sounds import (
    CLASSES,
    Label,
    Sounds,
    Way,
    ceiling,
    generated,
    measure,
    recordings,
    render,
    way_of,
)
from oneshot_server.domain.parameters import SAMPLERS
from oneshot_server.errors import OneshotError
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_folder import CARD_FILE, STARTER
from oneshot_server.starter.dataset import read_manifest

FEWEST = 4
"""Sounds: of a class, or of a prompt."""


def main() -> None:
    parser = _parser()
    arguments = _checked(parser)
    torch.manual_seed(0)
    overrides = {name: getattr(arguments, name) for name in ("sampler", "steps", "guidance")}
    try:
        model = load_model(arguments.model, torch.device("cpu"))
        way = way_of(model, arguments.quality, **overrides)
    except OneshotError as error:
        parser.error(str(error))
    profile = model.card.profile
    real = recordings(arguments.data, profile)
    _tell(f"{len(real.labels)} recordings")
    judge = Judge.of(real)
    through = ceiling(arguments.data, model)
    made = generated(model, way, arguments.count, tell=_tell)
    few = max(FEWEST, arguments.count // 20)
    prompted = _prompted(model, way, few)
    figures = Figures(
        model={"name": model.card.name, "hash": model.hash},
        way={"quality": way.quality} | asdict(way.sampling),
        count=arguments.count,
        classes={
            kind: class_figures(kind, judge, made=made, real=real, ceiling=through)
            for kind in CLASSES
        },
        frechet={
            space.name: frechet_ratio(space, made, real)
            for space in (judge.spectrum, judge.envelope)
        },
        frechet_ceiling={
            space.name: frechet_ratio(space, through, real)
            for space in (judge.spectrum, judge.envelope)
        },
        defects={
            origin: defect_shares(sounds, profile.sample_rate, profile.samples)
            for origin, sounds in (("model", made), ("recordings", real), ("ceiling", through))
        },
        sounds={"model": len(made.labels), "recordings": len(real.labels)}
        | {"ceiling": len(through.labels)},
        attributes=tuple(_attributes(model, way, few, real, through)),
        prompts=tuple(
            PromptFigures(
                prompt=prompt,
                kind=kind,
                named=float(judge.named(sounds).mean()),
                taken_for=taken_for(judge, sounds),
            )
            for (prompt, kind), sounds in zip(PROMPTS, prompted, strict=True)
        ),
    )
    print("\n".join(lines(figures)))
    if arguments.json:
        told_all = asdict(figures) | {"means": means(figures.classes)}
        arguments.json.write_text(json.dumps(told_all, indent=1) + "\n", encoding="utf-8")
    if arguments.prompts_sheet:
        named = [(one.named, one.taken_for[0]) for one in figures.prompts]
        prompt_sheet(PROMPTS, prompted, named, profile, arguments.prompts_sheet)
    if arguments.sheet:
        class_sheet(_columns(model, way, made, real), profile, arguments.sheet)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    parser.add_argument("--model", type=Path, default=STARTER, help="a model folder")
    parser.add_argument("--count", type=int, default=100, help="sounds a class")
    parser.add_argument("--quality", choices=("best", "quick"), default="best")
    parser.add_argument("--sampler", choices=SAMPLERS, help="instead of the quality's")
    parser.add_argument("--steps", type=int, help="instead of the quality's")
    parser.add_argument("--guidance", type=float, help="instead of the quality's")
    parser.add_argument("--json", type=Path, help="file for all figures")
    parser.add_argument("--sheet", type=Path, help="PNG of recordings and both qualities")
    parser.add_argument("--prompts-sheet", type=Path, help="PNG of what came of each prompt")
    return parser


def _checked(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line's arguments, as far as they can be checked without loading anything."""
    arguments = parser.parse_args()
    if arguments.count < FEWEST:
        parser.error(f"--count = {arguments.count}, expected {FEWEST} or more")
    for folder, file in ((arguments.data, "manifest.csv"), (arguments.model, CARD_FILE)):
        if not (folder / file).is_file():
            parser.error(f"{folder} has no {file}")
    for path in (arguments.json, arguments.sheet, arguments.prompts_sheet):
        if path and not path.parent.is_dir():
            parser.error(f"{path.parent} is no folder")
    for path in (arguments.sheet, arguments.prompts_sheet):
        if path and path.suffix != ".png":
            parser.error(f"{path}, expected a name that ends in .png")
    captions = [recording.caption for recording in read_manifest(arguments.data)]
    if seen := seen_prompts([prompt for prompt, _ in PROMPTS], captions):
        parser.error(f"prompts that stand in a training caption: {', '.join(seen)}")
    return arguments


def _prompted(model: Model, way: Way, count: int) -> list[Sounds]:
    """``count`` sounds of each prompt that no caption has."""
    seeds = range(FIRST_SEED, FIRST_SEED + count)
    sounds = []
    for prompt, kind in PROMPTS:
        _tell(f"{count} of “{prompt}”")
        waveforms = render(prompt, seeds, model, way)
        sounds.append(measure(waveforms, [Label(kind=kind)] * count, model.card.profile))
    return sounds


def _attributes(
    model: Model, way: Way, count: int, real: Sounds, through: Sounds
) -> list[AttributeFigures]:
    rate = model.card.profile.sample_rate
    found = []
    for kind, attribute in questions():
        _tell(f"{attribute} of {kind}")
        found.append(
            AttributeFigures(
                kind=kind,
                attribute=attribute,
                made=ask(kind, attribute, model, way, count),
                real=told(real.of(kind), attribute, rate),
                ceiling=told(through.of(kind), attribute, rate),
            )
        )
    return found


def _columns(model: Model, way: Way, made: Sounds, real: Sounds) -> Sequence[tuple[str, Sounds]]:
    """Recordings beside both qualities, or beside the one that there is."""
    best, quick = (way_of(model, quality) for quality in ("best", "quick"))
    name = model.card.name
    if best.sampling == quick.sampling:
        return [("recordings", real), (f"{name}, {way.sampling.steps} steps", made)]
    columns = [("recordings", real)]
    for one in (best, quick):
        sounds = made if one == way else generated(model, one, EACH, SHEET_CLASSES, _tell)
        columns.append((f"{name} {one.quality}, {one.sampling.steps} steps", sounds))
    return columns


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
