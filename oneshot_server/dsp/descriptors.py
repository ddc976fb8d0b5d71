"""What the library knows of a sound by listening: numbers, and features to compare it by.

Only numpy, as the daemon's side never reaches torch.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
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
EDGES_SECONDS: Final = (0.0, 0.025, 0.06, 0.12, 0.25, 0.5, 1.0, 1.5)
"""Where the parts begin that a sound is compared by: the attack is worth more than the tail."""
EDGES: Final = np.array([round(seconds * FRAMES_A_SECOND) for seconds in EDGES_SECONDS])
PART_CEPSTRA: Final = 12
CEPSTRA: Final = 20
SOUNDING_DB: Final = -40.0
SHAPES: Final = 7
FEATURES: Final = (len(EDGES_SECONDS) - 1) * PART_CEPSTRA + 3 * CEPSTRA + SHAPES
"""Numbers that a sound is compared by; ``library.projection`` says how much each is worth."""

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
        features: (``FEATURES``,), float32; statistics of the log-mel spectrum, level taken out.
    """

    level_db: float
    brightness_hz: float
    key: str
    features: npt.NDArray[np.float32]


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
        features=_features(power, sample_rate),
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
    part = waveform[begin : begin + size]
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


def _difference(part: Waveform, window: int, lags: int) -> npt.NDArray[np.float64]:
    """Squared difference of the first ``window`` samples and those ``lag`` later, for each lag."""
    # No lag reaches beyond the part, so nothing comes round: its own length is enough.
    size = _fft_size(len(part))
    both = np.zeros((2, size), np.float32)
    both[0, : len(part)] = part
    both[1, :window] = part[:window]
    spectra = np.fft.rfft(both)
    correlation = np.fft.irfft(spectra[0] * np.conj(spectra[1]), size)[:lags]
    energy = np.zeros(len(part) + 1)
    np.cumsum(part.astype(np.float64) ** 2, out=energy[1:])
    shifted = energy[window : window + lags] - energy[:lags]
    result: npt.NDArray[np.float64] = np.maximum(shifted[0] + shifted - 2 * correlation, 0.0)
    return result


def _fft_size(least: int) -> int:
    """4, 5 or 6 times a power of two: of few sizes, numpy need not find the plan again."""
    octave = 1 << max(0, (least - 1).bit_length() - 3)
    return octave * next(part for part in (4, 5, 6, 8) if octave * part >= least)


def _power(waveform: Waveform, hop: int) -> npt.NDArray[np.float32]:
    """Waveform to (frames, bins), power; frames begin before the sound, as it begins at once."""
    size = 2 * hop
    frames = 1 + max(0, len(waveform) - 1) // hop
    padded = np.zeros((frames + 1) * hop, np.float32)
    padded[hop // 2 : hop // 2 + len(waveform)] = waveform[: len(padded) - hop // 2]
    blocks = padded.reshape(-1, hop)  # a frame is two of them
    parts = np.empty((frames, size), np.float32)
    np.multiply(blocks[:-1], _window(size)[:hop], out=parts[:, :hop])
    np.multiply(blocks[1:], _window(size)[hop:], out=parts[:, hop:])
    spectrum = np.fft.rfft(parts)
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32)


@lru_cache(maxsize=8)
def _window(size: int) -> npt.NDArray[np.float32]:
    return np.hanning(size).astype(np.float32)


def _level(waveform: Waveform, sample_rate: int) -> float:
    size = max(1, min(len(waveform), int(LEVEL_SECONDS * sample_rate)))
    energy = np.zeros(len(waveform) + 1)
    np.cumsum(waveform.astype(np.float64) ** 2, out=energy[1:])
    loudest = float((energy[size:] - energy[:-size]).max(initial=0.0)) / size
    return 10.0 * math.log10(max(loudest, 1e-12))


def _centroid(power: npt.NDArray[np.float32], sample_rate: int) -> float:
    bins = power.sum(axis=0, dtype=np.float64)
    return float(_hertz(len(bins), sample_rate) @ bins / max(float(bins.sum()), 1e-12))


@lru_cache(maxsize=16)
def _hertz(bins: int, sample_rate: int) -> npt.NDArray[np.float64]:
    """Frequency of each bin."""
    return np.linspace(0.0, sample_rate / 2, bins)


def _features(power: npt.NDArray[np.float32], sample_rate: int) -> npt.NDArray[np.float32]:
    """(frames, bins) to the features: cepstra of parts, their statistics, and the sound's shape."""
    mel = np.maximum(power @ _filters(power.shape[1], sample_rate), 1e-12)
    level = 10.0 * np.log10(mel)
    level = np.maximum(level - level.max(initial=-120.0), -RANGE_DB)
    return np.concatenate((_parts(level), _statistics(level), _shape(mel, level)), dtype=np.float32)


def _parts(level: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Cepstra of each part's mean log-mel spectrum."""
    sums = np.zeros((len(level) + 1, BANDS))
    np.cumsum(level, axis=0, out=sums[1:])
    inside = np.minimum(EDGES, len(level))
    # What lies behind the end is silence, and counts as such.
    silent = np.diff(EDGES) - np.diff(inside)
    parts = (np.diff(sums[inside], axis=0) - RANGE_DB * silent[:, None]) / np.diff(EDGES)[:, None]
    cepstra: npt.NDArray[np.float32] = parts.astype(np.float32) @ _cosines(PART_CEPSTRA)
    return cepstra.reshape(-1)


def _statistics(level: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Mean, deviation and mean change of the cepstra; a frame counts by how loud it is."""
    cepstra = level @ _cosines(CEPSTRA)
    weights = np.maximum(level.max(axis=1) + RANGE_DB, 1e-6)[:, None]
    weights = weights / weights.sum()
    mean = (cepstra * weights).sum(axis=0)
    deviation = np.sqrt(((cepstra - mean) ** 2 * weights).sum(axis=0))
    changes = np.abs(np.diff(cepstra, axis=0, prepend=cepstra[:1]))
    change = changes.sum(axis=0) / max(1, len(cepstra) - 1)
    return np.concatenate((mean, deviation, change))


def _shape(mel: npt.NDArray[np.float32], level: npt.NDArray[np.float32]) -> list[float]:
    """Duration, attack, centroid, spread, flatness, where the energy lies in time, and flux."""
    envelope = mel.sum(axis=1, dtype=np.float64)
    seconds = np.arange(len(envelope)) / FRAMES_A_SECOND
    sounding = (10.0 * np.log10(envelope / envelope.max()) > SOUNDING_DB).sum() / FRAMES_A_SECOND
    spectrum = mel.sum(axis=0, dtype=np.float64)
    spectrum /= spectrum.sum()
    bands = np.arange(BANDS)
    centroid = float(spectrum @ bands)
    spread = math.sqrt(float(spectrum @ (bands - centroid) ** 2))
    flatness = math.exp(float(np.log(spectrum + 1e-9).mean())) * BANDS
    return [
        math.log(sounding + 0.02),
        math.log(float(seconds[envelope.argmax()]) + 0.02),
        centroid,
        math.log(spread + 0.5),
        math.log(flatness + 1e-3),
        math.log(float(envelope @ seconds / envelope.sum()) + 0.01),
        float(np.abs(np.diff(level, axis=0)).mean()) if len(level) > 1 else 0.0,
    ]


@lru_cache(maxsize=16)
def _filters(bins: int, sample_rate: int) -> npt.NDArray[np.float32]:
    """Triangles of equal width on the mel scale of O'Shaughnessy, (bins, bands)."""
    highest = min(HIGHEST_HZ, sample_rate / 2)
    mels = np.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), BANDS + 2)
    edges = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    hertz = _hertz(bins, sample_rate)[:, None]
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


@lru_cache(maxsize=2)
def _cosines(count: int) -> npt.NDArray[np.float32]:
    """The first columns of an orthonormal DCT-II, (bands, count)."""
    places = (np.arange(BANDS) + 0.5)[:, None] * np.arange(count) * (math.pi / BANDS)
    cosines = np.cos(places) * math.sqrt(2.0 / BANDS)
    cosines[:, 0] /= math.sqrt(2.0)
    return np.asarray(cosines, np.float32)
