"""What the library knows of a sound by listening: numbers, and an embedding to compare it by.

Only numpy, as the daemon's side never reaches torch.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

Waveform = npt.NDArray[np.float32]

LONGEST_SECONDS: Final = 3.0
"""What is listened to: one-shots end before, and of a loop that is enough."""

FRAMES_A_SECOND: Final = 44_100 / 512
BANDS: Final = 40
LOWEST_HZ: Final = 30.0
HIGHEST_HZ: Final = 16_000.0
RANGE_DB: Final = 60.0
EDGES_SECONDS: Final = (0.0, 0.025, 0.06, 0.12, 0.25, 0.5, 1.0, LONGEST_SECONDS)
"""Where the parts begin that a sound is compared by: the attack is worth more than the tail."""
CEPSTRA: Final = 12
EMBEDDING: Final = (len(EDGES_SECONDS) - 1) * CEPSTRA
"""Numbers in an embedding."""

LEVEL_SECONDS: Final = 0.05
PITCH_SECONDS: Final = 0.12
LOWEST_PITCH_HZ: Final = 30.0
HIGHEST_PITCH_HZ: Final = 2_000.0
LEAST_PERIODIC: Final = 0.15
NOTES: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclass(frozen=True, kw_only=True)
class Descriptors:
    """What is heard in a sound.

    Attributes:
        level_db: RMS of the loudest 50 ms, dBFS; -120 for silence.
        brightness_hz: centroid of the power spectrum.
        key: the note of its pitch, ``F1``; empty without one.
        embedding: (``EMBEDDING``,), float32; the distance of two is about the RMS difference of
            their log-mel envelopes, dB.
    """

    level_db: float
    brightness_hz: float
    key: str
    embedding: npt.NDArray[np.float32]


def describe(waveform: Waveform, sample_rate: int) -> Descriptors:
    """Listen to a sound.

    Args:
        waveform: (samples,), mono; finite. What is behind ``LONGEST_SECONDS`` is left out.
        sample_rate: Hz.
    """
    waveform = waveform[: int(LONGEST_SECONDS * sample_rate)]
    hop = max(1, round(sample_rate / FRAMES_A_SECOND))
    power = _power(waveform, hop)
    return Descriptors(
        level_db=_level(waveform, sample_rate),
        brightness_hz=_centroid(power, sample_rate),
        key=hertz_to_note(pitch(waveform, sample_rate)),
        embedding=_embed(power, sample_rate),
    )


def hertz_to_note(hertz: float) -> str:
    """The nearest note, A4 = 440 Hz; empty for 0."""
    if hertz <= 0.0:
        return ""
    number = round(69 + 12 * math.log2(hertz / 440.0))
    return f"{NOTES[number % 12]}{number // 12 - 1}"


def pitch(waveform: Waveform, sample_rate: int) -> float:
    """Fundamental frequency of the tone behind the attack, Hz; 0 if there is none.

    Looks at 120 ms behind the loudest sample, where a kick has settled and a note is steady.

    Reference: de Cheveigné and Kawahara, 2002, "YIN", equations 7 and 8.
    """
    size = int(PITCH_SECONDS * sample_rate)
    longest = int(sample_rate / LOWEST_PITCH_HZ)
    begin = int(np.argmax(np.abs(waveform))) if len(waveform) else 0
    part = waveform[begin : begin + size].astype(np.float64)
    if not part.any():
        return 0.0
    window = len(part) - longest
    if window < longest // 2:
        return 0.0
    difference = _difference(part, window, longest)
    running = np.cumsum(difference[1:])
    normalised = np.ones(longest)
    lags = np.arange(1, longest)
    normalised[1:] = difference[1:] * lags / np.maximum(running, 1e-12)
    first = max(2, int(sample_rate / HIGHEST_PITCH_HZ))
    below = np.flatnonzero(normalised[first:] < LEAST_PERIODIC)
    if not len(below):
        return 0.0
    lag = first + int(below[0])
    while lag + 1 < longest and normalised[lag + 1] < normalised[lag]:
        lag += 1
    if lag + 1 >= longest:
        return 0.0
    before, here, after = normalised[lag - 1 : lag + 2]
    curve = before - 2 * here + after
    shift = 0.5 * (before - after) / curve if curve > 0 else 0.0
    return float(sample_rate / (lag + shift))


def _difference(part: npt.NDArray[np.float64], window: int, lags: int) -> npt.NDArray[np.float64]:
    """Squared difference of the first ``window`` samples and those ``lag`` later, for each lag."""
    size = 1 << (len(part) + window - 1).bit_length()
    spectrum = np.fft.rfft(part, size)
    correlation = np.fft.irfft(spectrum * np.conj(np.fft.rfft(part[:window], size)), size)[:lags]
    energy = np.concatenate(([0.0], np.cumsum(part**2)))
    shifted = energy[window : window + lags] - energy[:lags]
    result: npt.NDArray[np.float64] = np.maximum(shifted[0] + shifted - 2 * correlation, 0.0)
    return result


def _power(waveform: Waveform, hop: int) -> npt.NDArray[np.float32]:
    """Waveform to (frames, bins), power; frames begin before the sound, as it begins at once."""
    size = 2 * hop
    frames = 1 + max(0, len(waveform) - 1) // hop
    padded = np.zeros((frames + 1) * hop, np.float32)
    padded[hop // 2 : hop // 2 + len(waveform)] = waveform[: len(padded) - hop // 2]
    parts = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    spectrum = np.fft.rfft(parts * _window(size))
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32)


@lru_cache(maxsize=8)
def _window(size: int) -> npt.NDArray[np.float32]:
    return np.hanning(size).astype(np.float32)


def _level(waveform: Waveform, sample_rate: int) -> float:
    size = max(1, min(len(waveform), int(LEVEL_SECONDS * sample_rate)))
    energy = np.concatenate(([0.0], np.cumsum(waveform.astype(np.float64) ** 2)))
    loudest = float((energy[size:] - energy[:-size]).max(initial=0.0)) / size
    return 10.0 * math.log10(max(loudest, 1e-12))


def _centroid(power: npt.NDArray[np.float32], sample_rate: int) -> float:
    bins = power.sum(axis=0, dtype=np.float64)
    hertz = np.linspace(0.0, sample_rate / 2, len(bins))
    return float(hertz @ bins / max(float(bins.sum()), 1e-12))


def _embed(power: npt.NDArray[np.float32], sample_rate: int) -> npt.NDArray[np.float32]:
    """(frames, bins) to the cepstra of each part's mean log-mel spectrum, level taken out."""
    mel = power @ _filters(power.shape[1], sample_rate)
    level = 10.0 * np.log10(np.maximum(mel, 1e-12))
    level = np.maximum(level - level.max(initial=-120.0), -RANGE_DB)
    edges = [round(seconds * FRAMES_A_SECOND) for seconds in EDGES_SECONDS]
    parts = np.full((len(edges) - 1, BANDS), -RANGE_DB, np.float32)
    for number, (begin, end) in enumerate(pairwise(edges)):
        heard = level[begin:end]
        # What lies behind the end is silence, and counts as such.
        parts[number] = (heard.sum(axis=0) - RANGE_DB * (end - begin - len(heard))) / (end - begin)
    cepstra = parts @ _cosines() / math.sqrt(BANDS * len(parts))
    return np.ascontiguousarray(cepstra.reshape(-1), np.float32)


@lru_cache(maxsize=16)
def _filters(bins: int, sample_rate: int) -> npt.NDArray[np.float32]:
    """Triangles of equal width on the mel scale of O'Shaughnessy, (bins, bands)."""
    highest = min(HIGHEST_HZ, sample_rate / 2)
    mels = np.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), BANDS + 2)
    edges = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    hertz = np.linspace(0.0, sample_rate / 2, bins)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (hertz - low) / (centre - low), (high - hertz) / (high - centre)
    filters = np.maximum(np.minimum(rising, falling), 0.0)
    # A band narrower than a bin takes the nearest one.
    width = hertz[1, 0] if bins > 1 else 1.0
    for band in np.flatnonzero(filters.sum(axis=0) == 0):
        if centre[band] <= highest:
            filters[min(bins - 1, round(centre[band] / width)), band] = 1.0
    return np.asarray(filters / np.maximum(filters.sum(axis=0), 1e-12), np.float32)


def _mel(hertz: float) -> float:
    return 2595.0 * math.log10(1.0 + hertz / 700.0)


@lru_cache(maxsize=1)
def _cosines() -> npt.NDArray[np.float32]:
    """The first columns of an orthonormal DCT-II, (bands, cepstra)."""
    places = (np.arange(BANDS) + 0.5)[:, None] * np.arange(CEPSTRA) * (math.pi / BANDS)
    cosines = np.cos(places) * math.sqrt(2.0 / BANDS)
    cosines[:, 0] /= math.sqrt(2.0)
    return np.asarray(cosines, np.float32)
