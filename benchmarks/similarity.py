"""Is what is alike near? ``python -m benchmarks.similarity --data ../shared/data/base_train``.

Precision at 10: each recording asks for the ten nearest of all other kits, and the share of them
that are of its class counts; a class needs ten sounds in other kits. Kits are kept apart, as one
kit's sounds share a room and a microphone.

What the library learns from recordings is learned here from one half of the kits, and judged on the
other half alone, both ways round: neither the sounds that ask nor those that are found were ever
seen. Beside it, on the same halves: the same features unlearned, and what is commonly taken, the
mean of each of 20 MFCCs, and their means and deviations (librosa's definitions: 128 mels, hop 512,
orthonormal DCT). 602 of the recordings are notes of melodic presets in two kits, of which each can
find only the other's; so the drums are told apart.
"""

import argparse
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from oneshot_server.dsp.descriptors import describe
from oneshot_server.starter.dataset import DRUMS, read_manifest
from oneshot_server.starter.train_projection import fit

NEAREST = 10
Vector = npt.NDArray[np.float64]
Strings = npt.NDArray[np.str_]


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


def precision(vectors: Vector, kinds: Strings, kits: Strings) -> dict[str, list[float]]:
    """Shares by class."""
    squares = (vectors**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * vectors @ vectors.T
    found: dict[str, list[float]] = {}
    for row, (kind, kit) in enumerate(zip(kinds, kits, strict=True)):
        others = np.flatnonzero(kits != kit)
        if (kinds[others] == kind).sum() < NEAREST:
            continue
        near = others[np.argsort(distances[row, others], kind="stable")[:NEAREST]]
        found.setdefault(str(kind), []).append(float((kinds[near] == kind).mean()))
    return found


def whitened(vectors: Vector) -> Vector:
    return np.asarray((vectors - vectors.mean(axis=0)) / np.maximum(vectors.std(axis=0), 1e-9))


def halves(kits: Strings) -> list[npt.NDArray[np.bool_]]:
    """Which sounds are of each half; a kit's half is drawn by its name."""
    second = np.array([zlib.crc32(str(kit).encode()) % 2 == 1 for kit in kits])
    return [~second, second]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    recordings = read_manifest(parser.parse_args().data)
    sounds = [soundfile.read(recording.path, dtype="float32") for recording in recordings]
    kinds = np.array([recording.kind for recording in recordings])
    kits = np.array([recording.kit for recording in recordings])
    features = np.stack([describe(*sound).features for sound in sounds])
    frames = [mfcc(*sound) for sound in sounds]
    means = np.array([one.mean(axis=0) for one in frames])
    moments = np.hstack((means, [one.std(axis=0) for one in frames]))
    scores: dict[str, dict[str, list[float]]] = {}
    for half in halves(kits):
        learned = fit(features[~half], kinds[~half].tolist())
        methods = {
            "the library": learned(features[half]).astype(np.float64),
            "its features": whitened(features[half].astype(np.float64)),
            "MFCC means": means[half],
            "whitened": whitened(means[half]),
            "and deviations": whitened(moments[half]),
        }
        for name, vectors in methods.items():
            for kind, found in precision(vectors, kinds[half], kits[half]).items():
                scores.setdefault(name, {}).setdefault(kind, []).extend(found)
    show(scores)


def show(scores: dict[str, dict[str, list[float]]]) -> None:
    """Means over the sounds, and over the classes; then each class."""
    print(f"precision at {NEAREST}" + "".join(f"{name:>16}" for name in scores))

    def line(label: str, values: Iterable[float]) -> None:
        print(f"{label:15}" + "".join(f"{value:16.3f}" for value in values))

    for label, wanted in (("", None), ("drums, ", DRUMS)):
        chosen = [
            [found for kind, found in of.items() if wanted is None or kind in wanted]
            for of in scores.values()
        ]
        line(f"{label}by sound", (float(np.mean(np.concatenate(found))) for found in chosen))
        line(f"{label}by class", (float(np.mean([np.mean(f) for f in found])) for found in chosen))
    print()
    for kind in sorted(next(iter(scores.values()))):
        line(kind, (float(np.mean(of[kind])) for of in scores.values()))


if __name__ == "__main__":
    main()
