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
from oneshot_server.library.riff import assemble, walk
from oneshot_server.library.wav_metadata import embed, extract

FORMAT_CHUNK: Final = b"fmt "
DATA_CHUNK: Final = b"data"
FACT_CHUNK: Final = b"fact"
FULL_SCALE_16: Final = np.float32(2.0**15)
FULL_SCALE_32: Final = np.float32(2.0**31)
_FORMAT: Final = struct.Struct("<HHIIHH")
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
    if len(chunks.get(FORMAT_CHUNK, b"")) < _FORMAT.size or DATA_CHUNK not in chunks:
        raise MetadataError("no format or no samples, expected both")
    _, channels, sample_rate, _, _, bits = _FORMAT.unpack_from(chunks[FORMAT_CHUNK])
    waveform = _decode(chunks[DATA_CHUNK], bits, channels)
    waveform = touched(waveform, sample_rate, touch)
    chunks[DATA_CHUNK] = _encode(waveform, bits)
    if FACT_CHUNK in chunks:  # float files say in it how many samples they have
        chunks[FACT_CHUNK] = _COUNT.pack(len(waveform))
    return embed(assemble(chunks.items()), replace(recipe, touch=touch)), len(
        waveform
    ) / sample_rate


def _decode(data: bytes, bits: int, channels: int) -> Waveform:
    """Bytes to (samples, channels), -1 to 1."""
    if channels < 1 or bits not in (16, 24, 32) or len(data) % (channels * bits // 8):
        raise MetadataError(f"{channels} channels of {bits} bits, expected 16, 24 or 32 bits")
    if bits == 32:
        return np.frombuffer(data, "<f4").reshape(-1, channels)
    if bits == 16:
        return np.frombuffer(data, "<i2").astype(np.float32).reshape(-1, channels) / FULL_SCALE_16
    # Four bytes from every third one: the byte before a sample, which is masked, and the sample.
    words = np.ndarray((len(data) // 3,), "<i4", b"\0" + data, strides=(3,))
    return (words & ~0xFF).astype(np.float32).reshape(-1, channels) / FULL_SCALE_32


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
