"""The sounds that are judged: recordings, rendered ones, and recordings through codec and back."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import torch

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.domain.parameters import Sampler
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.dsp.defects import SILENT
from oneshot_server.dsp.finish import finish
from oneshot_server.dsp.image import mel_to_image
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.pipeline.decoding import latents_to_waveforms
from oneshot_server.pipeline.lora_sampling import Sampling, choose_sampling
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.render import render_batch
from oneshot_server.starter.dataset import UNSEEN_KITS, Recording, load_waveform, read_manifest

Quality = Literal["best", "quick"]
Mask = npt.NDArray[np.bool_]

DRUMS: Final = (
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
)
CLASSES: Final = (*DRUMS, "conga", "perc", "bell", "bass", "pluck", "mallet", "keys")
"""What a bare prompt can be judged by: nine recordings or more, of eight kits or presets or more.

Left out are tones that are held, of which a one-shot has the beginning alone (pad, lead, brass,
wind, strings, vocal), fx, which is no one thing, and what has next to no recordings (cymbal, stab,
zap, noise).
"""

FIRST_SEED: Final = 1000
BATCH: Final = 10
POOLED: Final = 32
"""Rows and columns that a log-mel spectrogram is averaged to."""

ENVELOPE: Final = 32
ENVELOPE_FIRST_SECONDS: Final = 0.002
ENVELOPE_RANGE_DB: Final = 60.0
NO_UNSEEN: Final = 12
"""Recordings of trained kits that show the ceiling of a class that has no unseen kit."""

_PRESET: Final = re.compile(r"__(\d+_\d+)_")


@dataclass(frozen=True, kw_only=True)
class Label:
    """What is known of a sound.

    Attributes:
        kind: its class.
        kit: of a recording; empty for a rendered sound.
        source: what must not be heard by who judges it: the kit, or in a set of General MIDI
            instruments, which has all there is of some classes, the preset.
        caption: of a recording.
    """

    kind: str
    kit: str = ""
    source: str = ""
    caption: str = ""

    @property
    def unseen(self) -> bool:
        """Whether its kit was kept out of the starter's training."""
        return self.kit in UNSEEN_KITS


@dataclass(frozen=True, kw_only=True)
class Sounds:
    """Finished sounds and what they are compared by.

    Attributes:
        waveforms: each (samples,), its own length.
        features: (sounds, POOLED²), averaged log-mel, dB.
        envelopes: (sounds, ENVELOPE), dB below the loudest part.
        mels: (sounds, mels, frames), dB.
        labels: of each.
    """

    waveforms: list[torch.Tensor]
    features: npt.NDArray[np.float64]
    envelopes: npt.NDArray[np.float64]
    mels: torch.Tensor
    labels: tuple[Label, ...]

    @property
    def kinds(self) -> npt.NDArray[np.str_]:
        """Class of each."""
        return np.array([label.kind for label in self.labels])

    @property
    def unseen(self) -> Mask:
        """Which are of kits that were kept out of the starter's training."""
        return np.array([label.unseen for label in self.labels])

    def where(self, mask: Mask) -> "Sounds":
        """Those that the mask is true of."""
        chosen = np.flatnonzero(mask)
        return Sounds(
            waveforms=[self.waveforms[i] for i in chosen],
            features=self.features[chosen],
            envelopes=self.envelopes[chosen],
            mels=self.mels[torch.from_numpy(chosen)],
            labels=tuple(self.labels[i] for i in chosen),
        )

    def of(self, kind: str) -> "Sounds":
        """Those of a class."""
        return self.where(self.kinds == kind)


@dataclass(frozen=True, kw_only=True)
class Way:
    """How sounds are rendered: a quality, and what it means."""

    quality: Quality
    sampling: Sampling


def way_of(
    model: Model,
    quality: Quality,
    *,
    sampler: Sampler | None = None,
    steps: int | None = None,
    guidance: float | None = None,
) -> Way:
    """What a quality means for a model, as the daemon would have it.

    Args:
        model: the model; one without a UNet for few steps has one way for both qualities.
        quality: which of its ways.
        sampler: instead of its own.
        steps: instead of its own.
        guidance: instead of its own.

    Raises:
        BadArgumentsError: a value out of its range, or that the sampler cannot do.
    """
    request = GenerateRequest(
        prompt="kick", quality=quality, sampler=sampler, steps=steps, guidance=guidance
    )
    return Way(quality=quality, sampling=choose_sampling(request, (), model.card))


def spoken(kind: str) -> str:
    """The bare prompt of a class."""
    return kind.replace("_", " ")


def recordings(data: Path, profile: MelProfile, kinds: Sequence[str] = CLASSES) -> Sounds:
    """The recordings of the classes, finished as renders are."""
    chosen = [recording for recording in read_manifest(data) if recording.kind in kinds]
    return measure(
        [finished(load_waveform(recording.path, profile), profile) for recording in chosen],
        [_label(recording) for recording in chosen],
        profile,
    )


def render(prompt: str, seeds: Sequence[int], model: Model, way: Way) -> list[torch.Tensor]:
    """One finished sound for each seed."""
    waveforms: list[torch.Tensor] = []
    for start in range(0, len(seeds), BATCH):
        sounds = render_batch(
            prompt,
            "",
            seeds[start : start + BATCH],
            model,
            steps=way.sampling.steps,
            guidance=way.sampling.guidance,
            sampler=way.sampling.sampler,
            on_step=lambda _step, _steps: None,
        )
        waveforms += [finished(waveform, model.card.profile) for waveform in sounds.waveforms]
    return waveforms


def generated(
    model: Model,
    way: Way,
    count: int,
    kinds: Iterable[str] = CLASSES,
    tell: Callable[[str], None] = lambda _text: None,
) -> Sounds:
    """``count`` sounds a class from its bare prompt."""
    waveforms: list[torch.Tensor] = []
    labels: list[Label] = []
    for kind in kinds:
        tell(f"{count} of {spoken(kind)}")
        waveforms += render(spoken(kind), range(FIRST_SEED, FIRST_SEED + count), model, way)
        labels += [Label(kind=kind)] * count
    return measure(waveforms, labels, model.card.profile)


def ceiling(data: Path, model: Model) -> Sounds:
    """Recordings through mel, codec and inversion and back: what no denoiser can do better than.

    Those of ``some_recordings``; of a class that has no unseen kit the codec was fitted to them.
    """
    profile = model.card.profile
    chosen = some_recordings(data)
    waveforms = [
        _there_and_back(load_waveform(recording.path, profile), model) for recording, _ in chosen
    ]
    return measure(waveforms, [label for _, label in chosen], profile)


def some_recordings(data: Path) -> list[tuple[Recording, Label]]:
    """Those of unseen kits; of a class that has none, some of trained kits."""
    every = [(recording, _label(recording)) for recording in read_manifest(data)]
    found = []
    for kind in CLASSES:
        of_kind = [one for one in every if one[1].kind == kind]
        unseen = [one for one in of_kind if one[1].unseen]
        step = max(1, len(of_kind) // NO_UNSEEN)
        found += unseen or of_kind[::step][:NO_UNSEEN]
    return found


def finished(waveform: torch.Tensor, profile: MelProfile) -> torch.Tensor:
    """As it would be published; what is silent or no sound at all becomes silence, a defect."""
    if not bool(torch.isfinite(waveform).all()) or float(waveform.abs().amax()) < SILENT:
        return torch.zeros(profile.samples)
    return finish(waveform, profile.sample_rate, FinishOptions())


def measure(
    waveforms: Sequence[torch.Tensor], labels: Sequence[Label], profile: MelProfile
) -> Sounds:
    """Features of finished sounds; recordings and rendered ones go the same way."""
    padded = torch.stack(
        [torch.nn.functional.pad(w, (0, profile.samples))[: profile.samples] for w in waveforms]
    )
    mels = torch.cat([waveform_to_mel(part, profile) for part in padded.split(64)])
    pooled = torch.nn.functional.adaptive_avg_pool2d(mels[:, None], (POOLED, POOLED))
    return Sounds(
        waveforms=list(waveforms),
        features=pooled.flatten(1).double().numpy(),
        envelopes=waveforms_to_envelopes(padded, profile.sample_rate).numpy(),
        mels=mels,
        labels=tuple(labels),
    )


def waveforms_to_envelopes(waveforms: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """Level over time, in parts that grow by the same factor: the attack is worth most.

    Args:
        waveforms: (batch, samples).
        sample_rate: Hz.

    Returns:
        (batch, ENVELOPE), float64, dB below each sound's loudest part, ``-ENVELOPE_RANGE_DB`` to 0.
    """
    samples = waveforms.shape[1]
    edges = np.geomspace(ENVELOPE_FIRST_SECONDS * sample_rate, samples, ENVELOPE).round()
    ends = torch.from_numpy(edges.astype(np.int64))
    passed = torch.nn.functional.pad(waveforms.double().square().cumsum(dim=1), (1, 0))
    begins = torch.nn.functional.pad(ends[:-1], (1, 0))
    power = (passed[:, ends] - passed[:, begins]) / (ends - begins)
    loudest = power.amax(dim=1, keepdim=True).clamp_min(1e-20)
    level = 10.0 * torch.log10((power / loudest).clamp_min(1e-20))
    return level.clamp_min(-ENVELOPE_RANGE_DB)


def _label(recording: Recording) -> Label:
    preset = _PRESET.search(recording.path.stem)
    source = f"{recording.kit}/{preset[1]}" if preset else recording.kit
    return Label(kind=recording.kind, kit=recording.kit, source=source, caption=recording.caption)


@torch.inference_mode()
def _there_and_back(waveform: torch.Tensor, model: Model) -> torch.Tensor:
    profile = model.card.profile
    mel = waveform_to_mel(waveform[None], profile)
    image = mel_to_image(mel, profile, model.card.image_channels)
    encoded = model.vae.encode(image.to(device=model.device, dtype=model.vae.dtype))
    latents = encoded.latent_dist.mode() * model.vae.config.scaling_factor
    return finished(latents_to_waveforms(latents, model)[0], profile)
