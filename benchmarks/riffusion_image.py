"""Images by Riffusion's parameters, inverted: ``python -m benchmarks.riffusion_image``.

Each recording becomes a PNG of 8 bits by torchaudio and those parameters, EXIF tags and all, and is
made a sound again by ``oneshot image to-wav``'s way and by librosa's inversion, with as many
iterations as Riffusion has. The error is that of ``benchmarks.inversion``. Needs librosa, which is
no dependency: ``pip install librosa`` in a virtual environment of your own.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchaudio
from msgspec import structs
from PIL import Image

from benchmarks.inversion import errors
from oneshot_server.cli.image import PATIENT_ITERATIONS
from oneshot_server.dsp.image import image_to_mel
from oneshot_server.dsp.inversion import mel_to_waveform
from oneshot_server.library.spectrogram_png import read_spectrogram
from oneshot_server.settings import find_profile
from oneshot_server.starter.dataset import load_waveform, read_manifest

RATE, N_FFT, WINDOW, HOP, MELS, LOW, HIGH, POWER = 44_100, 17_640, 4410, 441, 512, 0, 10_000, 0.25
FRAMES = 150
ITERATIONS = 32
REMEMBERED = 10
TAGS = {
    11000: RATE, 11005: False, 11010: 10, 11020: 100, 11030: 400, 11040: MELS, 11050: LOW,
    11060: HIGH, 11070: POWER,
}  # fmt: skip


def waveform_to_png(waveform: torch.Tensor, path: Path) -> None:
    """A mono image: the fourth root of mel magnitudes, loud is dark, low at the bottom."""
    magnitudes = torchaudio.transforms.Spectrogram(
        N_FFT, WINDOW, HOP, power=1.0, pad_mode="reflect"
    )(waveform)
    mel = torchaudio.transforms.MelScale(MELS, RATE, LOW, HIGH, N_FFT // 2 + 1)(magnitudes)
    relative = (mel / mel.max())[:, :FRAMES] ** POWER
    pixels = (255.0 - 255.0 * relative).numpy().astype(np.uint8)[::-1]
    image = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
    exif = image.getexif()
    exif.update(TAGS)
    exif[11080] = float(mel.max())
    image.save(path, exif=exif)


def ours(path: Path) -> torch.Tensor:
    """As ``oneshot image to-wav`` reads and inverts it, before it is finished."""
    image = read_spectrogram(path)
    assert image.profile == find_profile("riffusion", path.parent)
    profile = structs.replace(image.profile, frames=image.levels.shape[2])
    return mel_to_waveform(
        image_to_mel(torch.from_numpy(image.levels)[None] * 2.0 - 1.0, profile),
        profile,
        griffin_lim_iterations=PATIENT_ITERATIONS,
        whole_fft=True,
    )[0]


def librosas(path: Path) -> torch.Tensor:
    """Librosa's inversion of the same pixels: what its ``mel_to_audio`` does, in two calls.

    In one it would ask for 155 GiB, as its L-BFGS remembers as many steps as the FFT has bins. Here
    it remembers as many as SciPy does by default.
    """
    import librosa

    pixels = np.asarray(Image.open(path))[::-1, :, 0].astype(np.float32)
    mel = ((255.0 - pixels) / 255.0) ** (1.0 / POWER)
    basis = librosa.filters.mel(
        sr=RATE, n_fft=N_FFT, n_mels=MELS, fmin=LOW, fmax=HIGH, htk=True, norm=None
    )
    # Without its length, which would ask for a frame more than the image has.
    found = librosa.griffinlim(
        librosa.util.nnls(basis, mel, m=REMEMBERED),
        n_iter=ITERATIONS,
        hop_length=HOP,
        win_length=WINDOW,
        n_fft=N_FFT,
        pad_mode="reflect",
        random_state=0,
    )
    return torch.nn.functional.pad(torch.from_numpy(found), (0, FRAMES * HOP - len(found)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    parser.add_argument("--sounds", type=int, default=12)
    arguments = parser.parse_args()
    try:
        import librosa
    except ImportError:
        raise SystemExit("librosa is not installed: pip install librosa") from None
    profile = structs.replace(find_profile("riffusion", arguments.data), frames=FRAMES)
    recordings = read_manifest(arguments.data)
    chosen = recordings[:: len(recordings) // arguments.sounds][: arguments.sounds]
    ways: dict[str, Callable[[Path], torch.Tensor]] = {
        "ours": ours,
        f"librosa {librosa.__version__}": librosas,
    }
    found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as work:
        for recording in chosen:
            waveform = load_waveform(recording.path, profile)
            png = Path(work) / "sound.png"
            waveform_to_png(waveform, png)
            # The image ends at 10 kHz: what lies above is nobody's fault.
            heard = low_passed(waveform)
            line = [f"{recording.path.stem[:40]:40}"]
            for name, way in ways.items():
                begun = time.perf_counter()
                back = way(png)
                spent = time.perf_counter() - begun
                measured = errors(heard[None], back[None, : len(heard)])
                found[name].append((*measured, spent))
                line.append(f"{name} {measured[0]:.2f} dB")
            print("  ".join(line), flush=True)
    print(f"\n{'inversion':16} {'log-spec':>9} {'SC':>6} {'env':>6} {'s a sound':>10}")
    for name, rows in found.items():
        log_spec, convergence, envelope, spent = np.mean(rows, axis=0)
        print(f"{name:16} {log_spec:6.2f} dB {convergence:6.3f} {envelope:6.3f} {spent:10.2f}")


def low_passed(waveform: torch.Tensor) -> torch.Tensor:
    """What of a sound lies below the image's highest edge."""
    spectrum = torch.fft.rfft(waveform)
    spectrum[torch.fft.rfftfreq(len(waveform), 1.0 / RATE) > HIGH] = 0.0
    filtered: torch.Tensor = torch.fft.irfft(spectrum, len(waveform))
    return filtered


if __name__ == "__main__":
    main()
