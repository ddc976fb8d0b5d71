"""Whether a new version goes live by itself."""

import math
from dataclasses import dataclass
from typing import Final

from oneshot_server.domain.lora_card import TrainingFigures

OTHERS_TOLERANCE: Final = 0.05
"""The loss on the base model's own sounds may rise by this share: what the prior cannot hold."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a version.

    Attributes:
        live: it is better and has hurt nothing.
        text: why, with the figures.
    """

    live: bool
    text: str


def judge(figures: TrainingFigures) -> Verdict:
    """Compare a version with what is live, or with the base model if nothing is.

    A version that broke off (a figure that is not finite) is never live.
    """
    held, others, others_base = figures.held_out, figures.others, figures.others_base
    rival, name = figures.held_out_live, "the live version"
    # A live version that is worse than no LoRA at all is no measure.
    if rival is None or not rival < figures.held_out_base:
        rival, name = figures.held_out_base, "the base model"
    hurt = others / others_base - 1.0 if others_base > 0.0 else 0.0
    text = (
        f"{held:.2f} dB from the held-out sounds, {name} {rival:.2f} dB; "
        f"loss on other prompts {others:.4f}, before {others_base:.4f} ({hurt:+.1%})"
    )
    if not all(map(math.isfinite, (held, rival, others, others_base))):
        return Verdict(live=False, text=f"figures that are not finite: {text}")
    if not held < rival:
        return Verdict(live=False, text=f"not better on the held-out sounds: {text}")
    if hurt > OTHERS_TOLERANCE:
        return Verdict(live=False, text=f"hurts other prompts: {text}")
    return Verdict(live=True, text=text)
