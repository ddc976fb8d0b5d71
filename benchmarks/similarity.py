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

The features, and how the map is learned, were chosen by those figures. So some kits were kept aside
(``--aside``, a folder for each) that nothing was chosen or learned by: never choose by them. Their
sounds, whose class is what their file's name says, ask for the ten nearest of all recordings, and
the map is that which the package brings along.
"""

import argparse
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from oneshot_server.dsp.descriptors import describe
from oneshot_server.library.index_rows import path_to_kind
from oneshot_server.library.projection import Projection, shipped_projection
from oneshot_server.starter.dataset import DRUMS, read_manifest
from oneshot_server.starter.train_projection import fit

NEAREST = 10
Vector = npt.NDArray[np.float64]
Strings = npt.NDArray[np.str_]
Bools = npt.NDArray[np.bool_]
Scores = dict[str, dict[str, list[float]]]
"""Method to class to the share that each of its sounds has found."""


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


def precision(
    vectors: Vector, kinds: Strings, kits: Strings, found_in: Bools | None = None
) -> dict[str, list[float]]:
    """Shares by class.

    Args:
        vectors: (sounds, numbers).
        kinds: of each sound.
        kits: of each sound.
        found_in: those that are found, and the others ask; by default all do both.
    """
    squares = (vectors**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * vectors @ vectors.T
    found: dict[str, list[float]] = {}
    for row, (kind, kit) in enumerate(zip(kinds, kits, strict=True)):
        if found_in is not None and found_in[row]:
            continue
        others = np.flatnonzero(kits != kit if found_in is None else found_in)
        if (kinds[others] == kind).sum() < NEAREST:
            continue
        near = others[np.argsort(distances[row, others], kind="stable")[:NEAREST]]
        found.setdefault(str(kind), []).append(float((kinds[near] == kind).mean()))
    return found


def whitened(vectors: Vector) -> Vector:
    return np.asarray((vectors - vectors.mean(axis=0)) / np.maximum(vectors.std(axis=0), 1e-9))


def halves(kits: Strings) -> list[Bools]:
    """Which sounds are of each half; a kit's half is drawn by its name."""
    second = np.array([zlib.crc32(str(kit).encode()) % 2 == 1 for kit in kits])
    return [~second, second]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sounds:
    """Sounds with what each method knows of them.

    Attributes:
        kinds: of each.
        kits: of each.
        features: (sounds, FEATURES), of the library.
        means: (sounds, 20), of the MFCCs.
        moments: (sounds, 40), their means and deviations.
    """

    kinds: Strings
    kits: Strings
    features: Vector
    means: Vector
    moments: Vector

    def vectors(self, learned: Projection) -> dict[str, Vector]:
        """What each method compares."""
        return {
            "the library": learned(self.features.astype(np.float32)).astype(np.float64),
            "its features": whitened(self.features),
            "MFCC means": self.means,
            "whitened": whitened(self.means),
            "and deviations": whitened(self.moments),
        }

    def part(self, chosen: Bools) -> "Sounds":
        """Some of them."""
        return Sounds(**{name: array[chosen] for name, array in vars(self).items()})

    def and_those(self, others: "Sounds") -> "Sounds":
        """These, and others behind them."""
        more = vars(others)
        return Sounds(
            **{name: np.concatenate((array, more[name])) for name, array in vars(self).items()}
        )


def listen(files: Sequence[Path], kinds: Sequence[str], kits: Sequence[str]) -> Sounds:
    sounds = [soundfile.read(file, dtype="float32") for file in files]
    frames = [mfcc(*sound) for sound in sounds]
    means = np.array([one.mean(axis=0) for one in frames])
    return Sounds(
        kinds=np.array(kinds),
        kits=np.array(kits),
        features=np.stack([describe(*sound).features for sound in sounds]).astype(np.float64),
        means=means,
        moments=np.hstack((means, [one.std(axis=0) for one in frames])),
    )


def by_halves(sounds: Sounds) -> Scores:
    scores: Scores = {}
    for half in halves(sounds.kits):
        others = sounds.part(~half)
        learned = fit(others.features.astype(np.float32), others.kinds.tolist())
        judged = sounds.part(half)
        for name, vectors in judged.vectors(learned).items():
            for kind, found in precision(vectors, judged.kinds, judged.kits).items():
                scores.setdefault(name, {}).setdefault(kind, []).extend(found)
    return scores


def by_kits_aside(known: Sounds, folder: Path) -> Scores:
    files = sorted(folder.glob("*/*.flac"))
    kinds = [path_to_kind(file.relative_to(folder).as_posix(), "") for file in files]
    every = known.and_those(listen(files, kinds, [file.parent.name for file in files]))
    found_in = np.arange(len(every.kinds)) < len(known.kinds)
    return {
        name: precision(vectors, every.kinds, every.kits, found_in)
        for name, vectors in every.vectors(shipped_projection()).items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    parser.add_argument("--aside", type=Path, default=Path("../shared/data/user_folders"))
    arguments = parser.parse_args()
    recordings = read_manifest(arguments.data)
    sounds = listen(
        [recording.path for recording in recordings],
        [recording.kind for recording in recordings],
        [recording.kit for recording in recordings],
    )
    print("the kits that the library was designed by, each half by what the other taught")
    show(by_halves(sounds))
    if arguments.aside.exists():
        print("\nkits that nothing was chosen or learned by")
        show(by_kits_aside(sounds, arguments.aside))


def show(scores: Scores) -> None:
    """Means over the sounds, and over the classes; then each class."""
    print(f"{f'precision at {NEAREST}':20}" + "".join(f"{name:>16}" for name in scores))

    def line(label: str, values: Iterable[float]) -> None:
        print(f"{label:20}" + "".join(f"{value:16.3f}" for value in values))

    for label, wanted in (("", None), ("drums, ", DRUMS)):
        chosen = [
            [found for kind, found in of.items() if wanted is None or kind in wanted]
            for of in scores.values()
        ]
        line(f"{label}by sound", (float(np.mean(np.concatenate(found))) for found in chosen))
        line(f"{label}by class", (float(np.mean([np.mean(f) for f in found])) for found in chosen))
    print()
    for kind, asked in sorted(next(iter(scores.values())).items()):
        line(f"{kind} ({len(asked)})", (float(np.mean(of[kind])) for of in scores.values()))


if __name__ == "__main__":
    main()
