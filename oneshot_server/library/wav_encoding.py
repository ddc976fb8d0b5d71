"""Samples to the bytes of a WAV file; the same samples always give the same bytes."""

from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soundfile

from oneshot_server.errors import MetadataError
from oneshot_server.library.riff import assemble, walk

SUBTYPES: Final = ("PCM_16", "PCM_24", "FLOAT")
PEAK_CHUNK: Final = b"PEAK"


def encode_wav(waveform: npt.NDArray[Any], sample_rate: int, subtype: str) -> bytes:
    """Encode a sound.

    Args:
        waveform: (samples,) or (samples, channels), -1 to 1.
        sample_rate: Hz.
        subtype: ``PCM_16``, ``PCM_24`` or ``FLOAT``.

    Raises:
        ValueError: another shape or subtype, or samples that are not finite.
    """
    if subtype not in SUBTYPES:
        raise ValueError(f"subtype = {subtype!r}, expected one of {', '.join(SUBTYPES)}")
    if waveform.ndim not in (1, 2) or 0 in waveform.shape:
        raise ValueError(f"shape = {waveform.shape}, expected (samples,) or (samples, channels)")
    if not np.isfinite(waveform).all():
        raise ValueError("NaN or infinite samples, expected finite ones")
    stream = BytesIO()
    soundfile.write(stream, waveform, sample_rate, format="WAV", subtype=subtype)
    wav = stream.getvalue()
    # libsndfile writes the time of day into the PEAK chunk of float files.
    return assemble(
        (chunk.id, wav[chunk.start : chunk.start + chunk.size])
        for chunk in walk(stream)
        if chunk.id != PEAK_CHUNK
    )


def read_beginning(path: Path, most_seconds: float) -> tuple[npt.NDArray[np.float32], int]:
    """The beginning of a sound of any format that libsndfile reads.

    Returns:
        (samples, channels), and the sample rate, Hz.

    Raises:
        MetadataError: the file is no sound that can be read.
    """
    try:
        with soundfile.SoundFile(path) as file:
            frames = int(file.samplerate * most_seconds)
            waveform = file.read(frames, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise MetadataError(f"{path.name} cannot be read: {error}") from None
    return np.nan_to_num(waveform), file.samplerate
