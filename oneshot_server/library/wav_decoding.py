"""The samples of a WAV's chunks, for the formats that nearly all one-shots have."""

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Waveform = npt.NDArray[np.float32]

FULL_SCALE_16: Final = np.float32(2.0**15)
FULL_SCALE_32: Final = np.float32(2.0**31)
_FORMAT: Final = struct.Struct("<HHIIHH")
_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
_SUBFORMAT: Final = 24  # where an extensible format says which one it is
_GUID_END: Final = bytes.fromhex("000000001000800000aa00389b71")


@dataclass(frozen=True, kw_only=True)
class WavFormat:
    """What a format chunk says, of integers of 16 or 24 bits or floats of 32.

    Attributes:
        channels: 1 or more.
        sample_rate: Hz, 1 or more.
        bits: of a sample: 16 or 24, or 32 for floats.
    """

    channels: int
    sample_rate: int
    bits: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of each channel."""
        return self.channels * self.bits // 8


def read_format(content: bytes) -> WavFormat | None:
    """A format chunk; ``None`` if it is of another format, or makes no sense."""
    if len(content) < _FORMAT.size:
        return None
    tag, channels, sample_rate, _, frame_bytes, bits = _FORMAT.unpack_from(content)
    if tag == _EXTENSIBLE and content[_SUBFORMAT + 2 : _SUBFORMAT + 16] == _GUID_END:
        tag = int.from_bytes(content[_SUBFORMAT : _SUBFORMAT + 2], "little")
    if (tag, bits) not in {(_PCM, 16), (_PCM, 24), (_FLOAT, 32)} or not channels or not sample_rate:
        return None
    found = WavFormat(channels=channels, sample_rate=sample_rate, bits=bits)
    return found if frame_bytes == found.frame_bytes else None


def decode_samples(data: bytes, form: WavFormat) -> Waveform:
    """A data chunk, or the beginning of one.

    Args:
        data: whole frames.
        form: of the samples.

    Returns:
        (samples, channels), -1 to 1; floats as they are.

    Raises:
        ValueError: no whole frames.
    """
    if len(data) % form.frame_bytes:
        raise ValueError(f"{len(data)} bytes, expected frames of {form.frame_bytes}")
    if form.bits == 32:
        return np.frombuffer(data, "<f4").reshape(-1, form.channels)
    if form.bits == 16:
        samples = np.frombuffer(data, "<i2").astype(np.float32)
        return samples.reshape(-1, form.channels) / FULL_SCALE_16
    # Four bytes from every third one: the byte before a sample, which is masked, and the sample.
    words = np.ndarray((len(data) // 3,), "<i4", b"\0" + data, strides=(3,))
    return (words & ~0xFF).astype(np.float32).reshape(-1, form.channels) / FULL_SCALE_32
