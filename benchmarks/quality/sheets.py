"""Contact sheets: log-mel spectrograms with the waveforms beneath them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from matplotlib.figure import Figure

from benchmarks.quality.judge import Vector
from benchmarks.quality.sounds import Sounds, spoken
from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.mel import filterbank

SHEET_CLASSES: Final = (
    "kick", "snare", "clap", "rim", "closed_hat", "open_hat", "tom", "cowbell", "crash", "ride",
    "bass", "mallet",
)  # fmt: skip
EACH: Final = 5
GAP: Final = 0.06
"""Between two sounds, as a share of a sound's width."""

WAVE: Final = 0.34
"""Height of a waveform, as a share of a spectrogram's."""

COLUMNS: Final = 5
INK: Final = "#1b1b22"
FAINT: Final = "#8a8a94"
COLOURS: Final = ("#33333d", "#0f7b6c", "#c2571a")
WRONG: Final = "#b3261e"
TICKS_HZ: Final = (100, 1_000, 10_000)
LOWEST_DB: Final = -80.0


def class_sheet(columns: Sequence[tuple[str, Sounds]], profile: MelProfile, path: Path) -> None:
    """Draw each class in a row, recordings and ways of rendering beside each other.

    Args:
        columns: title and sounds.
        profile: of their spectrograms.
        path: of the PNG.
    """
    rows = len(SHEET_CLASSES)
    figure = Figure(figsize=(6.6 * len(columns) + 1.5, 1.42 * rows + 0.9), facecolor="white")
    grid = figure.subplots(rows, len(columns), squeeze=False)
    left, top = 1.5 / figure.get_figwidth(), 1 - 0.5 / figure.get_figheight()
    figure.subplots_adjust(
        left=left, right=0.995, top=top, bottom=0.4 / figure.get_figheight(), wspace=0.03,
        hspace=0.09,
    )  # fmt: skip
    for row, kind in enumerate(SHEET_CLASSES):
        for column, (title, sounds) in enumerate(columns):
            axes = grid[row, column]
            _strip(axes, _some(sounds.of(kind)), profile, COLOURS[column], EACH)
            if column == 0:
                axes.set_ylabel(
                    spoken(kind), rotation=0, ha="right", va="center", labelpad=34, fontsize=13,
                    color=INK,
                )  # fmt: skip
                _frequencies(axes, profile)
            if row == 0:
                axes.set_title(title, fontsize=14, color=COLOURS[column], pad=10, weight="bold")
            if row == rows - 1:
                _seconds(axes, profile)
    figure.savefig(path, dpi=100)


def prompt_sheet(
    prompts: Sequence[tuple[str, str]],
    sounds: Sequence[Sounds],
    named: Sequence[tuple[float, str]],
    profile: MelProfile,
    path: Path,
) -> None:
    """Draw what came of each prompt.

    Args:
        prompts: prompt and class.
        sounds: of each prompt.
        named: of each prompt, the share named as asked, and what it is named else the most.
        profile: of their spectrograms.
        path: of the PNG.
    """
    rows = -(-len(prompts) // COLUMNS)
    figure = Figure(figsize=(4.2 * COLUMNS, 1.95 * rows + 0.2), facecolor="white")
    grid = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    figure.subplots_adjust(
        left=0.008, right=0.992, top=1 - 0.42 / figure.get_figheight(), bottom=0.01, wspace=0.04,
        hspace=0.36,
    )  # fmt: skip
    for axes in grid[len(prompts) :]:
        axes.set_axis_off()
    for axes, (prompt, kind), of_prompt, (share, other) in zip(
        grid, prompts, sounds, named, strict=False
    ):
        good = share >= 0.5
        _strip(axes, of_prompt, profile, COLOURS[1] if good else WRONG, 4)
        axes.set_title(f"“{prompt}”", loc="left", fontsize=11.5, color=INK, pad=5)
        verdict = f"{share:.0%}" + ("" if good or other == kind else f", {spoken(other)}")
        axes.set_title(
            verdict, loc="right", fontsize=10, color=COLOURS[1] if good else WRONG, pad=5
        )
    figure.savefig(path, dpi=100)


def _some(sounds: Sounds) -> Sounds:
    """Renders of the first seeds, the same in every column; recordings from here and there.

    Neighbours in a manifest are of one kit.
    """
    count = len(sounds.labels)
    last = count - 1 if count and sounds.labels[0].kit else EACH - 1
    places = np.linspace(0, min(last, count - 1), min(EACH, count)).round()
    return sounds.where(np.isin(np.arange(count), places))


def _strip(axes: Any, sounds: Sounds, profile: MelProfile, colour: str, most: int) -> None:  # noqa: ANN401 - matplotlib is untyped
    """Up to ``most`` sounds beside each other; a sound is 1 wide and its spectrogram 1 high."""
    length = profile.samples
    for number in range(min(most, len(sounds.labels))):
        x = number * (1 + GAP)
        axes.imshow(
            sounds.mels[number], origin="lower", aspect="auto", cmap="magma", vmin=LOWEST_DB,
            vmax=0, extent=(x, x + 1, 0, 1), interpolation="nearest",
        )  # fmt: skip
        low, high = _outline(sounds.waveforms[number], length, profile.hop)
        times = x + (np.arange(len(low)) + 0.5) / len(low)
        middle = -0.06 - WAVE / 2
        axes.fill_between(
            times, middle + low * WAVE / 2, middle + high * WAVE / 2, color=colour, linewidth=0.3
        )
    axes.set_xlim(-0.005, most * (1 + GAP) - GAP + 0.005)
    axes.set_ylim(-0.06 - WAVE, 1.0)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _outline(waveform: torch.Tensor, length: int, block: int) -> tuple[Vector, Vector]:
    """Lowest and highest sample of each block, relative to the peak."""
    padded = torch.nn.functional.pad(waveform, (0, length))[:length].unflatten(0, (-1, block))
    peak = padded.abs().amax().clamp_min(1e-9)
    low, high = padded.amin(dim=1) / peak, padded.amax(dim=1) / peak
    return low.double().numpy(), high.double().numpy()


def _frequencies(axes: Any, profile: MelProfile) -> None:  # noqa: ANN401 - matplotlib is untyped
    hertz = np.linspace(0.0, profile.sample_rate / 2, profile.bins)
    centres = hertz[filterbank(profile).argmax(dim=1).numpy()]
    rows = (np.arange(profile.mels) + 0.5) / profile.mels
    axes.set_yticks(
        np.interp(TICKS_HZ, centres, rows),
        [f"{tick // 1000}k" if tick >= 1000 else str(tick) for tick in TICKS_HZ],
        fontsize=8,
        color=FAINT,
    )
    axes.tick_params(axis="y", length=2, color=FAINT, pad=2)


def _seconds(axes: Any, profile: MelProfile) -> None:  # noqa: ANN401 - matplotlib is untyped
    whole = profile.samples / profile.sample_rate
    times = (0.0, 0.5, 1.0)
    axes.set_xticks([t / whole for t in times], [f"{t:g} s" for t in times], fontsize=8)
    axes.tick_params(axis="x", length=2, color=FAINT, labelcolor=FAINT, pad=2)
