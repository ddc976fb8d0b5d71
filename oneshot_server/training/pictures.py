"""Pictures beside a LoRA: all spectrograms on one sheet, and how the losses went."""

import warnings
from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from oneshot_server.training.prepare import Sound

COLUMNS: Final = 8
MOST_COLUMNS: Final = 40
LABEL_CHARACTERS: Final = 22
MOST_LABELS: Final = 400  # more are too small to read, and slow to draw
SMOOTH_STEPS: Final = 10


def draw_contact_sheet(sounds: Sequence[Sound], held_out: Sequence[Sound]) -> bytes:
    """A PNG of all spectrograms with their names; held-out sounds have a star.

    Time goes to the right and pitch upwards; all have the size of the model's image.
    """
    count = len(sounds)
    columns = min(count, max(COLUMNS, min(MOST_COLUMNS, round((count / 2) ** 0.5))))
    rows = -(-count // columns)
    cell_width, cell_height, gap, text = 128, 64, 6, 16
    labelled = count <= MOST_LABELS
    high = cell_height + gap + (text if labelled else 0)
    width, height = columns * (cell_width + gap) + gap, rows * high + gap
    sheet = np.full((height, width), 255, dtype=np.uint8)
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    for number, sound in enumerate(sounds):
        row, column = divmod(number, columns)
        top, left = row * high + gap, column * (cell_width + gap) + gap
        thumbnail = sound.encoded.thumbnail.numpy()[::-1]
        sheet[top : top + cell_height, left : left + cell_width] = 255 - thumbnail
        if labelled:
            star = "* " if any(sound is other for other in held_out) else ""
            name = f"{star}{sound.file.path.rsplit('/', 1)[-1]}"
            axes.text(
                left,
                top + cell_height + text - 5,
                name if len(name) <= LABEL_CHARACTERS else f"{name[: LABEL_CHARACTERS - 1]}…",
                fontsize=6.5,
                color="white",
                parse_math=False,
            )
    axes.imshow(sheet, cmap="magma_r", vmin=0, vmax=255, aspect="auto", interpolation="nearest")
    return _to_png(figure)


def draw_losses(
    losses: Sequence[float],
    validations: Sequence[tuple[int, float]],
    base: float,
    best_step: int,
    title: str,
) -> bytes:
    """A PNG of the training loss, and of the distance from the held-out sounds, over the steps.

    Args:
        losses: of each step, smoothed here.
        validations: step and distance from the held-out sounds, dB.
        base: that of the base model.
        best_step: whose weights were kept.
        title: above it.
    """
    figure = Figure(figsize=(8.0, 4.0), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    if losses:
        kernel = np.ones(min(SMOOTH_STEPS, len(losses)))
        weights = np.convolve(np.ones(len(losses)), kernel, mode="same")
        smooth = np.convolve(losses, kernel, mode="same") / weights
        axes.plot(np.arange(1, len(losses) + 1), smooth, color="0.6", label="training loss")
    steps = [0, *(step for step, _ in validations)]
    right = axes.twinx()
    distances = [base, *(distance for _, distance in validations)]
    right.plot(steps, distances, "o-", label="from the held-out sounds")
    right.axhline(base, linestyle=":", color="tab:blue", label="the base model")
    right.set_ylabel("dB from the held-out sounds")
    axes.axvline(best_step, linestyle="--", color="tab:green", label=f"kept: step {best_step}")
    axes.set_xlabel("step")
    axes.set_ylabel("training loss")
    axes.set_title(title, parse_math=False)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return _to_png(figure)


def _to_png(figure: Any) -> bytes:  # noqa: ANN401 - matplotlib's types are skipped
    buffer = BytesIO()
    with warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes, and no reason to stop.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="png")
    return buffer.getvalue()
