"""A contact sheet, eight of each class: recordings above, the starter's sounds below.

``python -m benchmarks.starter_picture --out sheet.png`` draws log-mel spectrograms and waveforms.
"""

import argparse
from pathlib import Path

import torch
from matplotlib.figure import Figure

from benchmarks.starter_quality import PROMPTS, Sounds, generated, recordings
from oneshot_server.pipeline.model import load_model
from oneshot_server.pipeline.model_folder import STARTER

CLASSES = ("kick", "snare", "closed_hat", "open_hat", "clap", "tom", "crash", "cowbell")
EACH = 8


def draw(real: Sounds, made: Sounds, path: Path) -> None:
    """One row a class and origin, eight sounds each."""
    rows = [
        (kind, name, sounds) for kind in CLASSES for name, sounds in (("real", real), ("", made))
    ]
    figure = Figure(figsize=(2 * EACH, 1.25 * len(rows)), layout="constrained")
    grid = figure.subplots(2 * len(rows), EACH, height_ratios=[3, 1] * len(rows))
    for number, (kind, name, sounds) in enumerate(rows):
        found = (sounds.kinds == kind).nonzero()[0]
        found = found[:: max(1, len(found) // EACH)][:EACH]
        for column in range(EACH):
            above, below = grid[2 * number, column], grid[2 * number + 1, column]
            for axes in (above, below):
                axes.set_axis_off()
            if column >= len(found):
                continue
            above.imshow(
                sounds.mels[found[column]], origin="lower", aspect="auto", vmin=-80, vmax=0
            )
            waveform = sounds.waveforms[found[column]]
            below.plot(waveform[::20], linewidth=0.4, color="black" if name else "tab:orange")
            below.set_xlim(0, 65_536 / 20)
            if column == 0:
                above.set_title(f"{kind} {name or 'starter'}", loc="left", fontsize=9)
    figure.savefig(path, dpi=60)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    parser.add_argument("--model", type=Path, default=STARTER)
    parser.add_argument("--out", type=Path, default=Path("starter.png"))
    arguments = parser.parse_args()
    model = load_model(arguments.model, torch.device("cpu"))
    real = recordings(arguments.data, model.card.profile)
    made = generated(model, EACH, EACH, steps=None, guidance=None)
    draw(real, made, arguments.out)
    print(f"wrote {arguments.out}: {', '.join(PROMPTS[kind] for kind in CLASSES)}")


if __name__ == "__main__":
    main()
