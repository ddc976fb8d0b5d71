"""The starter's training set: recorded and synthesised one-shots as images with captions."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import soundfile
import soxr
import torch

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.image import mel_to_image
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.dsp.prepare import prepare
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

VARIANTS: Final = 5
"""Times that each recording stands in the set: as it is, and pitched, tilted and damped."""

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
SYNTHESISED_SHARE: Final = 0.4
CLASS_BALANCE: Final = 0.6
"""A class is drawn with its count to the power of one minus this: 1 would draw all as often."""


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
    for recording in recordings:
        images.extend(_variants(recording, profile, generator))
        captions.extend([(recording.kind, recording.caption)] * VARIANTS)
    recorded = len(captions)
    for kind, waveforms, texts in _synthesised(profile, generator):
        images.append(mel_to_image(waveform_to_mel(waveforms, profile), profile, 1).half())
        captions.extend((kind, text) for text in texts)
    return Dataset(
        images=torch.cat(images),
        captions=captions,
        weights=_weights(captions, recorded),
        recorded=recorded,
    )


def _variants(
    recording: Recording, profile: MelProfile, generator: torch.Generator
) -> Iterator[torch.Tensor]:
    shifts = torch.rand(VARIANTS, generator=generator) * 5.0 - 2.5
    shifts[0] = 0.0
    waveforms = torch.stack(
        [load_waveform(recording.path, profile, semitones=float(shift)) for shift in shifts]
    )
    mels = waveform_to_mel(waveforms, profile)
    # In decibels an equaliser's tilt and a faster decay are straight lines that are added.
    drawn = torch.rand(2, VARIANTS, 1, 1, generator=generator)
    tilt = (drawn[0] * 8.0 - 4.0) * torch.linspace(-1, 1, profile.mels)[:, None]
    damping = (drawn[1] - 0.5).clamp_min(0.0) * 30.0 * torch.linspace(0, 1, profile.frames)
    change = tilt - damping
    change[0] = 0.0
    changed = mels + change
    changed = (changed - changed.amax(dim=(1, 2), keepdim=True)).clamp_min(-profile.range_db)
    yield mel_to_image(changed, profile, 1).half()


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


def _weights(captions: list[tuple[str, str]], recorded: int) -> torch.Tensor:
    weights = torch.empty(len(captions), dtype=torch.float64)
    for start, stop, share in (
        (0, recorded, 1.0 - SYNTHESISED_SHARE),
        (recorded, len(captions), SYNTHESISED_SHARE),
    ):
        counts = Counter(kind for kind, _ in captions[start:stop])
        part = torch.tensor(
            [
                counts[kind] ** -CLASS_BALANCE * (2.0 if kind in DRUMS else 1.0)
                for kind, _ in captions[start:stop]
            ],
            dtype=torch.float64,
        )
        weights[start:stop] = part / part.sum() * share
    return weights
