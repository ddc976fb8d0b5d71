"""Learns what makes sounds alike, and what is usual for each kind, from recordings.

``python -m oneshot_server.starter.train_projection --data FOLDER``: the features are whitened by
their covariance within a kind, and each direction is weighted by how much of what is left tells
kinds apart. What a third of the recordings of a kind lies below, and above, is its usual length and
brightness.

Reference: Hatch et al., 2006, "Within-class covariance normalization"; the weights are those of
Ioffe, 2006, "Probabilistic linear discriminant analysis", for one sound compared with one other.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile

from oneshot_server.dsp.descriptors import FEATURES, describe
from oneshot_server.library.gaps import TYPICAL
from oneshot_server.library.projection import EMBEDDING, SHIPPED, Projection
from oneshot_server.starter.dataset import read_manifest

SHRINKAGE: Final = 0.05
LEAST_WEIGHT: Final = 0.2
"""Directions that tell no kinds apart still tell one kick from another."""
FEWEST: Final = 3
FEWEST_FOR_USUAL: Final = 8
HALF_MIDDLE: Final = 1.25
"""The middle is at least so wide, as a ratio from its centre: few kits have claps of their own."""
LONGEST_LIMIT_SECONDS: Final = 1.2
"""Recordings are cut at 1.5 s, and so are renders: what is longer than this is long."""
PAIRS: Final = 200_000


def fit(features: npt.NDArray[np.float32], kinds: Sequence[str]) -> Projection:
    """Learn a projection.

    Args:
        features: (sounds, FEATURES).
        kinds: of each sound.
    """
    mean, deviation = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    # In double precision, and each kind with the square root of its count: a kind of which there
    # are many must not say alone what is alike.
    scaled = ((features - mean) / deviation).astype(np.float64)
    names = np.array(kinds)
    within = np.zeros((FEATURES, FEATURES))
    total, means = 0.0, []
    for kind in sorted(set(kinds)):
        sounds = scaled[names == kind]
        if len(sounds) < FEWEST:
            continue
        means.append(sounds.mean(axis=0))
        centred = sounds - means[-1]
        within += centred.T @ centred / np.sqrt(len(sounds))
        total += float(np.sqrt(len(sounds)))
    within /= total
    level = np.trace(within) / FEATURES
    within = (1 - SHRINKAGE) * within + SHRINKAGE * level * np.eye(FEATURES)
    values, vectors = np.linalg.eigh(within)
    whitening = vectors / np.sqrt(values)
    between = (np.array(means) - np.mean(means, axis=0)) @ whitening
    _, strengths, directions = np.linalg.svd(between, full_matrices=True)
    variance = np.zeros(FEATURES)
    variance[: len(strengths)] = strengths**2 / len(means)
    weights = np.maximum(variance / (variance + 1), LEAST_WEIGHT)
    axes = (whitening @ directions.T * weights)[:, :EMBEDDING] / deviation[:, None]
    projected = (features - mean) @ axes
    axes /= _usual(projected, names)
    return Projection(mean=np.asarray(mean, np.float32), axes=np.asarray(axes, np.float32))


def _usual(projected: npt.NDArray[np.float64], names: npt.NDArray[np.str_]) -> float:
    """Median distance of two sounds of one kind."""
    draw = np.random.default_rng(0)
    one, other = draw.integers(0, len(names), (2, PAIRS))
    same = (names[one] == names[other]) & (one != other)
    gaps = projected[one[same]] - projected[other[same]]
    return float(np.median(np.linalg.norm(gaps, axis=1)))


def usual_limits(
    kinds: Sequence[str], seconds: Sequence[float], brightness_hz: Sequence[float]
) -> dict[str, tuple[list[float], list[float]]]:
    """Between which lengths, and which brightnesses, the middle third of each kind lies."""
    names, limits = np.array(kinds), {}
    for kind, count in sorted(Counter(kinds).items()):
        if count < FEWEST_FOR_USUAL:
            continue
        low, high = np.quantile(np.array(seconds)[names == kind], (1 / 3, 2 / 3))
        high = min(high, LONGEST_LIMIT_SECONDS)
        dark, bright = np.quantile(np.array(brightness_hz)[names == kind], (1 / 3, 2 / 3))
        centre = np.sqrt(dark * bright)
        hertz = (min(dark, centre / HALF_MIDDLE), max(bright, centre * HALF_MIDDLE))
        limits[kind] = (
            [round(float(min(low, high / 2)), 2), round(float(high), 2)],
            [float(round(limit)) for limit in hertz],
        )
    return limits


def main() -> None:
    """Learn from a folder with a ``manifest.csv``, and write what the package brings along."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    recordings = read_manifest(parser.parse_args().data)
    sounds = [soundfile.read(recording.path, dtype="float32") for recording in recordings]
    heard = [describe(*sound) for sound in sounds]
    kinds = [recording.kind for recording in recordings]
    fit(np.stack([one.features for one in heard]), kinds).write(SHIPPED)
    seconds = [len(waveform) / sample_rate for waveform, sample_rate in sounds]
    usual = usual_limits(kinds, seconds, [one.brightness_hz for one in heard])
    TYPICAL.write_text(json.dumps(usual, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
