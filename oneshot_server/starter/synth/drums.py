"""Drums with a skin: kick, tom, snare."""

import torch

from oneshot_server.starter.synth import filters
from oneshot_server.starter.synth.oscillators import (
    columns,
    decay,
    partials,
    sine,
    steady_cycles,
    swept_cycles,
)
from oneshot_server.starter.synth.voice import Draws, Grid, Voice, pick

MEMBRANE_RATIOS = (1.0, 1.593, 2.136, 2.296, 2.653, 2.918, 3.156)
"""Modes of an ideal circular membrane; Fletcher and Rossing, The Physics of Musical Instruments."""


def membrane(
    draws: Draws,
    grid: Grid,
    cycles: torch.Tensor,
    fundamental_hz: torch.Tensor,
    decay_seconds: torch.Tensor,
) -> torch.Tensor:
    """A struck skin over the phase of its fundamental; (count, samples), fundamental about 1."""
    ratios = columns(MEMBRANE_RATIOS)
    modes = ratios.shape[1]
    struck = torch.cat(
        [torch.ones(draws.count, 1)] + [draws.uniform(0.05, 0.6) for _ in range(modes - 1)], dim=1
    )
    damping = draws.uniform(0.6, 2.0)
    return partials(
        grid,
        cycles,
        fundamental_hz,
        ratios=ratios,
        levels=struck / ratios,
        decay_seconds=decay_seconds / ratios ** (1.0 + damping),
    )


def click(draws: Draws, grid: Grid, brightness_hz: torch.Tensor) -> torch.Tensor:
    """A beater's or a circuit's click, a few milliseconds; (count, samples), peak about 1."""
    style = draws.choice((1.0, 1.0, 1.0))
    hiss = draws.noise(grid.samples) * decay(grid, draws.log_uniform(0.003, 0.02)) * 0.4
    blip = sine(steady_cycles(grid, brightness_hz)) * decay(grid, draws.log_uniform(0.003, 0.015))
    impulse = decay(grid, draws.log_uniform(0.0006, 0.003))
    chosen = torch.where(style == 0, hiss, torch.where(style == 1, blip, impulse))
    return filters.lowpassed(chosen, grid, brightness_hz * 2.0)


def settling(
    sweep_seconds: torch.Tensor, sweep_ratio: torch.Tensor, decay_seconds: torch.Tensor
) -> torch.Tensor:
    """Shorten a pitch sweep so that the tail sounds at the pitch that the caption names.

    Where the sound has fallen by 20 dB, its frequency is within 4 % of its end.

    Args:
        sweep_seconds: (count, 1), time constant as drawn.
        sweep_ratio: (count, 1), frequency at the onset over that at the end, at least 1.
        decay_seconds: (count, 1), time to fall by 60 dB.
    """
    return torch.minimum(sweep_seconds, decay_seconds / (6.0 * (1.0 + sweep_ratio.log())))


def kick(draws: Draws, grid: Grid) -> Voice:
    """Flavours: long 808, swept 909, acoustic membrane, hard techno."""
    flavour = draws.choice((0.28, 0.34, 0.16, 0.22))
    acoustic = flavour == 2
    pitch_hz = draws.log_uniform(pick(flavour, (38, 42, 46, 38)), pick(flavour, (62, 80, 80, 68)))
    decay_seconds = draws.log_uniform(
        pick(flavour, (0.35, 0.12, 0.09, 0.15)), pick(flavour, (1.8, 0.7, 0.5, 0.8))
    )
    sweep_ratio = draws.log_uniform(
        pick(flavour, (1.3, 2.5, 1.1, 4.0)), pick(flavour, (3.5, 8.0, 2.0, 16.0))
    )
    sweep_seconds = settling(draws.log_uniform(0.004, 0.035), sweep_ratio, decay_seconds)
    cycles = swept_cycles(grid, pitch_hz * sweep_ratio, pitch_hz, sweep_seconds)
    hold_seconds = torch.where(flavour == 3, draws.uniform(0.0, 0.08), 0.0)
    second_harmonic = draws.uniform(0.0, 0.3)
    body = (sine(cycles) + second_harmonic * sine(2.0 * cycles)) * decay(
        grid, decay_seconds, hold_seconds=hold_seconds
    )
    skin = membrane(draws, grid, cycles, pitch_hz, decay_seconds)
    click_level = draws.uniform(0.0, pick(flavour, (0.35, 0.9, 0.7, 0.9)))
    clicks = click(draws, grid, draws.log_uniform(1200.0, 7000.0))
    noise_level = draws.chance(0.35) * draws.uniform(0.02, 0.25)
    air = filters.lowpassed(draws.noise(grid.samples), grid, draws.log_uniform(800.0, 6000.0))
    air = air * decay(grid, draws.log_uniform(0.03, 0.2))
    waveform = torch.where(acoustic, skin, body) + click_level * clicks + noise_level * air
    return Voice(
        waveform=waveform,
        pitch_hz=pitch_hz,
        traits={
            "punchy": (sweep_ratio > 3.5) & (sweep_seconds > 0.005),
            "clicky": click_level > 0.5,
            "boomy": (pitch_hz < 55.0) & (decay_seconds > 0.7),
            "noisy": noise_level > 0.12,
            "tr-808": flavour == 0,
        },
        acoustic=acoustic,
    )


def tom(draws: Draws, grid: Grid) -> Voice:
    """Flavours: 808 sine, swept with noise, acoustic membrane."""
    flavour = draws.choice((0.35, 0.35, 0.3))
    acoustic = flavour == 2
    pitch_hz = draws.log_uniform(62.0, 320.0)
    decay_seconds = draws.log_uniform(0.15, 1.4) * (120.0 / pitch_hz) ** 0.3
    sweep_ratio = draws.log_uniform(pick(flavour, (1.1, 1.4, 1.02)), pick(flavour, (1.5, 4.0, 1.3)))
    sweep_seconds = settling(draws.log_uniform(0.01, 0.15), sweep_ratio, decay_seconds)
    cycles = swept_cycles(grid, pitch_hz * sweep_ratio, pitch_hz, sweep_seconds)
    body = sine(cycles) + draws.uniform(0.0, 0.35) * sine(2.0 * cycles)
    body = body * decay(grid, decay_seconds)
    skin = membrane(draws, grid, cycles, pitch_hz, decay_seconds)
    noise_level = draws.uniform(0.0, pick(flavour, (0.12, 0.45, 0.2)))
    air = filters.bandpassed(
        draws.noise(grid.samples), grid, draws.log_uniform(600.0, 4000.0), draws.uniform(0.4, 1.0)
    )
    air = air * decay(grid, decay_seconds * draws.uniform(0.2, 0.8))
    click_level = draws.uniform(0.0, 0.6)
    clicks = click(draws, grid, draws.log_uniform(900.0, 5000.0))
    return Voice(
        waveform=torch.where(acoustic, skin, body) + noise_level * air + click_level * clicks,
        pitch_hz=pitch_hz,
        traits={
            "punchy": (sweep_ratio > 1.8) & (sweep_seconds < 0.06),
            "clicky": click_level > 0.42,
            "boomy": (pitch_hz < 110.0) & (decay_seconds > 0.7),
            "noisy": noise_level > 0.22,
            "tr-808": flavour == 0,
        },
        acoustic=acoustic,
    )


def snare(draws: Draws, grid: Grid) -> Voice:
    """Flavours: 808 (two sines, hiss), swept 909, acoustic skin and wires, noisy electro."""
    flavour = draws.choice((0.25, 0.3, 0.25, 0.2))
    acoustic = flavour == 2
    pitch_hz = draws.log_uniform(140.0, 300.0)
    body_seconds = draws.log_uniform(0.06, 0.35)
    wire_seconds = draws.log_uniform(0.12, 1.0)
    sweep_ratio = draws.log_uniform(
        pick(flavour, (1.02, 1.3, 1.02, 1.5)), pick(flavour, (1.3, 2.5, 1.2, 5.0))
    )
    cycles = swept_cycles(grid, pitch_hz * sweep_ratio, pitch_hz, draws.log_uniform(0.004, 0.02))
    upper_ratio = draws.uniform(1.45, 1.95)
    body = sine(cycles) + draws.uniform(0.1, 0.8) * sine(cycles * upper_ratio) * decay(
        grid, body_seconds
    )
    body = body * decay(grid, body_seconds)
    skin = membrane(draws, grid, cycles, pitch_hz, body_seconds * 1.3)
    size = filters.fft_size(grid)
    low = filters.normalised_frequency(grid, draws.log_uniform(500.0, 3500.0), size)
    high = filters.normalised_frequency(grid, draws.log_uniform(5000.0, 18000.0), size)
    ring = filters.normalised_frequency(grid, draws.log_uniform(1500.0, 6000.0), size)
    ring_level = draws.uniform(0.0, 2.0)
    wires = filters.apply(
        draws.noise(grid.samples),
        filters.highpass(low) * filters.lowpass(high)
        + ring_level * filters.bandpass(ring, draws.uniform(1.0, 5.0)),
    )
    snap_level = draws.uniform(0.0, 1.2)
    wire_envelope = decay(grid, wire_seconds) + snap_level * decay(
        grid, draws.log_uniform(0.01, 0.04)
    )
    noise_level = draws.log_uniform(
        pick(flavour, (0.12, 0.15, 0.15, 0.4)), pick(flavour, (0.6, 0.7, 0.6, 1.2))
    )
    click_level = draws.uniform(0.0, 0.7)
    clicks = click(draws, grid, draws.log_uniform(1500.0, 6000.0))
    waveform = (
        torch.where(acoustic, skin, body)
        + noise_level * wires * wire_envelope
        + click_level * clicks
    )
    return Voice(
        waveform=waveform,
        pitch_hz=pitch_hz,
        traits={
            "punchy": (sweep_ratio > 1.6) & (noise_level < 0.5),
            "clicky": click_level > 0.5,
            "snappy": (snap_level > 0.7) & (wire_seconds < 0.4),
            "noisy": noise_level > 0.5,
            "tr-808": flavour == 0,
        },
        acoustic=acoustic,
    )
