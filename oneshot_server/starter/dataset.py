"""The starter's training set: recorded and synthesised one-shots as images with captions."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import soundfile
import soxr
import torch

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.descriptors import pitch
from oneshot_server.dsp.image import mel_to_image
from oneshot_server.dsp.mel import filterbank, waveform_to_mel
from oneshot_server.dsp.prepare import prepare
from oneshot_server.pipeline.prompt import note_to_hertz
from oneshot_server.starter.synth import KINDS, synthesise

UNSEEN_KITS: Final = frozenset(
    {
        "FluidR3_GM/Electronic",
        "FluidR3_GM/Room 3",
        "FluidR3_GM/Standard 1",
        "FluidR3_GM/TR-808",
        "MuseScore_General/Room 1",
        "MuseScore_General/Standard 2",
        "exadrums",
        "sonicpi/drum",
    }
)
"""Kits that are never trained on, so that the benchmark can ask what the model makes of them."""

FEWEST_VARIANTS: Final = 5
"""Times that a recording stands in the set, at least: as it is, and pitched, tilted and damped."""

MOST_VARIANTS: Final = 16
VARIED: Final = 200
"""A class has so many variants, if its recordings need no more than ``MOST_VARIANTS`` for it."""

SEMITONES: Final = 2.5
"""Furthest that a variant's pitch is moved, either way."""

NOTE_SEMITONES: Final = 6.0
"""The same of instruments, which were recorded at notes an octave apart: no gap is left."""

MEASURED_PITCHES_HZ: Final[Mapping[str, tuple[float, float]]] = {
    "kick": (32.0, 120.0),
    "tom": (45.0, 400.0),
    "conga": (80.0, 900.0),
}
"""Classes whose captions say the pitch that is measured, if it lies in these bounds: in a drum's
preset the name of the key is no pitch."""

KEYS_WITHOUT_PITCH: Final = frozenset([*MEASURED_PITCHES_HZ, "perc"])

SYNTHESISED_PER_KIND: Final = 512
DRUMS: Final = frozenset(
    [
        "kick",
        "snare",
        "clap",
        "rim",
        "closed_hat",
        "open_hat",
        "tom",
        "cowbell",
        "crash",
        "ride",
        "shaker",
    ]
)
FAVOURED: Final = DRUMS | {"conga", "perc", "bell", "bass", "pluck", "mallet", "keys"}
"""Classes that are drawn twice as often as their number says, and not less than ``LEAST_SHARE``."""

LEAST_SHARE: Final = 0.035
"""Of all draws, before the shares are scaled to a sum of 1: a fifth less comes of it."""
SYNTHESISED_SHARE: Final = 0.4
"""Of the draws of a class that has recordings and is synthesised, at least."""

CLASS_BALANCE: Final = 0.6
"""A class is drawn with its count to the power of one minus this: 1 would draw all as often."""

FEW: Final = 8
"""A class with so many recordings draws them half of the time: fewer would be learnt by heart. One
without any counts as if it had so many."""

_NOTE: Final = re.compile(r",? *\bnote ([A-G][#b]?-?\d)\b")
_BRIGHTNESS: Final = re.compile(r"\b(?:bright|dark)\b ?")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One line of a dataset's ``manifest.csv``."""

    path: Path
    kit: str
    kind: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Images, (kind, caption) of each, and how often each is drawn.

    Attributes:
        images: (batch, 1, mels, frames), float16, -1 to 1.
        captions: (class, caption) of each image.
        weights: (batch,), probability of being drawn, sums to 1.
        recorded: the first so many are recordings, the rest is synthesised.
    """

    images: torch.Tensor
    captions: list[tuple[str, str]]
    weights: torch.Tensor
    recorded: int


def read_manifest(folder: Path) -> list[Recording]:
    """Read ``manifest.csv`` of a folder of recordings; columns path, kit, class, caption."""
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return [
            Recording(
                path=folder / row["path"],
                kit=row["kit"],
                kind=row["class"],
                caption=row["caption"],
            )
            for row in csv.DictReader(file)
        ]


def load_waveform(path: Path, profile: MelProfile, *, semitones: float = 0.0) -> torch.Tensor:
    """Load a recording as (samples,) of the profile, its pitch moved as a tape would."""
    audio, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    if semitones:
        audio = soxr.resample(audio, sample_rate, sample_rate * 2.0 ** (-semitones / 12))
    return prepare(torch.from_numpy(audio.T.copy()), sample_rate, profile)


def build_dataset(folder: Path, profile: MelProfile, generator: torch.Generator) -> Dataset:
    """Render the whole training set as images.

    Args:
        folder: recordings with a ``manifest.csv``; kits of ``UNSEEN_KITS`` are left out.
        profile: the mel profile.
        generator: draws the variants and the synthesiser's parameters.
    """
    images: list[torch.Tensor] = []
    captions: list[tuple[str, str]] = []
    recordings = [r for r in read_manifest(folder) if r.kit not in UNSEEN_KITS]
    counts = Counter(recording.kind for recording in recordings)
    centroids: list[torch.Tensor] = []
    for recording in recordings:
        mels, said = _variants(recording, profile, generator, variants(counts[recording.kind]))
        images.append(mel_to_image(mels, profile, 1).half())
        centroids.append(_centroids_hz(mels, profile))
        captions.extend((recording.kind, caption) for caption in said)
    captions = coloured_captions(captions, torch.cat(centroids))
    recorded = len(captions)
    for kind, waveforms, texts in _synthesised(profile, generator):
        images.append(mel_to_image(waveform_to_mel(waveforms, profile), profile, 1).half())
        captions.extend((kind, text) for text in texts)
    return Dataset(
        images=torch.cat(images),
        captions=captions,
        weights=draw_weights([kind for kind, _ in captions], recorded, counts),
        recorded=recorded,
    )


def variants(recordings: int) -> int:
    """How often each recording of a class with so many of them stands in the set."""
    return min(MOST_VARIANTS, max(FEWEST_VARIANTS, -(-VARIED // recordings)))


def _variants(
    recording: Recording, profile: MelProfile, generator: torch.Generator, count: int
) -> tuple[torch.Tensor, list[str]]:
    noted = _noted_hertz(recording)
    furthest = NOTE_SEMITONES if noted else SEMITONES
    shifts = (torch.rand(count, generator=generator) * 2.0 - 1.0) * furthest
    shifts[0] = 0.0
    waveforms = torch.stack(
        [load_waveform(recording.path, profile, semitones=float(shift)) for shift in shifts]
    )
    mels = waveform_to_mel(waveforms, profile)
    # In decibels an equaliser's tilt and a faster decay are straight lines that are added.
    drawn = torch.rand(2, count, 1, 1, generator=generator)
    tilt = (drawn[0] * 8.0 - 4.0) * torch.linspace(-1, 1, profile.mels)[:, None]
    damping = (drawn[1] - 0.5).clamp_min(0.0) * 30.0 * torch.linspace(0, 1, profile.frames)
    change = tilt - damping
    change[0] = 0.0
    changed = mels + change
    changed = (changed - changed.amax(dim=(1, 2), keepdim=True)).clamp_min(-profile.range_db)
    hertz = noted or _measured_hertz(recording, waveforms[0], profile)
    said = [pitched_caption(recording.caption, hertz * 2.0 ** (float(s) / 12)) for s in shifts]
    return changed, said


def pitched_caption(caption: str, hertz: float) -> str:
    """A caption with a pitch in Hz instead of its note; without one if that is 0."""
    without = _NOTE.sub("", caption)
    return f"{without}, {hertz:.0f} hz" if hertz else without


def coloured_captions(
    captions: Sequence[tuple[str, str]], centroids: torch.Tensor
) -> list[tuple[str, str]]:
    """Captions that say "bright" of the brightest quarter of each class and "dark" of the darkest.

    What a caption said of it before is dropped: it was said of the recording, not of the variant.

    Args:
        captions: (class, caption) of each sound.
        centroids: (sounds,), Hz.
    """
    chosen: dict[str, list[int]] = defaultdict(list)
    for number, (kind, _) in enumerate(captions):
        chosen[kind].append(number)
    quarters = torch.tensor([0.25, 0.75])
    edges = {kind: centroids[of].quantile(quarters).tolist() for kind, of in chosen.items()}
    coloured = []
    for (kind, caption), centroid in zip(captions, centroids.tolist(), strict=True):
        dark, bright = edges[kind]
        word = "dark " if centroid < dark else "bright " if centroid > bright else ""
        coloured.append((kind, word + _BRIGHTNESS.sub("", caption)))
    return coloured


def _centroids_hz(mels: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    """(batch,), mean frequency of (batch, mels, frames), dB, weighted by amplitude."""
    bank = filterbank(profile)
    bins = torch.linspace(0.0, profile.sample_rate / 2, profile.bins)
    middles = bank @ bins / bank.sum(dim=1)
    amplitudes = (10.0 ** (mels / 20.0)).sum(dim=2)
    return amplitudes @ middles / amplitudes.sum(dim=1)


def _noted_hertz(recording: Recording) -> float:
    found = _NOTE.search(recording.caption)
    if found is None or recording.kind in KEYS_WITHOUT_PITCH:
        return 0.0
    return note_to_hertz(found[1].lower()) or 0.0


def _measured_hertz(recording: Recording, waveform: torch.Tensor, profile: MelProfile) -> float:
    if recording.kind not in MEASURED_PITCHES_HZ:
        return 0.0
    low, high = MEASURED_PITCHES_HZ[recording.kind]
    hertz = pitch(waveform.numpy(), profile.sample_rate)
    return hertz if low <= hertz <= high else 0.0


def _synthesised(
    profile: MelProfile, generator: torch.Generator
) -> Iterator[tuple[str, torch.Tensor, tuple[str, ...]]]:
    for kind in KINDS:
        for _ in range(SYNTHESISED_PER_KIND // 64):
            sounds = synthesise(
                kind,
                count=64,
                samples=profile.samples,
                sample_rate=profile.sample_rate,
                generator=generator,
            )
            yield kind, sounds.waveforms, sounds.captions


def draw_weights(
    kinds: Sequence[str], recorded: int, recordings: Mapping[str, int]
) -> torch.Tensor:
    """How often each image is drawn.

    Args:
        kinds: class of each image, those of recordings first.
        recorded: how many of the images are of recordings.
        recordings: class to its number of recordings, not counting variants.

    Returns:
        (images,), float64, sums to 1.
    """
    images = Counter((kind, number < recorded) for number, kind in enumerate(kinds))
    shares = {
        kind: max(recordings.get(kind, 0), FEW) ** (1.0 - CLASS_BALANCE)
        * (2.0 if kind in FAVOURED else 1.0)
        for kind in set(kinds)
    }
    whole = sum(shares.values())
    shares = {
        kind: max(share / whole, LEAST_SHARE if kind in FAVOURED else 0.0)
        for kind, share in shares.items()
    }

    def weight(kind: str, *, of_recording: bool) -> float:
        known = recordings.get(kind, 0)
        recorded_part = min(1.0 - SYNTHESISED_SHARE, known / (known + FEW))
        part = recorded_part if of_recording else 1.0 - recorded_part
        if not images[kind, not of_recording]:
            part = 1.0
        return float(shares[kind] * part / images[kind, of_recording])

    weights = torch.tensor(
        [weight(kind, of_recording=number < recorded) for number, kind in enumerate(kinds)],
        dtype=torch.float64,
    )
    return weights / weights.sum()
