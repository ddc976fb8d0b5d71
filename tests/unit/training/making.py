"""Sounds for the tests, made with numpy."""

import hashlib
from pathlib import Path

import numpy as np
import soundfile

from oneshot_server.domain.dataset import DatasetFile, IgnoredFile, Manifest

RATE = 44_100


def hit(hertz: float, *, seconds: float = 0.3, rate: int = RATE, decay: float = 12.0) -> np.ndarray:
    """A decaying sine, (samples,)."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * time) * np.exp(-decay * time)).astype(np.float32)


def write_hit(path: Path, hertz: float, **options: float) -> Path:
    """A WAV of ``hit``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, hit(hertz, **options), RATE)
    return path


def read_folder(folder: Path) -> Manifest:
    """Every visible file of a folder; its caption is its name."""
    files = [
        DatasetFile(
            path=path.relative_to(folder).as_posix(),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            caption=path.stem.replace("_", " "),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    ignored = (IgnoredFile(path="link.wav", why="it leads outside"),) if files else ()
    return Manifest(name=folder.name, files=tuple(files), ignored=ignored)
