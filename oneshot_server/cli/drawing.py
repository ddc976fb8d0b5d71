"""Sounds to a picture: for each file its waveform and its spectrogram, side by side."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soundfile
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from oneshot_server.cli.output import printable
from oneshot_server.errors import ForbiddenError, NotFoundError

LONGEST_SECONDS: Final = 60
MOST_SAMPLES: Final = LONGEST_SECONDS * 192_000  # whatever rate a broken header says
LOWEST_HZ: Final = 30.0
RANGE_DB: Final = 80.0
FFT: Final = 4096
WINDOW: Final = 1024  # a drum's attack matters more than the last hertz of its tone
ROWS: Final = 256
COLUMNS: Final = 700
TICKS_HZ: Final = (50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)
BACKGROUND: Final = "#14161b"
INK: Final = "#c8ccd4"
FAINT: Final = "#343843"
WAVE: Final = "#ffb454"

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Sound:
    """What is drawn of a file.

    Attributes:
        name: of the file.
        audio: (samples, channels), -1 to 1.
        sample_rate: Hz.
    """

    name: str
    audio: Array
    sample_rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.audio) / self.sample_rate

    @property
    def title(self) -> str:
        """Name, duration and peak."""
        peak = float(np.abs(self.audio).max())
        level = f"{round(20 * np.log10(peak), 1) + 0.0:.1f} dB" if peak else "silent"
        return f"{self.name}   {self.seconds:.2f} s   {level}"


def draw(files: Sequence[Path], target: Path) -> None:
    """Draw files into a PNG.

    Raises:
        NotFoundError: a file is not there or holds no sound that libsndfile reads.
        ForbiddenError: the PNG cannot be written.
    """
    sounds = [read_sound(file) for file in files]
    beside = 1 if len(sounds) <= 4 else 2
    rows = -(-len(sounds) // beside)
    figure = Figure(
        figsize=(9.5 * beside, 2.3 * rows + 0.2), facecolor=BACKGROUND, layout="constrained"
    )
    widths = [1.0, 1.25] * beside
    grid = figure.subplots(rows, 2 * beside, squeeze=False, width_ratios=widths)
    for axes in grid.flat[2 * len(sounds) :]:
        axes.set_visible(False)
    for number, sound in enumerate(sounds):
        wave, spectrum = grid.flat[2 * number : 2 * number + 2]
        draw_waveform(wave, sound)
        draw_spectrogram(spectrum, sound)
    try:
        with warnings.catch_warnings():
            # A title in a script that matplotlib's font lacks shows boxes; no reason to complain.
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            figure.savefig(target, dpi=110, format="png")
    except OSError as error:
        raise ForbiddenError(f"{target} cannot be written: {error.strerror}") from None


def read_sound(file: Path) -> Sound:
    """Read the first minute of a sound."""
    try:
        with soundfile.SoundFile(file) as opened:
            rate = opened.samplerate
            longest = min(LONGEST_SECONDS * rate, MOST_SAMPLES)
            audio = opened.read(frames=longest, always_2d=True)
    except (soundfile.LibsndfileError, OSError, TypeError) as error:
        raise NotFoundError(f"{file} cannot be read as a sound: {error}") from None
    if not len(audio):
        raise NotFoundError(f"{file} is empty, expected a sound")
    return Sound(name=printable(file.name), audio=np.nan_to_num(audio), sample_rate=rate)


def draw_waveform(axes: Any, sound: Sound) -> None:  # noqa: ANN401 - matplotlib is untyped here
    """Highest and lowest sample of each column."""
    edges = np.unique(np.linspace(0, len(sound.audio), COLUMNS, endpoint=False).astype(int))
    high = np.maximum.reduceat(sound.audio.max(axis=1), edges)
    low = np.minimum.reduceat(sound.audio.min(axis=1), edges)
    times = edges / sound.sample_rate
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.fill_between(times, low, high, color=WAVE, linewidth=0.6)
    top = max(1.0, float(np.abs(sound.audio).max()))
    axes.set(xlim=(0, sound.seconds), ylim=(-1.04 * top, 1.04 * top), yticks=(-1, 0, 1))
    # A $ in a file name is no formula.
    axes.set_title(sound.title, loc="left", fontsize=10, color=INK, parse_math=False)
    style(axes)


def draw_spectrogram(axes: Any, sound: Sound) -> None:  # noqa: ANN401 - matplotlib is untyped here
    """Level over time and the logarithm of the frequency."""
    highest = max(sound.sample_rate / 2, 2 * LOWEST_HZ)
    axes.imshow(
        spectrogram_db(sound.audio, sound.sample_rate, highest),
        extent=(0, sound.seconds, np.log10(LOWEST_HZ), np.log10(highest)),
        origin="lower",
        aspect="auto",
        cmap="inferno",
        vmin=-RANGE_DB,
        vmax=0,
        interpolation="bilinear",
    )
    ticks = [tick for tick in TICKS_HZ if tick <= highest]
    labels = [f"{tick // 1000}k" if tick >= 1000 else str(tick) for tick in ticks]
    axes.set_yticks(np.log10(ticks), labels)
    axes.set_title("Hz over ms", loc="left", fontsize=8, color=INK)
    style(axes)


def spectrogram_db(audio: Array, sample_rate: int, highest_hz: float) -> Array:
    """(samples, channels) to (rows, columns), dB below the loudest point, rows in octaves."""
    hop = max(1, len(audio) // COLUMNS)
    padded = np.pad(audio, ((WINDOW // 2, WINDOW // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=0)[::hop]
    power = np.zeros((len(windows), FFT // 2 + 1))
    for channel in range(audio.shape[1]):  # their powers add up where their samples may cancel
        power += np.abs(np.fft.rfft(windows[:, channel] * np.hanning(WINDOW), FFT)) ** 2
    decibels = 10 * np.log10(np.maximum(power / max(power.max(), 1e-20), 10 ** (-RANGE_DB / 10)))
    wanted = np.geomspace(LOWEST_HZ, highest_hz, ROWS) * FFT / sample_rate
    below = np.clip(wanted.astype(int), 0, FFT // 2 - 1)
    share = np.clip(wanted - below, 0, 1)
    image: Array = (1 - share) * decibels[:, below] + share * decibels[:, below + 1]
    return image.T


def style(axes: Any) -> None:  # noqa: ANN401 - matplotlib is untyped here
    """Light on dark, time in milliseconds."""
    axes.set_facecolor(BACKGROUND)
    axes.tick_params(colors=INK, labelsize=8, color=FAINT)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{1000 * seconds:g}"))
    for spine in axes.spines.values():
        spine.set_color(FAINT)
