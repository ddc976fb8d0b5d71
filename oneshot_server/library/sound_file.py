"""A file of the samples folder to all that the index keeps of it. Reads whatever lies there."""

import os
import stat
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile

from oneshot_server.domain.library import Mark
from oneshot_server.domain.recipe import Recipe
from oneshot_server.dsp.descriptors import LONGEST_SECONDS, describe
from oneshot_server.errors import MetadataError
from oneshot_server.library.audio_hash import hash_audio
from oneshot_server.library.marks import foreign_mark
from oneshot_server.library.projection import features_to_embedding
from oneshot_server.library.riff import walk
from oneshot_server.library.sound_contents import Contents, Stamp, stamp_of
from oneshot_server.library.wav_metadata import RECIPE_CHUNK, read_mark, recipe_in

LARGEST_BYTES: Final = 1024**3
HELD_BYTES: Final = 16 * 1024**2  # a larger file is read piece by piece
MOST_CHANNELS: Final = 64


def read_sound(path: Path, samples: Path) -> Contents | None:
    """Read a file; never follows a link, waits for a pipe or decodes more than a few seconds.

    Args:
        path: of the file.
        samples: the samples folder, which has the marks of foreign files.

    Returns:
        ``None`` if it is gone, or no regular file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        return _unreadable(path, error)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return None
        stamp = stamp_of(status)
        if stamp.size > LARGEST_BYTES:
            size = stamp.size / 1024**3
            return Contents(stamp=stamp, trouble=f"{size:.1f} GiB, larger than 1 GiB")
        try:
            return _read(file, stamp, samples)
        except OSError as error:
            return Contents(stamp=stamp, trouble=f"unreadable: {error.strerror or error}")
        except (soundfile.SoundFileError, ValueError, TypeError) as error:
            return Contents(stamp=stamp, trouble=f"no sound: {error}")


def _read(file: BinaryIO, stamp: Stamp, samples: Path) -> Contents:
    stream: BinaryIO = BytesIO(file.read()) if stamp.size <= HELD_BYTES else file
    waveform, sample_rate, seconds = _decode(stream)
    heard = describe(waveform, sample_rate)
    content = hash_audio(stream)
    try:
        recipe, mark = _recipe(stream), read_mark(stream)
    except MetadataError:  # no WAV, or one whose chunks are odd: it was decoded all the same
        recipe, mark = None, Mark()
    if recipe is None:
        mark = foreign_mark(samples, content) or mark
    return Contents(
        stamp=stamp,
        content=content,
        seconds=seconds,
        level_db=heard.level_db,
        brightness_hz=heard.brightness_hz,
        key=heard.key,
        embedding=features_to_embedding(heard.features).astype(np.float16).tobytes(),
        recipe="" if recipe is None else msgspec.json.encode(recipe).decode(),
        stars=mark.stars,
        tags=mark.tags,
    )


def _decode(stream: BinaryIO) -> tuple[npt.NDArray[np.float32], int, float]:
    """Beginning of the sound as mono, its sample rate, and the duration of the whole."""
    stream.seek(0)
    with soundfile.SoundFile(stream) as sound:
        if not 1 <= sound.channels <= MOST_CHANNELS or sound.samplerate < 1:
            raise ValueError(f"{sound.channels} channels at {sound.samplerate} Hz")
        frames = int(LONGEST_SECONDS * sound.samplerate)
        if not sound.frames:
            raise ValueError("it has no samples")
        samples: npt.NDArray[Any] = sound.read(frames, dtype="float32", always_2d=True)
        waveform = np.nan_to_num(samples.mean(axis=1), nan=0.0, posinf=0.0, neginf=0.0)
        return waveform, sound.samplerate, sound.frames / sound.samplerate


def _recipe(stream: BinaryIO) -> Recipe | None:
    if not any(chunk.id == RECIPE_CHUNK for chunk in walk(stream)):
        return None
    try:
        return recipe_in(stream)
    except MetadataError:  # of a later version, or broken: the audio is there all the same
        return None


def _unreadable(path: Path, error: OSError) -> Contents | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Contents(stamp=stamp_of(status), trouble=f"unreadable: {error.strerror or error}")
