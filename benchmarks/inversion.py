"""Mel and back on recordings, ours beside torchaudio's: ``python -m benchmarks.inversion``.

log-spec: mean absolute error of the log magnitudes over five STFT sizes, dB below the loudest bin.
SC: spectral convergence over the same. env: relative error of the 1.5 ms envelope.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torchaudio
from msgspec import structs

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.inversion import mel_to_waveform
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.starter.dataset import load_waveform, read_manifest
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    arguments = parser.parse_args()
    recordings = read_manifest(arguments.data)
    chosen = recordings[:: len(recordings) // SOUNDS][:SOUNDS]
    print(f"{'mels':>4} {'inversion':12} {'log-spec':>9} {'SC':>6} {'env':>6} {'ms a sound':>10}")
    for mels in (128, 256):
        profile = structs.replace(PROFILE, mels=mels)
        waves = torch.stack([load_waveform(r.path, profile) for r in chosen])
        mel_db = waveform_to_mel(waves, profile)
        ways: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
            "ours": lambda m, profile=profile: mel_to_waveform(m, profile),  # type: ignore[misc]
            "torchaudio": torchaudio_inversion(profile),
        }
        for name, way in ways.items():
            way(mel_db[:1])
            begun = time.perf_counter()
            found = torch.cat([way(one) for one in mel_db.split(1)])
            spent = 1000 * (time.perf_counter() - begun) / SOUNDS
            log_spec, convergence, envelope = errors(waves, found)
            print(
                f"{mels:4d} {name:12} {log_spec:6.2f} dB {convergence:6.3f} {envelope:6.3f} "
                f"{spent:10.0f}"
            )


if __name__ == "__main__":
    main()
