"""A dataset's files to sounds that can be trained on, and for the others the reason."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from oneshot_server.domain.dataset import DatasetFile, Manifest
from oneshot_server.dsp.image import mel_to_image
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.errors import BadArgumentsError
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.model_folder import hash_part
from oneshot_server.pipeline.nearest import image_features
from oneshot_server.pipeline.sound_files import UnusableError, read_sound, sound_to_waveform
from oneshot_server.training.latent_cache import Encoded, LatentCache
from oneshot_server.training.spec import TrainingPlan

NEAR_DUPLICATE_DB: Final = 3.0
"""Spectrograms that differ by less where they are loud, root mean square, are one sound bounced
again: another level, rate, depth, or a few milliseconds of silence. Takes of the same drum differ
by 5 and more."""

LOUD_DB: Final = -50.0
HELD_OUT_EVERY: Final = 4
FEWEST_TO_HOLD_OUT: Final = 4
TOLD_FILES: Final = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Sound:
    """A file that is used.

    Attributes:
        file: as the manifest has it.
        encoded: as the model sees it.
    """

    file: DatasetFile
    encoded: Encoded


@dataclass(frozen=True, kw_only=True)
class PreparedSounds:
    """What a dataset's folder was made of.

    Attributes:
        training: sounds that are trained on.
        held_out: sounds that are only listened to; of fewer than 4 sounds all.
        skipped: file, relative to the dataset's folder, and why.
    """

    training: tuple[Sound, ...]
    held_out: tuple[Sound, ...]
    skipped: tuple[tuple[str, str], ...]

    @property
    def used(self) -> tuple[Sound, ...]:
        """All sounds, sorted by path."""
        every = {sound.file.path: sound for sound in (*self.training, *self.held_out)}
        return tuple(every[path] for path in sorted(every))

    @property
    def holds_out(self) -> bool:
        """Whether any sound is kept out of the training."""
        return self.held_out != self.training


def prepare_sounds(
    manifest: Manifest,
    folder: Path,
    model: Model,
    plan: TrainingPlan,
    cache: LatentCache,
    check: Callable[[], None],
) -> PreparedSounds:
    """Read, check and encode every file of a dataset; the folder is only read.

    Args:
        manifest: of the dataset.
        folder: of the dataset.
        model: whose autoencoder makes the latents.
        plan: longest sound, variants.
        cache: keeps the latents.
        check: called between two files; may raise to stop.

    Raises:
        BadArgumentsError: no file can be used; the text says what was found.
        DiskFullError, ForbiddenError: the cache cannot be written.
    """
    sounds: list[Sound] = []
    skipped = [(file.path, file.why) for file in manifest.ignored]
    seen: dict[str, str] = {}
    for file in manifest.files:
        check()
        if file.sha256 in seen:
            skipped.append((file.path, f"the same file as {seen[file.sha256]}"))
            continue
        try:
            encoded = cache.get(file.sha256, _encoder(folder / file.path, file, model, plan))
        except UnusableError as error:
            skipped.append((file.path, str(error)))
            continue
        seen[file.sha256] = file.path
        sounds.append(Sound(file=file, encoded=encoded))
    sounds, near = _without_near_duplicates(sounds, model.card.profile.range_db)
    skipped.extend(near)
    if not sounds:
        raise BadArgumentsError(f'"{manifest.name}" has no sound to train on: {_found(skipped)}')
    held_out = _hold_out(sounds)
    return PreparedSounds(
        training=tuple(s for s in sounds if s not in held_out) if held_out else tuple(sounds),
        held_out=tuple(held_out or sounds),
        skipped=tuple(sorted(skipped)),
    )


def make_cache(work: Path, model: Model, model_folder: Path, plan: TrainingPlan) -> LatentCache:
    """The cache of latents in a work folder.

    Raises:
        ModelError: the autoencoder's files cannot be read.
    """
    changes = (plan.seed, plan.pitch_semitones, plan.shift_seconds) if plan.variants > 1 else ()
    return LatentCache(
        folder=work / "latents",
        profile=model.card.profile,
        codec=hash_part(model_folder, "vae"),
        variants=(plan.max_seconds, plan.variants, *changes),
    )


def _encoder(
    path: Path, file: DatasetFile, model: Model, plan: TrainingPlan
) -> Callable[[], Encoded]:
    def encode() -> Encoded:
        audio, sample_rate = read_sound(path, plan.max_seconds)
        # Drawn by the content, so that a sound's variants are the same in every run.
        draw = random.Random(f"{plan.seed} {file.sha256}")  # noqa: S311 - no secret
        waveforms = [sound_to_waveform(audio, sample_rate, model.card.profile)]
        for _ in range(plan.variants - 1):
            semitones = draw.uniform(-plan.pitch_semitones, plan.pitch_semitones)
            shift = draw.uniform(0.0, plan.shift_seconds)
            waveforms.append(
                sound_to_waveform(
                    audio,
                    sample_rate,
                    model.card.profile,
                    semitones=semitones,
                    shift_seconds=shift,
                )
            )
        return _encode(torch.stack(waveforms), model)

    return encode


@torch.no_grad()
def _encode(waveforms: torch.Tensor, model: Model) -> Encoded:
    """(variants, samples) to latents, and the first one's features and thumbnail."""
    profile = model.card.profile
    mel_db = waveform_to_mel(waveforms, profile)
    latents = []
    for one in mel_db.split(1):  # a large autoencoder needs much memory for each
        image = mel_to_image(one, profile, model.card.image_channels).to(model.device)
        latents.append(model.vae.encode(image).latent_dist.mode() * model.vae.config.scaling_factor)
    pooled = torch.nn.functional.adaptive_avg_pool2d(mel_db[:1], (64, 128))[0]
    return Encoded(
        latents=torch.cat(latents).float().cpu(),
        features=image_features(mel_db[:1])[0].float().cpu(),
        thumbnail=((pooled / profile.range_db + 1.0) * 255.0).round().to(torch.uint8),
    )


def _without_near_duplicates(
    sounds: list[Sound], range_db: float
) -> tuple[list[Sound], list[tuple[str, str]]]:
    if not sounds:
        return [], []
    features = torch.stack([sound.encoded.features for sound in sounds])
    # Where the whole pictures differ more, the loud parts do: few pairs are left to look at.
    near = torch.cdist(features, features) / features.shape[1] ** 0.5 < NEAR_DUPLICATE_DB
    kept: dict[int, Sound] = {}
    skipped: list[tuple[str, str]] = []
    for number, sound in enumerate(sounds):
        candidates = [
            kept[other] for other in near[number].nonzero()[:, 0].tolist() if other in kept
        ]
        twin = next(
            (
                other
                for other in candidates
                if loud_difference(sound.encoded, other.encoded, range_db) < NEAR_DUPLICATE_DB
            ),
            None,
        )
        if twin is None:
            kept[number] = sound
        else:
            skipped.append((sound.file.path, f"sounds the same as {twin.file.path}"))
    return list(kept.values()), skipped


def loud_difference(one: Encoded, other: Encoded, range_db: float) -> float:
    """How far two spectrograms differ where either is loud; dB, root mean square."""
    a, b = (e.thumbnail.float() * (range_db / 255.0) - range_db for e in (one, other))
    loud = (a > LOUD_DB) | (b > LOUD_DB)
    return float((a - b)[loud].square().mean().sqrt()) if bool(loud.any()) else 0.0


def _hold_out(sounds: list[Sound]) -> list[Sound]:
    """About a quarter, chosen by content: files that come or go move no other to the other side.

    A version that is live would otherwise be judged on sounds that it was trained on.
    """
    if len(sounds) < FEWEST_TO_HOLD_OUT:
        return []
    ordered = sorted(sounds, key=lambda sound: sound.file.sha256)
    by_hash = [s for s in ordered if int(s.file.sha256[-8:], 16) % HELD_OUT_EVERY == 0]
    fewest, most = max(1, len(sounds) // 8), max(1, len(sounds) // 3)
    others = [sound for sound in ordered if sound not in by_hash]
    chosen = (by_hash + others)[: min(max(len(by_hash), fewest), most)]
    return sorted(chosen, key=lambda sound: sound.file.path)


def _found(skipped: list[tuple[str, str]]) -> str:
    if not skipped:
        return "it holds no sound files (WAV, AIFF, FLAC, OGG, MP3)"
    told = "; ".join(f"{path}: {why}" for path, why in skipped[:TOLD_FILES])
    more = f"; and {len(skipped) - TOLD_FILES} more" if len(skipped) > TOLD_FILES else ""
    return f"{told}{more}"
