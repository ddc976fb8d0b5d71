"""What is said of a sound: how it measures, and which adjectives its parameters decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch

from oneshot_server.starter.synth.voice import Grid

MEASURED_WORDS: Final = ("short", "long", "dark", "bright", "deep", "high")

TRAIT_WORDS: Final = (
    "punchy",
    "clicky",
    "snappy",
    "soft",
    "boomy",
    "muted",
    "noisy",
    "clean",
    "metallic",
    "detuned",
    "minor",
    "major",
    "rising",
    "falling",
    "distorted",
    "lofi",
    "roomy",
    "dry",
    "tr-808",
)

INSTRUMENT_WORDS: Final = (
    "woodblock",
    "claves",
    "agogo",
    "castanets",
    "guiro",
    "tubular",
    "triangle",
    "marimba",
    "xylophone",
    "vibraphone",
    "glockenspiel",
    "kalimba",
    "rhodes",
    "organ",
    "harpsichord",
    "clavinet",
)
"""Which of the instruments of its class a sound is."""

ORIGINS: Final = ("electronic", "acoustic")

ADJECTIVES: Final = INSTRUMENT_WORDS + MEASURED_WORDS + TRAIT_WORDS + ORIGINS
"""Every word that a caption may hold besides its class and a pitch, in a caption's order."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where a kind's adjectives begin; between the two of a pair nothing is said.

    Attributes:
        length_seconds: "short" below the first, "long" above the second.
        centroid_hz: "dark" below the first, "bright" above the second.
        pitch_hz: "deep" below the first, "high" above the second.
    """

    length_seconds: tuple[float, float]
    centroid_hz: tuple[float, float]
    pitch_hz: tuple[float, float] = (0.0, float("inf"))


THRESHOLDS: Final[Mapping[str, Thresholds]] = {
    "kick": Thresholds(length_seconds=(0.1, 0.2), centroid_hz=(490, 910), pitch_hz=(47.5, 58.5)),
    "snare": Thresholds(
        length_seconds=(0.083, 0.127), centroid_hz=(4100, 5800), pitch_hz=(178, 226)
    ),
    "clap": Thresholds(length_seconds=(0.085, 0.15), centroid_hz=(5800, 8600)),
    "rim": Thresholds(length_seconds=(0.025, 0.047), centroid_hz=(1900, 2800), pitch_hz=(470, 630)),
    "closed_hat": Thresholds(length_seconds=(0.025, 0.05), centroid_hz=(8100, 11700)),
    "open_hat": Thresholds(length_seconds=(0.19, 0.33), centroid_hz=(8600, 12000)),
    "tom": Thresholds(length_seconds=(0.11, 0.23), centroid_hz=(900, 1600), pitch_hz=(105, 175)),
    "cowbell": Thresholds(
        length_seconds=(0.06, 0.125), centroid_hz=(1500, 2000), pitch_hz=(490, 660)
    ),
    "crash": Thresholds(length_seconds=(0.5, 0.87), centroid_hz=(9500, 10800)),
    "ride": Thresholds(length_seconds=(0.27, 0.55), centroid_hz=(5900, 8900)),
    "shaker": Thresholds(length_seconds=(0.052, 0.09), centroid_hz=(6500, 7700)),
    "conga": Thresholds(length_seconds=(0.06, 0.12), centroid_hz=(800, 1600), pitch_hz=(175, 285)),
    "perc": Thresholds(
        length_seconds=(0.04, 0.085), centroid_hz=(2150, 3700), pitch_hz=(830, 1400)
    ),
    "bell": Thresholds(length_seconds=(0.28, 0.72), centroid_hz=(2500, 4250), pitch_hz=(430, 730)),
    "mallet": Thresholds(
        length_seconds=(0.155, 0.355), centroid_hz=(1050, 1800), pitch_hz=(390, 830)
    ),
    "keys": Thresholds(length_seconds=(0.22, 0.43), centroid_hz=(1000, 2250), pitch_hz=(145, 300)),
    "zap": Thresholds(length_seconds=(0.083, 0.165), centroid_hz=(4000, 6100)),
    "bass": Thresholds(length_seconds=(0.27, 0.54), centroid_hz=(290, 660), pitch_hz=(51, 80)),
    "pluck": Thresholds(length_seconds=(0.18, 0.39), centroid_hz=(1000, 2100), pitch_hz=(160, 375)),
    "stab": Thresholds(length_seconds=(0.165, 0.33), centroid_hz=(1070, 1900), pitch_hz=(165, 250)),
    "noise": Thresholds(length_seconds=(0.092, 0.25), centroid_hz=(3400, 5400)),
}
"""Thirds of what the synthesiser makes of a kind, measured over 256 sounds of 1.49 s each."""


def spoken(kind: str) -> str:
    """The class as it is said."""
    return kind.replace("_", " ")


def length_seconds(waveforms: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Time by which 99 % of a sound's energy has passed; (count, 1)."""
    passed = waveforms.double().square().cumsum(dim=1)
    until = (passed < 0.99 * passed[:, -1:]).sum(dim=1, keepdim=True)
    return until.float() / grid.sample_rate


def centroid_hz(waveforms: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Mean frequency, weighted by amplitude; (count, 1).

    By amplitude and not by power, as a kick's click would else not count beside its body.
    """
    amplitudes = torch.fft.rfft(waveforms).abs()
    frequencies = torch.linspace(0.0, grid.nyquist_hz, amplitudes.shape[1])
    weighted = torch.mv(amplitudes, frequencies)[:, None]
    return weighted.div_(amplitudes.sum(dim=1, keepdim=True))


def describe(
    kind: str,
    waveforms: torch.Tensor,
    grid: Grid,
    *,
    pitch_hz: torch.Tensor,
    traits: Mapping[str, torch.Tensor],
    acoustic: torch.Tensor,
) -> tuple[str, ...]:
    """Caption finished sounds.

    Args:
        kind: their class.
        waveforms: (count, samples).
        grid: the time grid.
        pitch_hz: (count, 1), 0 where a sound has no pitch.
        traits: (count, 1), bool, for adjectives of ``TRAIT_WORDS``.
        acoustic: (count, 1), bool.

    Returns:
        One caption a sound: class, adjectives, pitch, origin, with commas between.
    """
    limits = THRESHOLDS[kind]
    length, centroid = length_seconds(waveforms, grid), centroid_hz(waveforms, grid)
    said = {
        "short": length < limits.length_seconds[0],
        "long": length > limits.length_seconds[1],
        "dark": centroid < limits.centroid_hz[0],
        "bright": centroid > limits.centroid_hz[1],
        "deep": (pitch_hz > 0.0) & (pitch_hz < limits.pitch_hz[0]),
        "high": pitch_hz > limits.pitch_hz[1],
        **traits,
    }
    said["clean"] = (
        said.get("clean", torch.zeros_like(acoustic)) & ~said["distorted"] & ~said["lofi"]
    )
    flags = {word: said[word][:, 0].tolist() for word in ADJECTIVES if word in said}
    pitches, bodies = pitch_hz[:, 0].tolist(), acoustic[:, 0].tolist()
    return tuple(
        ", ".join(
            [spoken(kind)]
            + [word for word, holds in flags.items() if holds[row]]
            + ([f"{round(pitch)} hz"] if pitch else [])
            + ["acoustic" if bodies[row] else "electronic"]
        )
        for row, pitch in enumerate(pitches)
    )
