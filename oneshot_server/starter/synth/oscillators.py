"""Oscillators and envelopes, each a closed form in time so that a whole batch is one expression."""

import math
from collections.abc import Sequence

import torch

from oneshot_server.starter.synth.voice import Grid

DECAY_NEPERS = math.log(1000.0)  # 60 dB: what decay_seconds stands for, as a room's RT60 does


def decay(
    grid: Grid, decay_seconds: torch.Tensor, *, hold_seconds: torch.Tensor | float = 0.0
) -> torch.Tensor:
    """Exponential envelope: 1 while held, then falling by 60 dB in decay_seconds.

    Args:
        grid: the time grid.
        decay_seconds: (count, 1).
        hold_seconds: (count, 1).

    Returns:
        (count, samples), 0 to 1.
    """
    seconds = grid.seconds.float() - hold_seconds
    return torch.exp(seconds.clamp_min(0.0) * (-DECAY_NEPERS / decay_seconds))


def burst(grid: Grid, start_seconds: torch.Tensor, decay_seconds: torch.Tensor) -> torch.Tensor:
    """Exponential envelope that is 0 before start_seconds; (count, samples)."""
    seconds = grid.seconds.float() - start_seconds
    fallen = torch.exp(seconds.clamp_min(0.0) * (-DECAY_NEPERS / decay_seconds))
    return torch.where(seconds >= 0.0, fallen, 0.0)


def attack(grid: Grid, attack_seconds: torch.Tensor, *, floor: float = 0.0) -> torch.Tensor:
    """Linear rise from floor to 1 in attack_seconds; (count, samples)."""
    risen = (grid.seconds.float() / attack_seconds).clamp_max(1.0)
    return floor + (1.0 - floor) * risen


def steady_cycles(grid: Grid, frequency_hz: torch.Tensor) -> torch.Tensor:
    """Phase of a steady tone in cycles; (count, samples), float64."""
    return grid.seconds * frequency_hz


def swept_cycles(
    grid: Grid, start_hz: torch.Tensor, end_hz: torch.Tensor, sweep_seconds: torch.Tensor
) -> torch.Tensor:
    """Phase of a tone whose frequency falls (or rises) exponentially from start_hz to end_hz.

    Args:
        grid: the time grid.
        start_hz: (count, 1).
        end_hz: (count, 1).
        sweep_seconds: (count, 1), time constant: 63 % of the way is done by then.

    Returns:
        (count, samples), cycles, float64.
    """
    approached = -torch.expm1(grid.seconds.float() / -sweep_seconds)
    return steady_cycles(grid, end_hz) + (start_hz - end_hz) * sweep_seconds * approached


def sine(cycles: torch.Tensor) -> torch.Tensor:
    """(count, samples), -1 to 1, float32, from a phase in cycles."""
    # The whole cycles are dropped in double precision: what is left is exact in single.
    return torch.sin(cycles.frac().float() * (2.0 * math.pi))


def tremolo(grid: Grid, depth: torch.Tensor, rate_hz: torch.Tensor) -> torch.Tensor:
    """A level that swings between 1 and 1 - 2 * depth; (count, samples)."""
    return 1.0 - depth + depth * sine(steady_cycles(grid, rate_hz))


def square(cycles: torch.Tensor, frequency_hz: torch.Tensor, grid: Grid) -> torch.Tensor:
    """A square wave whose edges last some three samples, so that its aliases lie low.

    Args:
        cycles: (count, samples), phase.
        frequency_hz: (count, 1), highest frequency that the phase runs at.
        grid: the time grid.

    Returns:
        (count, samples), -1 to 1.
    """
    edge_samples = 3.0
    steepness = grid.sample_rate / (math.pi * edge_samples * frequency_hz)
    return torch.tanh(sine(cycles) * steepness.clamp_min(1.0))


def saw(frequency_hz: torch.Tensor, grid: Grid, *, start_cycles: torch.Tensor) -> torch.Tensor:
    """A steady sawtooth by differentiating a parabola, which tames its aliases.

    Args:
        frequency_hz: (count, 1).
        grid: the time grid.
        start_cycles: (count, 1), phase at sample 0.

    Returns:
        (count, samples), -1 to 1.

    Reference: Välimäki, 2005, Discrete-time synthesis of the sawtooth waveform.
    """
    before = start_cycles - frequency_hz / grid.sample_rate
    cycles = torch.cat([before.double(), steady_cycles(grid, frequency_hz) + start_cycles], dim=1)
    parabola = (2.0 * (cycles - cycles.floor()).float() - 1.0).square()
    return parabola.diff(dim=1) * (grid.sample_rate / (4.0 * frequency_hz))


def partials(
    grid: Grid,
    fundamental_cycles: torch.Tensor,
    fundamental_hz: torch.Tensor,
    *,
    ratios: torch.Tensor,
    levels: torch.Tensor,
    decay_seconds: torch.Tensor,
) -> torch.Tensor:
    """A struck or plucked body: damped sines at given ratios of one fundamental.

    Args:
        grid: the time grid.
        fundamental_cycles: (count, samples), phase of the fundamental; it may be swept.
        fundamental_hz: (count, 1), to leave out what would alias.
        ratios: (count, modes) or (1, modes).
        levels: (count, modes) or (1, modes).
        decay_seconds: (count, modes) or (1, modes).

    Returns:
        (count, samples).
    """
    total = torch.zeros(fundamental_cycles.shape)
    audible = levels * (ratios * fundamental_hz < 0.95 * grid.nyquist_hz)
    seconds = grid.seconds.float()
    for mode in range(ratios.shape[1]):
        column = slice(mode, mode + 1)
        # Where every sound of the batch has fallen by 100 dB there is nothing left to add.
        longest = float(decay_seconds[:, column].amax()) * 100.0 / 60.0
        end = min(grid.samples, round(longest * grid.sample_rate) + 1)
        fall = torch.exp(seconds[:, :end] * (-DECAY_NEPERS / decay_seconds[:, column]))
        tone = sine(fundamental_cycles[:, :end] * ratios[:, column])
        total[:, :end].addcmul_(tone, fall * audible[:, column])
    return total


def columns(values: Sequence[float]) -> torch.Tensor:
    """Constants of each mode as (1, modes)."""
    return torch.tensor(values)[None]
