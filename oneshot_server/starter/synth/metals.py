"""Metal: hats, crash, ride, cowbell."""

import math

import torch

from oneshot_server.starter.synth import filters
from oneshot_server.starter.synth.oscillators import (
    attack,
    columns,
    decay,
    partials,
    sine,
    square,
    steady_cycles,
)
from oneshot_server.starter.synth.voice import Draws, Grid, Voice, pick

CLUSTER_HZ = (205.3, 304.4, 369.6, 522.7, 540.0, 800.0)
"""The six square oscillators that the TR-808's hats, cymbal and cowbell share."""


def square_cluster(
    draws: Draws, grid: Grid, scale: torch.Tensor, detune: torch.Tensor
) -> torch.Tensor:
    """Six squares at no simple ratio; (count, samples), variance about 1."""
    total = torch.zeros(draws.count, grid.samples)
    for frequency_hz in CLUSTER_HZ:
        tuned_hz = frequency_hz * scale * (1.0 + detune * draws.uniform(-1.0, 1.0))
        cycles = steady_cycles(grid, tuned_hz) + draws.uniform(0.0, 1.0)
        total.add_(square(cycles, tuned_hz, grid))
    return total.div_(math.sqrt(len(CLUSTER_HZ)))


def ring_cluster(draws: Draws, grid: Grid) -> torch.Tensor:
    """Frequency modulation at odd ratios: a dense digital clang; (count, samples)."""
    carrier_hz = draws.log_uniform(1800.0, 7000.0)
    inner = sine(steady_cycles(grid, carrier_hz * draws.uniform(0.23, 0.71)))
    middle = sine(steady_cycles(grid, carrier_hz * draws.uniform(1.13, 1.67)) + 0.6 * inner)
    return 1.4 * sine(
        steady_cycles(grid, carrier_hz) + draws.uniform(0.3, 1.2) * middle + draws.uniform(0.0, 1.0)
    )


def plate(
    draws: Draws, grid: Grid, *, lowest_hz: torch.Tensor, decay_seconds: torch.Tensor, modes: int
) -> torch.Tensor:
    """A struck plate: modes at random ratios that fade the faster the higher; (count, samples)."""
    spread = torch.cat([draws.uniform(0.0, 1.0) for _ in range(modes)], dim=1)
    ratios = torch.exp2(spread * draws.uniform(2.0, 4.5))
    levels = torch.cat([draws.uniform(0.2, 1.0) for _ in range(modes)], dim=1)
    return partials(
        grid,
        steady_cycles(grid, lowest_hz),
        lowest_hz,
        ratios=ratios,
        levels=levels * (2.0 / modes) ** 0.5,
        decay_seconds=decay_seconds / ratios**0.35,
    )


def _hat(draws: Draws, grid: Grid, decay_seconds: torch.Tensor) -> Voice:
    """Flavours: 808 squares, noise and metal, digital clang, struck plates, plain noise."""
    flavour = draws.choice((0.28, 0.2, 0.17, 0.2, 0.15))
    squares = square_cluster(
        draws, grid, draws.log_uniform(0.7, 2.2), torch.where(flavour == 0, 0.02, 0.3)
    )
    clang = ring_cluster(draws, grid)
    plates = plate(
        draws,
        grid,
        lowest_hz=draws.log_uniform(700.0, 3500.0),
        decay_seconds=decay_seconds * 2.5,
        modes=14,
    )
    metal = torch.where(flavour <= 1, squares, torch.where(flavour == 2, clang, 3.0 * plates))
    noise_share = draws.uniform(
        pick(flavour, (0.0, 0.4, 0.0, 0.2, 1.0)), pick(flavour, (0.35, 0.8, 0.5, 0.7, 1.0))
    )
    source = metal * (1.0 - noise_share) + draws.noise(grid.samples) * noise_share
    size = filters.fft_size(grid)
    cut_hz = draws.log_uniform(pick(flavour, (4500, 4500, 2500, 1500, 3000)), 9500.0)
    cut = filters.highpass(filters.normalised_frequency(grid, cut_hz, size))
    steep = filters.highpass(filters.normalised_frequency(grid, cut_hz * 0.7, size))
    centre = filters.normalised_frequency(grid, draws.log_uniform(3500.0, 12000.0), size)
    peak = filters.bandpass(centre, draws.log_uniform(0.8, 4.0))
    shaped = filters.apply(source, cut * steep + draws.uniform(0.0, 1.2) * peak)
    shaped = shaped / shaped[:, : grid.sample_rate // 50].std(dim=1, keepdim=True)
    snap_level = draws.uniform(0.0, 1.5)
    envelope = decay(grid, decay_seconds) + snap_level * decay(grid, draws.log_uniform(0.006, 0.03))
    attack_seconds = draws.log_uniform(0.0002, 0.004)
    return Voice(
        waveform=shaped * envelope * attack(grid, attack_seconds, floor=0.1),
        pitch_hz=torch.zeros(draws.count, 1),
        traits={
            "metallic": noise_share < 0.3,
            "noisy": noise_share > 0.6,
            "snappy": snap_level > 1.0,
            "soft": (snap_level < 0.3) & (attack_seconds > 0.0015),
            "tr-808": flavour == 0,
        },
        acoustic=flavour == 3,
    )


def closed_hat(draws: Draws, grid: Grid) -> Voice:
    """A hat that is held shut."""
    return _hat(draws, grid, draws.log_uniform(0.04, 0.3))


def open_hat(draws: Draws, grid: Grid) -> Voice:
    """A hat that rings."""
    return _hat(draws, grid, draws.log_uniform(0.35, 1.8))


def crash(draws: Draws, grid: Grid) -> Voice:
    """Flavours: struck plate, 808 cymbal, washy noise."""
    flavour = draws.choice((0.4, 0.25, 0.35))
    decay_seconds = draws.log_uniform(1.0, 6.0)
    plates = plate(
        draws,
        grid,
        lowest_hz=draws.log_uniform(250.0, 700.0),
        decay_seconds=decay_seconds,
        modes=20,
    )
    squares = square_cluster(draws, grid, draws.log_uniform(0.8, 2.5), torch.full((1, 1), 0.1))
    noise = draws.noise(grid.samples)
    noise_share = draws.uniform(pick(flavour, (0.2, 0.1, 0.6)), pick(flavour, (0.6, 0.5, 0.95)))
    size = filters.fft_size(grid)
    split_hz = draws.log_uniform(2500.0, 6000.0)
    split = filters.normalised_frequency(grid, split_hz, size)
    bottom = filters.normalised_frequency(grid, draws.log_uniform(250.0, 1500.0), size)
    metal = torch.where(flavour == 1, squares * decay(grid, decay_seconds * 0.8), 2.5 * plates)
    body = noise * decay(grid, decay_seconds) * noise_share + metal * (1.0 - noise_share)
    # A cymbal darkens as it rings: its top has an envelope of its own, and a splash at the stick.
    top_envelope = decay(grid, decay_seconds * draws.uniform(0.3, 0.8)) + draws.uniform(
        0.2, 1.5
    ) * decay(grid, draws.log_uniform(0.04, 0.25))
    top = filters.apply(noise * top_envelope, filters.highpass(split))
    bulk = filters.apply(body, filters.highpass(bottom))
    swell_seconds = draws.log_uniform(0.0005, 0.02)
    top_level = draws.uniform(0.2, 1.0)
    return Voice(
        waveform=(bulk + top_level * top) * attack(grid, swell_seconds, floor=0.15),
        pitch_hz=torch.zeros(draws.count, 1),
        traits={
            "noisy": noise_share > 0.6,
            "metallic": noise_share < 0.3,
            "soft": swell_seconds > 0.008,
            "tr-808": flavour == 1,
        },
        acoustic=flavour == 0,
    )


def ride(draws: Draws, grid: Grid) -> Voice:
    """Flavours: struck plate, squares, digital clang; each with the stick's ping over a wash."""
    flavour = draws.choice((0.45, 0.3, 0.25))
    decay_seconds = draws.log_uniform(0.6, 4.0)
    plates = plate(
        draws,
        grid,
        lowest_hz=draws.log_uniform(450.0, 1400.0),
        decay_seconds=decay_seconds,
        modes=16,
    )
    squares = square_cluster(draws, grid, draws.log_uniform(1.0, 3.0), torch.full((1, 1), 0.2))
    clang = ring_cluster(draws, grid)
    envelope = decay(grid, decay_seconds * 0.8)
    metal = torch.where(
        flavour == 0, 2.0 * plates, torch.where(flavour == 1, squares, clang) * envelope
    )
    metal = filters.highpassed(metal, grid, draws.log_uniform(400.0, 5000.0))
    ping_hz = draws.log_uniform(2200.0, 6500.0)
    ping = sine(steady_cycles(grid, ping_hz)) + sine(steady_cycles(grid, ping_hz * 1.47))
    ping_level = draws.uniform(0.1, 1.0)
    ping_seconds = draws.log_uniform(0.08, 0.7)
    stick = filters.highpassed(draws.noise(grid.samples), grid, draws.log_uniform(2000.0, 7000.0))
    wash_level = draws.uniform(0.03, 0.4)
    stick_envelope = wash_level * envelope + 0.5 * decay(grid, draws.log_uniform(0.008, 0.03))
    return Voice(
        waveform=metal + ping_level * ping * decay(grid, ping_seconds) + stick * stick_envelope,
        pitch_hz=torch.zeros(draws.count, 1),
        traits={
            "metallic": (ping_level > 0.6) & (wash_level < 0.2),
            "noisy": wash_level > 0.28,
        },
        acoustic=flavour == 0,
    )


def cowbell(draws: Draws, grid: Grid) -> Voice:
    """Flavours: two 808 squares, bell modes, two sines driven hard."""
    flavour = draws.choice((0.5, 0.3, 0.2))
    pitch_hz = draws.log_uniform(380.0, 860.0)
    upper_ratio = torch.where(flavour == 0, draws.uniform(1.42, 1.54), draws.uniform(1.35, 1.75))
    upper_hz = pitch_hz * upper_ratio
    decay_seconds = draws.log_uniform(0.1, 0.9)
    lower, upper = steady_cycles(grid, pitch_hz), steady_cycles(grid, upper_hz)
    squares = square(lower, pitch_hz, grid) + square(upper, upper_hz, grid)
    ratios = torch.cat([torch.ones(draws.count, 1), upper_ratio], dim=1)
    higher = torch.cat([draws.uniform(2.0, 9.0) for _ in range(5)], dim=1)
    bell = partials(
        grid,
        lower,
        pitch_hz,
        ratios=torch.cat([ratios, higher], dim=1),
        levels=columns((1.0, 0.9, 0.5, 0.4, 0.35, 0.3, 0.25)),
        decay_seconds=decay_seconds * columns((1.0, 0.9, 0.5, 0.4, 0.4, 0.3, 0.3)),
    )
    driven = torch.tanh(draws.uniform(1.0, 4.0) * (sine(lower) + sine(upper)))
    strike_level = draws.uniform(0.3, 2.0)
    envelope = decay(grid, decay_seconds) + strike_level * decay(
        grid, draws.log_uniform(0.015, 0.06)
    )
    tone = torch.where(flavour == 1, bell, torch.where(flavour == 0, squares, driven) * envelope)
    size = filters.fft_size(grid)
    centre = filters.normalised_frequency(grid, upper_hz * draws.uniform(0.9, 2.0), size)
    focus = draws.uniform(0.3, 1.0)
    shaped = filters.apply(
        tone, focus * filters.bandpass(centre, draws.log_uniform(0.7, 4.0)) + 0.5 * (1.0 - focus)
    )
    return Voice(
        waveform=shaped,
        pitch_hz=pitch_hz,
        traits={
            "snappy": strike_level > 1.4,
            "metallic": (flavour == 1) | (focus < 0.5),
            "tr-808": flavour == 0,
        },
        acoustic=flavour == 1,
    )
