"""A sound as a small picture: its waveform above, its spectrogram below.

The picture is white and says everything by its opacity, so that a page can give it any colour.
"""

from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from oneshot_server.library.wav_encoding import read_beginning

COLUMNS: Final = 192
ROWS: Final = 64
"""Of each half."""
WINDOW: Final = 1024
LOW_HZ: Final = 40.0
HIGH_HZ: Final = 18_000.0
RANGE_DB: Final = 66.0
MOST_SECONDS: Final = 20
LEVELS: Final = 31
"""Steps of opacity: what more of them add cannot be seen, and the file doubles by it."""

Floats = npt.NDArray[np.float32]


def sound_picture(path: Path) -> bytes:
    """A PNG of 192 by 128 pixels; of a long file, of its first twenty seconds.

    Raises:
        MetadataError: the file is no sound that can be read.
    """
    waveform, rate = read_beginning(path, MOST_SECONDS)
    mono = waveform.mean(axis=1) if waveform.size else np.zeros(1, np.float32)
    opacity = np.vstack([waveform_rows(mono), spectrogram_rows(mono, rate)])
    stepped = (np.round(opacity * LEVELS) * (255 // LEVELS)).astype(np.uint8)
    image = Image.merge("LA", (Image.new("L", (COLUMNS, 2 * ROWS), 255), Image.fromarray(stepped)))
    stream = BytesIO()
    image.save(stream, format="PNG", compress_level=6)
    return stream.getvalue()


def waveform_rows(mono: Floats) -> Floats:
    """The span from lowest to highest sample of each column.

    Args:
        mono: (samples,).

    Returns:
        (ROWS, COLUMNS), 0 to 1; the loudest sample fills the height.
    """
    edges = np.linspace(0, len(mono), COLUMNS, endpoint=False).astype(int)
    scale = 0.5 * ROWS / max(float(np.abs(mono).max()), 1e-4)
    low = ROWS / 2 - np.maximum.reduceat(mono, edges) * scale - 0.5
    high = ROWS / 2 - np.minimum.reduceat(mono, edges) * scale + 0.5
    rows = np.arange(ROWS)[:, None]
    # How much of each pixel the span covers, so that slopes are smooth.
    covered = np.minimum(high, rows + 1) - np.maximum(low, rows)
    return np.asarray(np.clip(covered, 0.0, 1.0), np.float32)


def spectrogram_rows(mono: Floats, rate: int) -> Floats:
    """Level over time and, by octaves, frequency; high frequencies are at the top.

    Args:
        mono: (samples,).
        rate: Hz.

    Returns:
        (ROWS, COLUMNS), 0 to 1: from 66 dB below the loudest point up to it.
    """
    starts = np.linspace(0, max(len(mono) - WINDOW // 4, 0), COLUMNS).astype(int)
    padded = np.pad(mono, (WINDOW // 2, WINDOW))
    frames = padded[starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(frames)) ** 2
    level = 10.0 * np.log10(_bands(rate) @ power.T + 1e-10)
    return np.asarray(np.clip(1.0 + (level - level.max()) / RANGE_DB, 0.0, 1.0), np.float32)


@lru_cache(maxsize=8)
def _bands(rate: int) -> npt.NDArray[Any]:
    """(ROWS, bins): triangles from one band's middle to the next, never narrower than a bin."""
    high = min(HIGH_HZ, 0.49 * rate)
    middles = np.geomspace(LOW_HZ, high, ROWS)[::-1] * WINDOW / rate
    widths = np.maximum(middles * (high / LOW_HZ) ** (1 / ROWS) - middles, 1.0)
    bins = np.arange(WINDOW // 2 + 1)
    weights = np.clip(1.0 - np.abs(bins - middles[:, None]) / widths[:, None], 0.0, None)
    return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9))
