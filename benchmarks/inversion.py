"""Mel and back on recordings, ours beside others: ``python -m benchmarks.inversion``.

Beside torchaudio, librosa where it is installed, and the time of a network of Vocos's size with
random weights. Recordings of all kits, and of kits that the starter was never trained on.

log-spec: mean absolute error of the log magnitudes over five STFT sizes, dB below the loudest bin.
SC: spectral convergence over the same. env: relative error of the 1.5 ms envelope.
"""

import argparse
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torchaudio
from msgspec import structs

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.inversion import mel_to_waveform
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.settings import find_profile
from oneshot_server.starter.dataset import UNSEEN_KITS, Recording, load_waveform, read_manifest
from oneshot_server.starter.train import PROFILE

SOUNDS = 24


def torchaudio_inversion(profile: MelProfile) -> Callable[[torch.Tensor], torch.Tensor]:
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


def librosa_inversion(profile: MelProfile) -> Callable[[torch.Tensor], torch.Tensor]:
    """Librosa's ``mel_to_audio`` with its own 32 iterations."""
    import librosa

    def invert(mel_db: torch.Tensor) -> torch.Tensor:
        waves = [
            torch.from_numpy(
                librosa.feature.inverse.mel_to_audio(
                    (10.0 ** (one / 20.0)).numpy(),
                    sr=profile.sample_rate,
                    n_fft=profile.n_fft,
                    hop_length=profile.hop,
                    win_length=profile.window,
                    power=1.0,
                    n_iter=32,
                    length=profile.samples,
                    fmin=profile.f_min,
                    fmax=profile.f_max,
                    htk=True,
                    norm=None,
                )
            )
            for one in mel_db
        ]
        return torch.stack(waves)

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
        return frames + self.out(torch.nn.functional.gelu(inner)).transpose(1, 2)


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
        return torch.istft(
            spectrum, size, hop, window=torch.hann_window(size), length=self.profile.samples
        )


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


def spread(recordings: list[Recording]) -> list[Recording]:
    return recordings[:: max(1, len(recordings) // SOUNDS)][:SOUNDS]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    parser.add_argument("--ours", action="store_true", help="nothing beside it")
    arguments = parser.parse_args()
    recordings = read_manifest(arguments.data)
    sets = {
        "all": spread(recordings),
        "unseen": spread([r for r in recordings if r.kit in UNSEEN_KITS]),
    }
    profiles = (PROFILE, structs.replace(PROFILE, mels=256), find_profile("sd15-oneshot", Path()))
    print(
        f"{'profile':>12} {'mels':>4} {'kits':6} {'inversion':12} "
        f"{'log-spec':>9} {'SC':>6} {'env':>6} {'ms a sound':>10} {'x real time':>11}"
    )
    for profile in profiles:
        ways: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
            "ours": lambda m, profile=profile: mel_to_waveform(m, profile),  # type: ignore[misc]
        }
        if not arguments.ours:
            ways["torchaudio"] = torchaudio_inversion(profile)
            if importlib.util.find_spec("librosa"):
                ways["librosa"] = librosa_inversion(profile)
            ways["Vocos's size"] = VocosSize(profile)
        for kits, chosen in sets.items():
            waves = torch.stack([load_waveform(r.path, profile) for r in chosen])
            mel_db = waveform_to_mel(waves, profile)
            for name, way in ways.items():
                way(mel_db[:1])
                begun = time.perf_counter()
                found = torch.cat([way(one) for one in mel_db.split(1)])
                spent = (time.perf_counter() - begun) / len(chosen)
                # Random weights make no sound that could be measured.
                measured = " " * 23
                if not isinstance(way, VocosSize):
                    log_spec, convergence, envelope = errors(waves, found)
                    measured = f"{log_spec:6.2f} dB {convergence:6.3f} {envelope:6.3f}"
                print(
                    f"{profile.name:>12} {profile.mels:4d} {kits:6} {name:12} {measured} "
                    f"{1000 * spent:10.0f} {profile.seconds / spent:11.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
