"""What a producer asks for."""

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from oneshot_server.domain import parameters
from oneshot_server.domain.reshape import Reshape
from oneshot_server.domain.touch import Touch
from oneshot_server.errors import BadArgumentsError

MOST_CANDIDATES: Final = 8
LEAST_LORA: Final = -2.0
MOST_LORA: Final = 4.0
_SEED: Final = re.compile(r"_\d+(-\d+)?$", re.ASCII)
_VERSION: Final = re.compile(r"(.+)@(\d{1,6})", re.ASCII | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class LoraWeight:
    """One LoRA and how much of it.

    Attributes:
        name: of the LoRA.
        weight: -2 to 4; 1 is what it was trained for, below 0 leads away from it.
        version: ``None`` for the one that is live when the job is accepted.

    Raises:
        BadArgumentsError: the weight is out of range.
    """

    name: str
    weight: float
    version: int | None = None

    def __post_init__(self) -> None:
        if not LEAST_LORA <= self.weight <= MOST_LORA:
            raise BadArgumentsError(
                f"lora {parameters.shown(self.name)} has weight {self.weight:g}, "
                f"expected {LEAST_LORA:g} to {MOST_LORA:g}"
            )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The sounds that were rendered together.

    A float's last bits depend on the shape of the batch that it was computed in, so a file made as
    number 5 of 8 is the same again only as number 5 of the same 8.

    Attributes:
        seeds: seed of each sound.
        index: which of them is meant.
    """

    seeds: tuple[int, ...]
    index: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < len(self.seeds):
            raise BadArgumentsError(
                f"batch index = {self.index}, expected 0 to {len(self.seeds) - 1}"
            )


@dataclass(frozen=True, kw_only=True)
class GenerateRequest:
    """Make ``count`` sounds from a prompt. ``None`` leaves a value to the LoRAs and the model.

    Attributes:
        prompt: free text; may be empty with ``reshape``, and stands for what its parents are told.
        negative: free text to keep away from.
        count: sounds to make; their seeds are ``seed``, ``seed + 1``, …
        seed: seed of the first sound.
        steps: sampler steps.
        guidance: classifier-free guidance scale.
        sampler: one of ``parameters.SAMPLERS``.
        quality: what stands where the sampling is left open; sounds from sounds are always best.
        seconds: longest duration.
        loras: LoRAs and their weights.
        replay: make one sound of this batch again, instead of ``count`` sounds from ``seed``.
        tune: semitones, by resampling.
        level: dB, added to the usual level.
        width: of stereo, 0 for mono; ``None`` leaves it to the settings.
        walk: seeds from one independent sound to the next; those between are their neighbours.
        touch: what a hit's velocity does to each finished sound.
        reshape: begin from sounds instead of noise alone.
        parent_files: where those sounds are, in the order of its parents.
        novelty: 0 to 1; how much is rendered to find what the library does not have yet.
        taste: its seed is free, so what the listener's stars say may choose among two.

    Raises:
        BadArgumentsError: a value out of its range; the text names it.
    """

    prompt: str
    negative: str = ""
    count: int = 1
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    sampler: parameters.Sampler | None = None
    quality: parameters.Quality = "quick"
    seconds: float | None = None
    loras: tuple[LoraWeight, ...] = ()
    replay: Batch | None = None
    tune: float | None = None
    level: float | None = None
    width: float | None = None
    walk: int | None = None
    touch: Touch | None = None
    reshape: Reshape | None = None
    parent_files: tuple[str, ...] = ()
    novelty: float | None = None
    taste: bool = False

    def __post_init__(self) -> None:
        for parameter, value in (
            (parameters.PROMPT, self.prompt or (None if self.reshape else "")),
            (parameters.NEGATIVE, self.negative),
            (parameters.COUNT, self.count),
            (parameters.SEED, self.seed),
            (parameters.STEPS, self.steps),
            (parameters.GUIDANCE, self.guidance),
            (parameters.SAMPLER, self.sampler),
            (parameters.QUALITY, self.quality),
            (parameters.SECONDS, self.seconds),
            (parameters.TUNE, self.tune),
            (parameters.LEVEL, self.level),
            (parameters.WIDTH, self.width),
            (parameters.WALK, self.walk),
            (parameters.NOVELTY, self.novelty),
        ):
            if value is not None:
                parameter.check(value)
        if self.reshape is not None and len(self.parent_files) != self.reshape.takes:
            raise BadArgumentsError(
                f"{len(self.parent_files)} sounds to begin from, expected {self.reshape.takes}"
            )

    @property
    def title(self) -> str:
        """What its sounds are called: the prompt, else the parents' names without their seeds."""
        names = (_SEED.sub("", PurePath(file).stem) for file in self.parent_files)
        return self.prompt or " to ".join(names)

    @property
    def candidates(self) -> int:
        """How many sounds are rendered for each that is wanted; the seeds behind are theirs.

        A walk goes on by its seeds, and what is replayed is one sound.
        """
        if not self.novelty or self.walk is not None or self.replay is not None:
            return 1
        return 1 + round(self.novelty * (MOST_CANDIDATES - 1))

    @property
    def sampling(self) -> Hashable:
        """What of it decides how it is sampled: those that are alike can be one batch."""
        asked = (self.steps, self.guidance, self.sampler, self.quality)
        return (self.loras, *asked, bool(self.negative))

    def seed_of(self, index: int) -> int:
        """Seed of sound ``index``; wraps around at the largest seed."""
        return (self.seed + index) % (int(parameters.SEED.high) + 1)


def parse_loras(text: str) -> tuple[LoraWeight, ...]:
    """Read ``"name:0.8,other@3:0.3"``; a name alone weighs 1, @3 means version 3.

    Raises:
        BadArgumentsError: a weight that is no number from -2 to 4, or a name twice.
    """
    loras: list[LoraWeight] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, colon, weight_text = part.rpartition(":")
        if not colon:
            name, weight_text = part, "1"
        try:
            weight = float(weight_text)
        except ValueError:
            weight = float("nan")
        if not LEAST_LORA <= weight <= MOST_LORA:
            raise BadArgumentsError(
                f"lora = {parameters.shown(part)}, expected name:weight or name@version:weight, "
                f"with a weight from {LEAST_LORA:g} to {MOST_LORA:g}"
            )
        name, version = name.strip(), None
        if match := _VERSION.fullmatch(name):
            name, version = match[1].strip(), int(match[2])
        if not name or any((name, version) == (lora.name, lora.version) for lora in loras):
            raise BadArgumentsError(f"lora = {parameters.shown(text)}, expected each name once")
        loras.append(LoraWeight(name=name, weight=weight, version=version))
    return tuple(loras)


def show_loras(loras: Iterable[LoraWeight]) -> str:
    """What ``parse_loras`` reads."""
    return ",".join(
        f"{lora.name}{'' if lora.version is None else f'@{lora.version}'}:{lora.weight:g}"
        for lora in loras
    )
