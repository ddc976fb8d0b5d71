"""What is struck or shaken in the hand: clap, rim, shaker."""

import torch

from oneshot_server.starter.synth import filters
from oneshot_server.starter.synth.drums import click
from oneshot_server.starter.synth.oscillators import (
    attack,
    burst,
    columns,
    decay,
    partials,
    steady_cycles,
)
from oneshot_server.starter.synth.voice import Draws, Grid, Voice, pick


def clap(draws: Draws, grid: Grid) -> Voice:
    """Flavours: analogue bursts of one noise with a tail, several hands, one sharp snap."""
    flavour = draws.choice((0.5, 0.3, 0.2))
    acoustic = flavour == 1
    noise = draws.noise(grid.samples)
    bursts = 6
    spacing_seconds = draws.uniform(0.006, 0.016)
    burst_count = draws.uniform(pick(flavour, (3, 4, 1)), pick(flavour, (5.99, 6.99, 2.99))).floor()
    burst_seconds = draws.log_uniform(0.008, 0.03)
    envelope = torch.zeros_like(noise)
    last_seconds = torch.zeros(draws.count, 1)
    irregular = pick(flavour, (0.15, 0.7, 0.3))
    for index in range(bursts):
        sounding = burst_count > index
        shift = index + (irregular * draws.uniform(-0.5, 0.5) if index else 0.0)
        start_seconds = spacing_seconds * shift
        level = draws.uniform(0.6, 1.0) if index else torch.ones(draws.count, 1)
        envelope.add_(burst(grid, start_seconds, burst_seconds) * level * sounding)
        last_seconds = torch.where(sounding, start_seconds, last_seconds)
    tail_seconds = draws.log_uniform(0.1, 0.9)
    tail_level = draws.uniform(0.15, 0.8)
    envelope.add_(tail_level * burst(grid, last_seconds, tail_seconds))
    centre_hz = draws.log_uniform(750.0, 2400.0)
    size = filters.fft_size(grid)
    band = filters.bandpass(
        filters.normalised_frequency(grid, centre_hz, size), draws.log_uniform(0.8, 4.0)
    )
    air_level = draws.uniform(0.02, 0.35)
    air = filters.highpass(filters.normalised_frequency(grid, centre_hz * 2.5, size))
    thump_hz = draws.log_uniform(300.0, 700.0)
    second_band = filters.bandpass(filters.normalised_frequency(grid, thump_hz, size), 2.0)
    coloured = filters.apply(
        noise * envelope, band + air_level * air + draws.uniform(0.0, 0.5) * second_band
    )
    return Voice(
        waveform=coloured,
        pitch_hz=torch.zeros(draws.count, 1),
        traits={
            "snappy": (burst_count <= 3) & (tail_level < 0.4),
            "noisy": air_level > 0.22,
            "tr-808": (flavour == 0) & (burst_count == 4) & (centre_hz < 1300.0),
        },
        acoustic=acoustic,
    )


def rim(draws: Draws, grid: Grid) -> Voice:
    """Flavours: 808 (two damped sines), wooden modes, hard-driven pulse."""
    flavour = draws.choice((0.4, 0.35, 0.25))
    acoustic = flavour == 1
    pitch_hz = draws.log_uniform(320.0, 900.0)
    decay_seconds = draws.log_uniform(0.025, 0.25)
    upper = torch.cat(
        [draws.uniform(2.2, 4.2), draws.uniform(4.4, 6.5), draws.uniform(6.6, 9.5)], dim=1
    )
    ratios = torch.cat([torch.ones(draws.count, 1), upper], dim=1)
    upper_level = draws.log_uniform(0.25, 1.6)
    fall = columns((0.0, 0.0, 1.0, 1.6))
    levels = torch.cat([torch.ones(draws.count, 1), upper_level.expand(-1, 3)], dim=1)
    levels = levels * torch.where((flavour == 0) & (fall > 0.0), 0.0, torch.exp(-fall))
    cycles = steady_cycles(grid, pitch_hz)
    modes = partials(
        grid,
        cycles,
        pitch_hz,
        ratios=ratios,
        levels=levels,
        decay_seconds=decay_seconds / ratios ** draws.uniform(0.0, 0.7),
    )
    noise_level = draws.uniform(0.0, pick(flavour, (0.25, 0.5, 0.8)))
    hiss = filters.bandpassed(
        draws.noise(grid.samples), grid, draws.log_uniform(1500.0, 7000.0), draws.uniform(0.5, 2.0)
    )
    hiss = hiss * decay(grid, draws.log_uniform(0.008, 0.06))
    click_level = draws.uniform(0.0, 1.0)
    clicks = click(draws, grid, draws.log_uniform(2000.0, 8000.0))
    return Voice(
        waveform=modes + noise_level * hiss + click_level * clicks,
        pitch_hz=torch.where(upper_level < 0.8, pitch_hz, 0.0),
        traits={
            "clicky": click_level > 0.7,
            "noisy": noise_level > 0.4,
            "metallic": (flavour != 0) & (upper_level > 0.9),
            "tr-808": flavour == 0,
        },
        acoustic=acoustic,
    )


def shaker(draws: Draws, grid: Grid) -> Voice:
    """Flavours: smooth electronic maraca, beads that rattle, jingles."""
    flavour = draws.choice((0.4, 0.4, 0.2))
    attack_seconds = draws.log_uniform(0.002, 0.06)
    decay_seconds = draws.log_uniform(0.04, 0.45)
    noise = draws.noise(grid.samples)
    # Beads hit at random: only the tallest peaks of a slower noise let the hiss through.
    grain_hz = draws.log_uniform(60.0, 400.0)
    grains = filters.lowpassed(draws.noise(grid.samples), grid, grain_hz)
    grains = (grains / grains.std(dim=1, keepdim=True)).abs().square()
    rattling = torch.where(flavour == 0, 0.0, draws.uniform(0.3, 1.0))
    centre_hz = draws.log_uniform(2800.0, 9500.0)
    size = filters.fft_size(grid)
    frequency = filters.normalised_frequency(grid, centre_hz, size)
    response = filters.bandpass(frequency, draws.log_uniform(0.7, 3.5))
    response = response * filters.highpass(
        filters.normalised_frequency(grid, draws.log_uniform(800.0, 3000.0), size)
    )
    hiss = filters.apply(noise * (1.0 - rattling + rattling * grains), response)
    hiss = hiss / hiss.std(dim=1, keepdim=True)
    jingle_level = torch.where(flavour == 2, draws.uniform(0.4, 1.5), 0.0)
    jingle_hz = draws.log_uniform(3000.0, 5000.0)
    jingles = partials(
        grid,
        steady_cycles(grid, jingle_hz),
        jingle_hz,
        ratios=torch.cat([draws.uniform(1.0, 3.5) for _ in range(6)], dim=1),
        levels=torch.ones(1, 6),
        decay_seconds=(decay_seconds * 2.0).expand(-1, 6),
    )
    swing = attack(grid, attack_seconds, floor=0.08)
    envelope = swing * decay(grid, decay_seconds, hold_seconds=attack_seconds)
    return Voice(
        waveform=hiss * envelope + jingle_level * jingles * swing,
        pitch_hz=torch.zeros(draws.count, 1),
        traits={
            "soft": attack_seconds > 0.025,
            "snappy": attack_seconds < 0.005,
            "metallic": jingle_level > 0.6,
            "noisy": (rattling < 0.2) & (flavour == 0),
        },
        acoustic=flavour == 1,
    )
