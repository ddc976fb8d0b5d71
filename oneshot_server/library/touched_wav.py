"""A finished WAV to that of a softer hit: samples, recipe and all.

The engine does it to what it has just rendered, the daemon to what lay in reserve, and both get the
same bytes: that is why it begins from the file and not from the waveform.
"""

import struct
from dataclasses import replace
from io import BytesIO
from typing import Final

import numpy as np

from oneshot_server.domain.touch import Touch
from oneshot_server.dsp.touched import Waveform, touched
from oneshot_server.errors import MetadataError
from oneshot_server.library.riff import DATA_CHUNK, FORMAT_CHUNK, assemble, walk
from oneshot_server.library.wav_decoding import decode_samples, read_format
from oneshot_server.library.wav_metadata import embed, extract

FACT_CHUNK: Final = b"fact"
_COUNT: Final = struct.Struct("<I")


def touch_wav(wav: bytes, touch: Touch) -> tuple[bytes, float]:
    """Do what a hit's velocity does.

    Args:
        wav: with a recipe that tells of no touch.
        touch: what to do.

    Returns:
        The file with the touch in its samples and in its recipe, and its seconds.

    Raises:
        MetadataError: no WAV of oneshot's, or one that was touched before.
    """
    recipe = extract(wav)
    if recipe.touch is not None:
        raise MetadataError("the sound of a soft hit, expected one as it was rendered")
    chunks = {c.id: wav[c.start : c.start + c.size] for c in walk(BytesIO(wav))}
    form = read_format(chunks.get(FORMAT_CHUNK, b""))
    if DATA_CHUNK not in chunks:
        raise MetadataError("no samples, expected some")
    if form is None:
        raise MetadataError("another format, expected integers of 16 or 24 bits, or floats of 32")
    try:
        waveform = decode_samples(chunks[DATA_CHUNK], form)
    except ValueError as error:
        raise MetadataError(f"its samples cannot be read: {error}") from None
    waveform = touched(waveform, form.sample_rate, touch)
    chunks[DATA_CHUNK] = _encode(waveform, form.bits)
    if FACT_CHUNK in chunks:  # float files say in it how many samples they have
        chunks[FACT_CHUNK] = _COUNT.pack(len(waveform))
    return embed(assemble(chunks.items()), replace(recipe, touch=touch)), len(
        waveform
    ) / form.sample_rate


def _encode(waveform: Waveform, bits: int) -> bytes:
    """(samples, channels), -1 to 1, to bytes."""
    if bits == 32:
        return waveform.astype("<f4").tobytes()
    full = np.float32(2.0 ** (bits - 1))
    numbers: Waveform = np.clip(np.rint(waveform * full), -full, full - 1).reshape(-1)
    if bits == 16:
        return numbers.astype("<i2").tobytes()
    wide = numbers.astype("<i4").view(np.uint8).reshape(-1, 4)
    packed = np.empty((len(wide), 3), np.uint8)
    for byte in range(3):  # three passes over single bytes are faster than one over groups of them
        packed[:, byte] = wide[:, byte]
    return packed.tobytes()
