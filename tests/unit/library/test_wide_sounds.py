"""Stereo at another rate is to the library, and to the model, the mono sound that it is."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.dsp.finish import finish
from oneshot_server.library import sound_file
from oneshot_server.library.sound_contents import Contents
from oneshot_server.library.sound_picture import sound_picture
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.pipeline.sound_files import read_sound, sound_to_waveform
from tests.unit.dsp.profiles import PROFILE, decaying

RATE = PROFILE.sample_rate
WIDE = FinishOptions(sample_rate=48_000, width=1.0)


def bell() -> torch.Tensor:
    noise = torch.randn(RATE, generator=torch.Generator().manual_seed(1))
    hiss = 0.2 * noise * torch.exp(-torch.arange(RATE) / 2000.0)
    return decaying(440.0, t60=0.6, seconds=1.0) + hiss


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "mono.wav", tmp_path / "wide.wav"
    for path, options in zip(paths, (FinishOptions(), WIDE), strict=True):
        sound = finish(bell(), RATE, options)
        path.write_bytes(encode_wav(sound.numpy(), options.rate_of(RATE), "PCM_24"))
    return paths


def contents(path: Path) -> Contents:
    found = sound_file.read_sound(path, path.parent)
    assert found is not None
    return found


def test_the_library_hears_the_same_sound(files: tuple[Path, Path]) -> None:
    mono, wide = map(contents, files)
    assert wide.key == mono.key == "A4"
    assert wide.brightness_hz == pytest.approx(mono.brightness_hz, rel=0.06)
    assert wide.seconds == pytest.approx(mono.seconds, abs=0.006)
    a, b = (np.frombuffer(one.embedding, np.float16).astype(float) for one in (mono, wide))
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.99
    assert wide.content != mono.content


def test_its_picture_is_the_same(files: tuple[Path, Path]) -> None:
    mono, wide = (
        np.asarray(Image.open(BytesIO(sound_picture(path))))[:, :, 1].astype(float) / 255.0
        for path in files
    )
    assert np.abs(mono - wide).mean() < 0.03


def test_the_model_hears_the_same_sound(files: tuple[Path, Path]) -> None:
    mono, wide = (sound_to_waveform(*read_sound(path, 8.0), PROFILE) for path in files)
    # The onset is at a sample of either rate, which are not at the same moment.
    assert float((mono - wide).norm() / mono.norm()) < 0.08
