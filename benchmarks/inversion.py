"""Mel and back on recordings, ours beside others: ``python -m benchmarks.inversion``.

Beside torchaudio, librosa where it is installed, and the time of a network of Vocos's size with
random weights. Recordings of kits that the starter was never trained on, of all kits, kicks of
them, and what is mostly noise: claps, hats, shakers, snares. Sounds are inverted one by one.

log-spec: mean absolute error of the log magnitudes over five STFT sizes, dB below the loudest bin.
SC: spectral convergence over the same. env: relative error of the 1.5 ms envelope.
"""

import argparse
import importlib.util
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torchaudio

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.inversion import mel_to_waveform
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.settings import find_profile
from oneshot_server.starter.dataset import UNSEEN_KITS, Recording, load_waveform, read_manifest
from oneshot_server.starter.train import PROFILE

NOISE = ("clap", "closed_hat", "open_hat", "shaker", "snare")

Inversion = Callable[[torch.Tensor], torch.Tensor]


def torchaudio_inversion(profile: MelProfile) -> Inversion:
    """InverseMelScale by least squares and 32 iterations of Griffin-Lim."""
    to_linear = torchaudio.transforms.InverseMelScale(
        profile.bins,
        profile.mels,
        profile.sample_rate,
        profile.f_min,
        profile.f_max,
        driver="gelsd",
    )
    to_wave = torchaudio.transforms.GriffinLim(
        profile.n_fft,
        n_iter=32,
        win_length=profile.window,
        hop_length=profile.hop,
        power=1.0,
        length=profile.samples,
    )

    def invert(mel_db: torch.Tensor) -> torch.Tensor:
        linear = to_linear(10.0 ** (mel_db / 20.0))
        wave: torch.Tensor = to_wave(torch.nn.functional.pad(linear, (0, 1)))
        return wave

    return invert


def librosa_inversion(profile: MelProfile) -> Inversion:
    """Librosa's ``mel_to_audio`` with its own 32 iterations."""
    import librosa

    def invert_one(mel_db: torch.Tensor) -> torch.Tensor:
        # Without its length, which would ask for a frame more than the mel has.
        wave = librosa.feature.inverse.mel_to_audio(
            (10.0 ** (mel_db / 20.0)).numpy(),
            sr=profile.sample_rate,
            n_fft=profile.n_fft,
            hop_length=profile.hop,
            win_length=profile.window,
            pad_mode="constant",
            power=1.0,
            n_iter=32,
            fmin=profile.f_min,
            fmax=profile.f_max,
            htk=True,
            norm=None,
        )
        return torch.nn.functional.pad(torch.from_numpy(wave), (0, profile.samples - len(wave)))

    def invert(mel_db: torch.Tensor) -> torch.Tensor:
        return torch.stack([invert_one(one) for one in mel_db])

    return invert


class Block(torch.nn.Module):
    """A ConvNeXt block of one dimension, (batch, width, frames)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.depthwise = torch.nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = torch.nn.LayerNorm(width)
        self.into = torch.nn.Linear(width, inner)
        self.out = torch.nn.Linear(inner, width)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(batch, width, frames) to the same."""
        inner = self.into(self.norm(self.depthwise(frames).transpose(1, 2)))
        added: torch.Tensor = self.out(torch.nn.functional.gelu(inner)).transpose(1, 2)
        return frames + added


class VocosSize(torch.nn.Module):
    """Eight ConvNeXt blocks of 512 and 1536 and a head of magnitudes and phases, for its time only.

    Reference: Siuzdak, 2024, "Vocos: closing the gap between time-domain and Fourier-based neural
    vocoders for high-quality audio synthesis", section 3.
    """

    def __init__(self, profile: MelProfile) -> None:
        super().__init__()
        self.profile = profile
        self.first = torch.nn.Conv1d(profile.mels, 512, 7, padding=3)
        self.blocks = torch.nn.Sequential(*(Block(512, 1536) for _ in range(8)))
        self.head = torch.nn.Linear(512, profile.window + 2)

    @torch.inference_mode()
    def forward(self, mel_db: torch.Tensor) -> torch.Tensor:
        """(batch, mels, frames), dB, to (batch, samples)."""
        size, hop = self.profile.window, self.profile.hop
        head = self.head(self.blocks(self.first(mel_db)).transpose(1, 2)).transpose(1, 2)
        level, phase = head.chunk(2, dim=1)
        spectrum = torch.polar(level.exp().clamp_max(100.0), phase)
        wave: torch.Tensor = torch.istft(
            spectrum, size, hop, window=torch.hann_window(size), length=self.profile.samples
        )
        return wave


def magnitudes(waves: torch.Tensor, size: int) -> torch.Tensor:
    window = torch.hann_window(size)
    return torch.stft(
        waves, size, size // 4, window=window, pad_mode="constant", return_complex=True
    ).abs()


def errors(true: torch.Tensor, found: torch.Tensor) -> tuple[float, float, float]:
    """log-spec, SC and env; the level, which a mel does not keep, is fitted first."""
    log_spec = convergence = 0.0
    for size in (256, 512, 1024, 2048, 4096):
        a, b = magnitudes(true, size), magnitudes(found, size)
        b = b * ((a * b).sum((1, 2)) / b.square().sum((1, 2)))[:, None, None]
        top = a.amax((1, 2), keepdim=True)
        difference = torch.log10(a / top + 1e-4) - torch.log10(b / top + 1e-4)
        log_spec += float(20.0 * difference.abs().mean()) / 5
        convergence += float(((a - b).norm(dim=(1, 2)) / a.norm(dim=(1, 2))).mean()) / 5
    envelopes = [w.abs().unfold(1, 66, 66).mean(dim=2) for w in (true, found)]
    gain = (envelopes[0] * envelopes[1]).sum(1) / envelopes[1].square().sum(1)
    off = (envelopes[0] - gain[:, None] * envelopes[1]).norm(dim=1)
    return log_spec, convergence, float((off / envelopes[0].norm(dim=1)).mean())


def spread(recordings: list[Recording], count: int) -> list[Recording]:
    """At most so many of them, from beginning to end."""
    return recordings[:: max(1, len(recordings) // count)][:count]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    parser.add_argument("--sounds", type=int, default=24, help="of each set")
    parser.add_argument("--ours", action="store_true", help="nothing beside it")
    parser.add_argument("--profile", choices=["starter", "sd15-oneshot"], help="only this one")
    arguments = parser.parse_args()
    recordings = read_manifest(arguments.data)
    sets = {
        "unseen": [r for r in recordings if r.kit in UNSEEN_KITS],
        "all": recordings,
        "kicks": [r for r in recordings if r.kind == "kick"],
        "noise": [r for r in recordings if r.kind in NOISE],
    }
    profiles = {"starter": PROFILE, "sd15-oneshot": find_profile("sd15-oneshot", Path())}
    print(
        f"{'profile':>12} {'sounds':7} {'inversion':12} "
        f"{'log-spec':>9} {'SC':>6} {'env':>6} {'ms a sound':>10} {'x real time':>11}"
    )
    for name, profile in profiles.items():
        if arguments.profile not in (None, name):
            continue
        for kits, found in sets.items():
            chosen = spread(found, arguments.sounds)
            waves = torch.stack([load_waveform(r.path, profile) for r in chosen])
            ways: dict[str, Inversion] = {"ours": partial(mel_to_waveform, profile=profile)}
            if kits == "unseen" and not arguments.ours:  # one set tells what others do
                ways |= every_way(profile)
            for label, way in ways.items():
                line = f"{profile.name:>12} {kits:7} {label:12} {measure(waves, profile, way)}"
                print(line, flush=True)


def every_way(profile: MelProfile) -> dict[str, Inversion]:
    """What there is beside ours."""
    ways: dict[str, Inversion] = {"torchaudio": torchaudio_inversion(profile)}
    if importlib.util.find_spec("librosa"):
        ways["librosa"] = librosa_inversion(profile)
    return {**ways, "Vocos's size": VocosSize(profile)}


def measure(waves: torch.Tensor, profile: MelProfile, way: Inversion) -> str:
    """Invert sounds one by one; errors and time as a part of a line."""
    mel_db = waveform_to_mel(waves, profile)
    way(mel_db[:1])
    begun = time.perf_counter()
    found = torch.cat([way(one) for one in mel_db.split(1)])
    spent = (time.perf_counter() - begun) / len(waves)
    errors_found = " " * 23
    if not isinstance(way, VocosSize):  # random weights make no sound that could be measured
        log_spec, convergence, envelope = errors(waves, found)
        errors_found = f"{log_spec:6.2f} dB {convergence:6.3f} {envelope:6.3f}"
    return f"{errors_found} {1000 * spent:10.0f} {profile.seconds / spent:11.0f}"


if __name__ == "__main__":
    main()
