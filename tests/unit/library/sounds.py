"""Small sounds and a library of them, for tests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from oneshot_server.domain.library import Query
from oneshot_server.library.sound_contents import Contents
from oneshot_server.library.sound_file import read_sound
from oneshot_server.library.sound_library import SoundLibrary
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.library.wav_metadata import embed
from tests.unit.library.test_wav_metadata import RECIPE

RATE = 44_100


def tone(hertz: float, seconds: float = 0.2) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    return 0.9 * np.sin(2 * np.pi * hertz * time) * np.exp(-6 * time)


def foreign(hertz: float, **options) -> bytes:
    """A WAV that somebody else made."""
    return encode_wav(tone(hertz, **options), RATE, "PCM_16")


def render(seed: int, prompt: str = "punchy kick", hertz: float | None = None) -> bytes:
    """A WAV as the engine makes it."""
    wav = encode_wav(tone(hertz or 50.0 + seed), RATE, "PCM_24")
    return embed(wav, replace(RECIPE, prompt=prompt, caption=prompt, seed=seed))


class InProcess:
    """Reads sounds here: a test of other things needs no processes."""

    def __init__(self, samples: Path) -> None:
        self._samples = samples
        self.read_paths: list[str] = []

    def read(self, paths: Sequence[str]) -> Iterator[list[tuple[str, Contents | None]]]:
        self.read_paths += paths
        yield [(path, read_sound(self._samples / path, self._samples)) for path in paths]

    def rest(self) -> None:
        pass

    stop = close = rest


@contextmanager
def library(home: Path, *, processes: bool = False) -> Iterator[SoundLibrary]:
    """The library of ``home / "samples"``; it has not looked at anything yet."""
    (home / "samples").mkdir(parents=True, exist_ok=True)
    samples = home / "samples"
    opened = SoundLibrary(
        index=home / "sounds.db",
        samples=samples,
        database=home / "library.db",
        reader=None if processes else InProcess(samples),
    )
    try:
        yield opened
    finally:
        opened.close()


def follow(opened: SoundLibrary) -> None:
    """Bring the index up to the folder."""
    changed, gone = opened.compare()
    opened.update(changed)
    opened.update([], gone)


def paths(opened: SoundLibrary) -> list[str]:
    return sorted(sound.path for sound in opened.every(Query()))
