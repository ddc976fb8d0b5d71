"""A file of the samples folder to all that the index keeps of it. Reads whatever lies there."""

import os
import stat
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import numpy as np
import soundfile

from oneshot_server.dsp.descriptors import LONGEST_SECONDS, describe
from oneshot_server.errors import MetadataError
from oneshot_server.library.audio_hash import hash_chunks
from oneshot_server.library.marks import foreign_mark
from oneshot_server.library.projection import features_to_embedding
from oneshot_server.library.riff import DATA_CHUNK, FORMAT_CHUNK, Chunk, read_content, walk
from oneshot_server.library.sound_contents import Contents, Stamp, stamp_of
from oneshot_server.library.wav_decoding import Waveform, decode_samples, read_format
from oneshot_server.library.wav_metadata import mark_in, recipe_in

LARGEST_BYTES: Final = 1024**3
HELD_BYTES: Final = 16 * 1024**2  # a larger file is read piece by piece
MOST_CHANNELS: Final = 64
LOUDEST: Final = 1e4  # of floats that are no noise of a broken file
LARGEST_FORMAT: Final = 1024  # bytes

_Decoded = tuple[Waveform, int, float]
"""Beginning of a sound as mono, its sample rate, and the duration of the whole."""


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
    try:
        chunks = [*walk(stream)]
    except MetadataError:  # no WAV, or one whose chunks are odd: it may be decoded all the same
        chunks = []
    waveform, sample_rate, seconds = _decode_wav(stream, chunks) or _decode(stream)
    heard = describe(waveform, sample_rate)
    content = hash_chunks(stream, chunks)
    mark = mark_in(stream, chunks)
    try:
        recipe = msgspec.json.encode(recipe_in(stream, chunks)).decode()
    except MetadataError:  # none, or one of a later version: the audio is there all the same
        recipe = ""
        mark = foreign_mark(samples, content) or mark
    return Contents(
        stamp=stamp,
        content=content,
        seconds=seconds,
        level_db=heard.level_db,
        brightness_hz=heard.brightness_hz,
        key=heard.key,
        embedding=features_to_embedding(heard.features).astype(np.float16).tobytes(),
        recipe=recipe,
        stars=mark.stars,
        tags=mark.tags,
    )


def _decode_wav(stream: BinaryIO, chunks: Sequence[Chunk]) -> _Decoded | None:
    """Of a plain WAV what ``_decode`` gives, sooner; ``None`` of another."""
    found = {chunk.id: chunk for chunk in chunks}
    form_chunk, data = found.get(FORMAT_CHUNK), found.get(DATA_CHUNK)
    if form_chunk is None or data is None or form_chunk.size > LARGEST_FORMAT:
        return None
    form = read_format(read_content(stream, form_chunk))
    if form is None or form.channels > MOST_CHANNELS or data.size < form.frame_bytes:
        return None
    frames = data.size // form.frame_bytes
    stream.seek(data.start)
    heard = min(frames, int(LONGEST_SECONDS * form.sample_rate))
    samples = decode_samples(stream.read(heard * form.frame_bytes), form)
    return _mono(samples), form.sample_rate, frames / form.sample_rate


def _decode(stream: BinaryIO) -> _Decoded:
    stream.seek(0)
    with soundfile.SoundFile(stream) as sound:
        if not 1 <= sound.channels <= MOST_CHANNELS or sound.samplerate < 1:
            raise ValueError(f"{sound.channels} channels at {sound.samplerate} Hz")
        frames = int(LONGEST_SECONDS * sound.samplerate)
        if not sound.frames:
            raise ValueError("it has no samples")
        samples = sound.read(frames, dtype="float32", always_2d=True)
        return _mono(samples), sound.samplerate, sound.frames / sound.samplerate


def _mono(samples: Waveform) -> Waveform:
    waveform = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    if np.abs(waveform).max() <= LOUDEST:
        return waveform
    return np.clip(np.nan_to_num(waveform, nan=0.0, posinf=0.0, neginf=0.0), -LOUDEST, LOUDEST)


def _unreadable(path: Path, error: OSError) -> Contents | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Contents(stamp=stamp_of(status), trouble=f"unreadable: {error.strerror or error}")
