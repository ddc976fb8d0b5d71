"""Is what is alike near? ``python -m benchmarks.similarity --data ../shared/data/base_train``.

Precision at 10: each recording asks for the ten nearest of all other kits, and the share of them
that are of its class counts. Kits are kept apart, as one kit's sounds share a room and a
microphone. The library's embedding stands beside what is commonly taken: the mean of each of
20 MFCCs, and the means and deviations of them (both by librosa's definitions: 128 mels, hop 512,
orthonormal DCT), whitened and not.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from oneshot_server.dsp.descriptors import describe

NEAREST = 10
Vector = npt.NDArray[np.float64]


def mel_filters(rate: int, size: int, bands: int) -> Vector:
    """HTK mel triangles, (bands, bins)."""
    mels = np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), bands + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = np.linspace(0, rate / 2, size // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling))


def mfcc(waveform: Vector, rate: int, count: int = 20) -> Vector:
    """(frames, count)."""
    size, hop, bands = 2048, 512, 128
    padded = np.pad(waveform, size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2
    level = 10 * np.log10(np.maximum(power @ mel_filters(rate, size, bands).T, 1e-10))
    level = np.maximum(level, level.max() - 80)
    places = (np.arange(bands) + 0.5)[:, None] * np.arange(count) * np.pi / bands
    return np.asarray(level @ (np.cos(places) * np.sqrt(2 / bands)))


def precision(vectors: Vector, kinds: Sequence[str], kits: Sequence[str]) -> dict[str, float]:
    """Mean over the sounds of each class; a class needs ten sounds in other kits."""
    squares = (vectors**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * vectors @ vectors.T
    names, places = np.array(kinds), np.array(kits)
    found: dict[str, list[float]] = {}
    for row, (kind, kit) in enumerate(zip(kinds, kits, strict=True)):
        others = np.flatnonzero(places != kit)
        if (names[others] == kind).sum() < NEAREST:
            continue
        near = others[np.argsort(distances[row, others], kind="stable")[:NEAREST]]
        found.setdefault(kind, []).append(float((names[near] == kind).mean()))
    return {kind: float(np.mean(values)) for kind, values in sorted(found.items())}


def whitened(vectors: Vector) -> Vector:
    return (vectors - vectors.mean(axis=0)) / np.maximum(vectors.std(axis=0), 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    arguments = parser.parse_args()
    with (arguments.data / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sounds = [soundfile.read(arguments.data / row["path"], dtype="float32") for row in rows]
    kinds, kits = [row["class"] for row in rows], [row["kit"] for row in rows]

    def vectors(of: Callable[[npt.NDArray[np.float32], int], Vector]) -> Vector:
        return np.array([of(*sound) for sound in sounds], np.float64)

    def means(waveform: Vector, rate: int) -> Vector:
        return np.asarray(mfcc(waveform, rate).mean(axis=0))

    def moments(waveform: Vector, rate: int) -> Vector:
        frames = mfcc(waveform, rate)
        return np.concatenate((frames.mean(axis=0), frames.std(axis=0)))

    plain = vectors(means)
    methods = {
        "the library's embedding": vectors(lambda w, rate: describe(w, rate).embedding),
        "MFCC means": plain,
        "MFCC means, whitened": whitened(plain),
        "MFCC means and deviations, whitened": whitened(vectors(moments)),
    }
    scores = {name: precision(found, kinds, kits) for name, found in methods.items()}
    counts = Counter(kinds)
    chance = {
        kind: float(np.mean([k == kind for k in kinds])) for kind in next(iter(scores.values()))
    }
    print(f"precision at {NEAREST}, {len(rows)} sounds of {len(set(kits))} kits")
    for name, score in {**scores, "chance": chance}.items():
        by_sound = np.average(list(score.values()), weights=[counts[kind] for kind in score])
        print(f"{name:38}{by_sound:6.3f} by sound {np.mean(list(score.values())):6.3f} by class")
    print(f"\n{'class':12}{'sounds':>7}" + "".join(f"{name[:18]:>20}" for name in scores))
    for kind in chance:
        row = "".join(f"{score[kind]:20.2f}" for score in scores.values())
        print(f"{kind:12}{counts[kind]:7}{row}")


if __name__ == "__main__":
    main()
