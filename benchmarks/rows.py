"""How benchmarks print their figures."""

import statistics
from collections.abc import Sequence


def row(label: str, value: float, unit: str) -> None:
    """Print one figure."""
    print(f"{label:56} {value:10.2f} {unit}", flush=True)


def percentiles(label: str, milliseconds: Sequence[float]) -> None:
    """Print the median, and what all but a twentieth stay under."""
    middle = statistics.median(milliseconds)
    worst = statistics.quantiles(milliseconds, n=20, method="inclusive")[-1]  # was measured
    row(f"{label}, median", middle, "ms")
    row(f"{label}, p95", worst, "ms")
