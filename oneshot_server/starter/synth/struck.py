"""What is struck with hands, sticks and mallets: conga, small percussion, bell, mallet."""

import torch

from oneshot_server.starter.synth import filters
from oneshot_server.starter.synth.drums import click, membrane, settling
from oneshot_server.starter.synth.oscillators import (
    attack,
    burst,
    decay,
    partials,
    sine,
    square,
    steady_cycles,
    swept_cycles,
    tremolo,
)
from oneshot_server.starter.synth.voice import Draws, Grid, Voice, pick

FREE_BAR_RATIOS = (1.0, 2.756, 5.404, 8.933)
"""A uniform bar with free ends; Fletcher and Rossing, The Physics of Musical Instruments."""

CHURCH_BELL_RATIOS = (0.5, 1.0, 1.183, 1.506, 2.0, 2.514, 2.662, 3.011)
"""Hum, prime, tierce, quint, nominal and above, over the prime; ibid."""

TUBULAR_BELL_RATIOS = (0.224, 0.617, 1.21, 2.0, 2.987, 4.173, 5.56, 7.13)
"""Free bar, over the strike note that is heard an octave below the fourth mode; ibid."""

MALLET_RATIOS = (
    (1.0, 3.93, 9.3, 16.0),
    (1.0, 3.0, 6.1, 10.2),
    (1.0, 3.98, 9.7, 16.5),
    FREE_BAR_RATIOS,
    (1.0, 5.9, 11.5, 17.5),
)
"""Bars tuned to two octaves (marimba, vibraphone) and to a twelfth (xylophone), untuned, tines."""


def conga(draws: Draws, grid: Grid) -> Voice:
    """Flavours: open tone, muted tone, slap, 808 sine."""
    flavour = draws.choice((0.42, 0.18, 0.22, 0.18))
    pitch_hz = draws.log_uniform(
        pick(flavour, (90, 110, 150, 150)), pick(flavour, (430, 430, 520, 480))
    )
    decay_seconds = draws.log_uniform(
        pick(flavour, (0.18, 0.05, 0.06, 0.12)), pick(flavour, (0.9, 0.18, 0.3, 0.5))
    )
    sweep_ratio = draws.log_uniform(1.005, pick(flavour, (1.08, 1.1, 1.12, 1.15)))
    sweep_seconds = settling(draws.log_uniform(0.01, 0.06), sweep_ratio, decay_seconds)
    cycles = swept_cycles(grid, pitch_hz * sweep_ratio, pitch_hz, sweep_seconds)
    skin = membrane(draws, grid, cycles, pitch_hz, decay_seconds)
    body = torch.where(flavour == 3, sine(cycles) * decay(grid, decay_seconds), skin)
    hand_level = draws.uniform(
        pick(flavour, (0.05, 0.1, 0.6, 0.0)), pick(flavour, (0.4, 0.5, 2.0, 0.1))
    )
    hand = filters.bandpassed(
        draws.noise(grid.samples),
        grid,
        draws.log_uniform(900.0, 3800.0),
        draws.log_uniform(0.7, 3.0),
    )
    hand = hand * decay(grid, draws.log_uniform(0.01, 0.08))
    # The air in the shell sounds below the skin, where the drum is not closed by the hand.
    shell_level = torch.where(flavour == 0, draws.uniform(0.0, 0.3), 0.0)
    shell = sine(steady_cycles(grid, draws.log_uniform(62.0, 105.0)))
    shell = shell * decay(grid, draws.log_uniform(0.08, 0.3))
    clicks = click(draws, grid, draws.log_uniform(1200.0, 5000.0))
    click_level = draws.uniform(0.0, pick(flavour, (0.4, 0.3, 0.8, 0.25)))
    return Voice(
        waveform=body + hand_level * hand + shell_level * shell + click_level * clicks,
        pitch_hz=pitch_hz,
        traits={
            "muted": flavour == 1,
            "snappy": flavour == 2,
            "noisy": hand_level > 1.2,
            "clicky": click_level > 0.45,
            "tr-808": flavour == 3,
        },
        acoustic=flavour != 3,
    )


def perc(draws: Draws, grid: Grid) -> Voice:
    """Flavours: woodblock, claves, agogo, castanets, guiro, electronic blip."""
    flavour = draws.choice((0.22, 0.16, 0.18, 0.12, 0.14, 0.18))
    pitch_hz = draws.log_uniform(
        pick(flavour, (480, 1700, 600, 1300, 1500, 300)),
        pick(flavour, (1500, 3200, 1500, 3000, 4000, 2500)),
    )
    decay_seconds = draws.log_uniform(
        pick(flavour, (0.04, 0.04, 0.15, 0.02, 0.02, 0.03)),
        pick(flavour, (0.22, 0.14, 0.8, 0.06, 0.05, 0.3)),
    )
    upper = torch.cat(
        [draws.uniform(1.4, 2.7), draws.uniform(2.7, 4.0), draws.uniform(4.0, 7.0)], dim=1
    )
    upper_level = draws.log_uniform(
        pick(flavour, (0.1, 0.03, 0.3, 0.3, 0.1, 0.01)),
        pick(flavour, (0.7, 0.3, 1.1, 1.0, 0.5, 0.05)),
    )
    ratios = torch.cat([torch.ones(draws.count, 1), upper], dim=1)
    levels = torch.cat([torch.ones(draws.count, 1), upper_level / upper.sqrt()], dim=1)
    modes = partials(
        grid,
        steady_cycles(grid, pitch_hz),
        pitch_hz,
        ratios=ratios,
        levels=levels,
        decay_seconds=decay_seconds / ratios ** draws.uniform(0.2, 1.0),
    )
    centre_hz = pitch_hz * draws.log_uniform(0.7, 2.0)
    knock = filters.bandpassed(
        draws.noise(grid.samples), grid, centre_hz, draws.log_uniform(0.7, 3.0)
    )
    knock_level = draws.uniform(0.05, pick(flavour, (0.9, 0.5, 0.4, 1.5, 1.0, 0.1)))
    struck = modes + knock_level * knock * decay(grid, draws.log_uniform(0.004, 0.025))
    second_seconds = draws.uniform(0.012, 0.035)
    clack = knock * (
        decay(grid, decay_seconds)
        + draws.uniform(0.3, 1.0) * burst(grid, second_seconds, decay_seconds)
    )
    rate_hz = draws.log_uniform(25.0, 70.0)
    scrape_seconds = draws.log_uniform(0.06, 0.45)
    teeth = grid.seconds.float() * rate_hz * (1.0 + draws.uniform(0.0, 1.5) * grid.seconds.float())
    scrape = knock * torch.exp(-teeth.frac() * draws.log_uniform(2.0, 8.0))
    scrape = scrape * decay(grid, torch.full((1, 1), 0.06), hold_seconds=scrape_seconds)
    scrape = scrape * attack(grid, scrape_seconds, floor=0.4)
    swept_ratio = draws.log_uniform(1.0, 3.0)
    swept = swept_cycles(
        grid,
        pitch_hz * swept_ratio,
        pitch_hz,
        settling(draws.log_uniform(0.002, 0.03), swept_ratio, decay_seconds),
    )
    blip = torch.where(draws.chance(0.4), 0.6 * square(swept, pitch_hz * 2.0, grid), sine(swept))
    blip = blip * decay(grid, decay_seconds)
    waveform = torch.where(flavour == 5, blip, struck)
    waveform = torch.where(flavour == 3, clack, torch.where(flavour == 4, scrape, waveform))
    return Voice(
        waveform=waveform,
        pitch_hz=torch.where((flavour == 3) | (flavour == 4), 0.0, pitch_hz),
        traits={
            "woodblock": flavour == 0,
            "claves": flavour == 1,
            "agogo": flavour == 2,
            "castanets": flavour == 3,
            "guiro": flavour == 4,
            "falling": (flavour == 5) & (swept_ratio > 1.8),
        },
        acoustic=flavour != 5,
    )


def bell(draws: Draws, grid: Grid) -> Voice:
    """Flavours: frequency modulation, church bell, tubular bell, triangle, metal or glass bar."""
    flavour = draws.choice((0.28, 0.2, 0.14, 0.2, 0.18))
    pitch_hz = draws.log_uniform(
        pick(flavour, (220, 200, 250, 1500, 600)), pick(flavour, (1500, 900, 1100, 4500, 2600))
    )
    choked = draws.chance(0.2)
    decay_seconds = draws.log_uniform(
        pick(flavour, (0.5, 1.5, 1.2, 1.0, 0.4)), pick(flavour, (4.0, 6.0, 5.0, 5.0, 3.0))
    )
    decay_seconds = torch.where(choked, draws.uniform(0.12, 0.4), decay_seconds)
    irregular = torch.cat([draws.uniform(1.0, 6.0) for _ in range(8)], dim=1).sort(dim=1).values
    still = torch.tensor(
        (
            CHURCH_BELL_RATIOS,
            CHURCH_BELL_RATIOS,
            TUBULAR_BELL_RATIOS,
            CHURCH_BELL_RATIOS,
            FREE_BAR_RATIOS * 2,
        )
    )[flavour[:, 0]]
    ratios = torch.where(flavour == 3, irregular / irregular[:, :1], still)
    ratios = ratios * (1.0 + 0.006 * (torch.rand(ratios.shape, generator=draws.generator) - 0.5))
    levels = torch.cat([draws.uniform(0.25, 1.0) for _ in range(8)], dim=1)
    levels = levels / ratios.clamp_min(1.0) ** draws.uniform(0.0, 1.3)
    modes = partials(
        grid,
        steady_cycles(grid, pitch_hz),
        pitch_hz,
        ratios=ratios,
        levels=levels,
        decay_seconds=decay_seconds / ratios ** draws.uniform(0.3, 0.9),
    )
    modulator_ratio = pick(draws.choice((0.3, 0.3, 0.2, 0.2)), (1.4, 3.5, 2.76, 2.0))
    index = draws.log_uniform(0.12, 1.2)
    index_envelope = decay(grid, decay_seconds * draws.uniform(0.3, 1.0))
    cycles = steady_cycles(grid, pitch_hz)
    modulated = sine(cycles + index * index_envelope * sine(cycles * modulator_ratio))
    modulated = modulated * decay(grid, decay_seconds)
    beating = 1.0 + draws.uniform(0.0, 0.4) * sine(steady_cycles(grid, draws.log_uniform(0.7, 6.0)))
    strike = filters.highpassed(draws.noise(grid.samples), grid, draws.log_uniform(1500.0, 7000.0))
    strike_level = draws.uniform(0.0, 0.5)
    strike = strike * decay(grid, draws.log_uniform(0.004, 0.03))
    return Voice(
        waveform=torch.where(flavour == 0, modulated, modes) * beating + strike_level * strike,
        pitch_hz=torch.where(flavour == 3, 0.0, pitch_hz),
        traits={
            "tubular": flavour == 2,
            "triangle": flavour == 3,
            "muted": choked,
            "metallic": (flavour == 0) & (index > 0.5),
            "clicky": strike_level > 0.38,
        },
        acoustic=flavour != 0,
    )


def mallet(draws: Draws, grid: Grid) -> Voice:
    """Flavours: marimba, xylophone, vibraphone, glockenspiel, kalimba."""
    flavour = draws.choice((0.26, 0.2, 0.22, 0.16, 0.16))
    pitch_hz = draws.log_uniform(
        pick(flavour, (110, 350, 170, 500, 160)), pick(flavour, (1100, 2100, 1400, 3500, 1200))
    )
    decay_seconds = draws.log_uniform(
        pick(flavour, (0.3, 0.12, 1.0, 0.6, 0.35)), pick(flavour, (1.1, 0.45, 5.0, 3.0, 1.3))
    ) * (400.0 / pitch_hz) ** pick(flavour, (0.4, 0.2, 0.2, 0.1, 0.3))
    ratios = torch.tensor(MALLET_RATIOS)[flavour[:, 0]]
    hardness = draws.log_uniform(0.1, 1.0)
    levels = torch.cat(
        [torch.ones(draws.count, 1)] + [draws.uniform(0.4, 1.0) * hardness**n for n in (1, 1.5, 2)],
        dim=1,
    )
    bar = partials(
        grid,
        steady_cycles(grid, pitch_hz),
        pitch_hz,
        ratios=ratios,
        levels=levels * torch.tensor([[1.0, 0.6, 0.4, 0.3]]),
        decay_seconds=decay_seconds / ratios ** draws.uniform(0.5, 1.0),
    )
    trembling = (flavour == 2) & draws.chance(0.4)
    depth = torch.where(trembling, draws.uniform(0.1, 0.5), 0.0)
    bar = bar * tremolo(grid, depth, draws.uniform(3.0, 7.5))
    knock = filters.bandpassed(
        draws.noise(grid.samples), grid, draws.log_uniform(250.0, 3000.0), draws.uniform(0.6, 2.0)
    )
    knock_level = draws.uniform(0.0, 0.2) + 0.4 * hardness
    knock = knock * decay(grid, draws.log_uniform(0.008, 0.05))
    return Voice(
        waveform=bar + knock_level * knock,
        pitch_hz=pitch_hz,
        traits={
            "marimba": flavour == 0,
            "xylophone": flavour == 1,
            "vibraphone": flavour == 2,
            "glockenspiel": flavour == 3,
            "kalimba": flavour == 4,
            "soft": hardness < 0.2,
            "clicky": knock_level > 0.45,
        },
        acoustic=torch.ones(draws.count, 1, dtype=torch.bool),
    )
