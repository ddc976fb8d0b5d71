"""Whether what is asked for is heard: length, brightness and pitch, asked and measured."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.quality.properties import centroid_hz, length_seconds, pitch_hz
from benchmarks.quality.sounds import Sounds, Way, render, spoken
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.prompt import note_to_hertz

Attribute = Literal["length", "brightness", "pitch"]

WORDS: Final[dict[Attribute, tuple[str, str]]] = {
    "length": ("short", "long"),
    "brightness": ("dark", "bright"),
}
"""What is said for little of it, and for much."""

SIZED: Final = ("kick", "snare", "clap", "open_hat", "tom", "crash", "bass", "pluck")
COLOURED: Final = ("kick", "snare", "clap", "closed_hat", "tom", "crash", "bass", "pluck")
PITCHES_HZ: Final[dict[str, tuple[int, ...]]] = {
    "kick": (40, 55, 75),
    "tom": (70, 110, 170, 260),
    "bass": (41, 65, 98, 147),
    "pluck": (65, 131, 262, 392),
    "mallet": (262, 523, 1047),
    "keys": (65, 131, 262),
}
"""Fundamentals that recordings or the synthesiser have of a class."""

FIRST_SEED: Final = 5000
LEAST_HEARD: Final = 6
"""Sounds from which on a correlation is told."""

_NOTE: Final = re.compile(r"\bnote ([A-G][#b]?-?\d)\b")
_MEASURES: Final[dict[Attribute, Callable[[torch.Tensor, int], float]]] = {
    "length": length_seconds,
    "brightness": centroid_hz,
    "pitch": pitch_hz,
}


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What was asked for and what came, of one class.

    Attributes:
        count: sounds that have the property; a noise has no pitch.
        of: sounds that were asked for.
        correlation: Spearman's, of the asked and the measured; ``None`` of too few. Two words in
            perfect order have 0.87, three pitches 0.94, as what was asked the same is tied.
        semitones: median distance from the asked pitch; ``None`` of what is no pitch.
    """

    count: int
    of: int
    correlation: float | None
    semitones: float | None = None


def questions() -> list[tuple[str, Attribute]]:
    """Each class with what is asked of it."""
    return [
        *((kind, "length") for kind in SIZED),
        *((kind, "brightness") for kind in COLOURED),
        *((kind, "pitch") for kind in PITCHES_HZ),
    ]


def prompts_for(kind: str, attribute: Attribute) -> list[tuple[float, str]]:
    """Values, and the prompts that ask for them: -1 and 1 for words, Hz for pitches."""
    if attribute == "pitch":
        return [(float(hertz), f"{spoken(kind)} {hertz} hz") for hertz in PITCHES_HZ[kind]]
    little, much = WORDS[attribute]
    return [(-1.0, f"{little} {spoken(kind)}"), (1.0, f"{much} {spoken(kind)}")]


def ask(kind: str, attribute: Attribute, model: Model, way: Way, count: int) -> Heard:
    """Render ``count`` sounds of each prompt, from the same seeds, and listen."""
    asked: list[float] = []
    waveforms: list[torch.Tensor] = []
    for value, prompt in prompts_for(kind, attribute):
        waveforms += render(prompt, range(FIRST_SEED, FIRST_SEED + count), model, way)
        asked += [value] * count
    return listen(asked, waveforms, attribute, model.card.profile.sample_rate)


def caption_to_value(caption: str, attribute: Attribute) -> float | None:
    """What a recording's caption says of an attribute, as ``prompts_for``; ``None`` for nothing."""
    if attribute == "pitch":
        found = _NOTE.search(caption)
        return note_to_hertz(found[1].lower()) if found else None
    little, much = WORDS[attribute]
    words = re.findall(r"[a-z]+", caption.lower())
    if (little in words) == (much in words):
        return None
    return 1.0 if much in words else -1.0


def told(sounds: Sounds, attribute: Attribute, sample_rate: int) -> Heard:
    """Recordings, judged by what their captions say of them."""
    values = [caption_to_value(label.caption, attribute) for label in sounds.labels]
    chosen = [i for i, value in enumerate(values) if value is not None]
    return listen(
        [float(values[i] or 0.0) for i in chosen],
        [sounds.waveforms[i] for i in chosen],
        attribute,
        sample_rate,
    )


def listen(
    asked: Sequence[float],
    waveforms: Sequence[torch.Tensor],
    attribute: Attribute,
    sample_rate: int,
) -> Heard:
    """Compare what was asked for with what the sounds measure."""
    values = np.array(asked, dtype=np.float64)
    measured = np.array([_MEASURES[attribute](w, sample_rate) for w in waveforms])
    heard = np.isfinite(measured)
    values, measured = values[heard], measured[heard]
    correlation = semitones = None
    if len(values) >= LEAST_HEARD and np.ptp(values) > 0 and np.ptp(measured) > 0:
        correlation = float(spearmanr(values, measured).statistic)
    if attribute == "pitch" and len(values) >= LEAST_HEARD:
        semitones = float(np.median(np.abs(12.0 * np.log2(measured / values))))
    return Heard(
        count=int(heard.sum()), of=len(heard), correlation=correlation, semitones=semitones
    )
