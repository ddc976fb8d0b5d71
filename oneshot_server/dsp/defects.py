"""What must never reach the samples folder."""

from typing import Final

import torch

SILENT: Final = 10.0 ** (
    -60.0 / 20.0
)  # a peak below this is no sound at the level of a model's own
FLAT_SAMPLES: Final = (
    4  # a true peak holds its exact value for a sample or two, a clipped one longer
)
OFFSET: Final = 0.05  # of the peak; the longest real kick's mean is a tenth of it
ONSET_DB: Final = -40.0
LATEST_ONSET_SECONDS: Final = 0.25


def find_defect(waveform: torch.Tensor, sample_rate: int) -> str | None:
    """Name the first thing that is wrong with a rendered sound, before it is finished.

    A short silence in front is no defect, as ``finish`` cuts it; a render whose sound begins only
    after a quarter of a second has missed its attack.

    Args:
        waveform: (samples,), of any level.
        sample_rate: Hz.

    Returns:
        ``not finite``, ``silent``, ``clipped``, ``late`` or ``offset``; None for a good sound.
    """
    if not bool(torch.isfinite(waveform).all()):
        return "not finite"
    level = waveform.abs()
    peak = level.amax() if len(waveform) else torch.tensor(0.0)
    if peak < SILENT:
        return "silent"
    at_peak = (level >= peak * (1.0 - 1e-6)).float()
    if bool((at_peak.unfold(0, FLAT_SAMPLES, 1).sum(dim=1) == FLAT_SAMPLES).any()):
        return "clipped"
    onset = int((level > peak * 10.0 ** (ONSET_DB / 20.0)).int().argmax())
    if onset > LATEST_ONSET_SECONDS * sample_rate:
        return "late"
    if waveform.mean().abs() > OFFSET * peak:
        return "offset"
    return None
