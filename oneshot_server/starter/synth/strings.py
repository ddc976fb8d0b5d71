"""Strings as damped harmonics, and keys."""

import torch

from oneshot_server.starter.synth import filters
from oneshot_server.starter.synth.oscillators import decay, partials, sine, steady_cycles, tremolo
from oneshot_server.starter.synth.voice import Draws, Grid, Voice, pick

DRAWBAR_RATIOS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
"""Of an organ of tone wheels: sub-octave, fundamental, fifth and so on."""


def string(
    grid: Grid,
    pitch_hz: torch.Tensor,
    decay_seconds: torch.Tensor,
    *,
    place: torch.Tensor,
    slope: torch.Tensor,
    damping: torch.Tensor,
    stiffness: torch.Tensor,
    harmonics: int,
) -> torch.Tensor:
    """A plucked string.

    Args:
        grid: the time grid.
        pitch_hz: (count, 1).
        decay_seconds: (count, 1), of the fundamental.
        place: (count, 1), where it is plucked, as a share of its length.
        slope: (count, 1), levels fall with the harmonic's number to this power.
        damping: (count, 1), how much faster each harmonic fades than the one below it.
        stiffness: (count, 1), inharmonicity.
        harmonics: how many there are.

    Returns:
        (count, samples).

    Reference: Fletcher and Rossing, 1998, "The Physics of Musical Instruments", chapter 2.
    """
    number = torch.arange(1.0, harmonics + 1.0)[None]
    return partials(
        grid,
        steady_cycles(grid, pitch_hz),
        pitch_hz,
        ratios=number * torch.sqrt((1.0 + stiffness * number.square()) / (1.0 + stiffness)),
        levels=torch.sin(torch.pi * place * number) / number**slope,
        decay_seconds=decay_seconds / (1.0 + damping * (number - 1.0)),
    )


def keys(draws: Draws, grid: Grid) -> Voice:
    """Flavours: rhodes by frequency modulation, organ, harpsichord, clavinet."""
    flavour = draws.choice((0.34, 0.26, 0.2, 0.2))
    pitch_hz = draws.log_uniform(
        pick(flavour, (60, 60, 80, 60)), pick(flavour, (900, 900, 1000, 500))
    )
    decay_seconds = draws.log_uniform(
        pick(flavour, (0.8, 3.0, 0.6, 0.4)), pick(flavour, (4.0, 9.0, 3.0, 2.0))
    ) * (220.0 / pitch_hz) ** pick(flavour, (0.3, 0.0, 0.4, 0.3))
    cycles = steady_cycles(grid, pitch_hz)
    index = draws.log_uniform(0.05, 0.5)
    growl = decay(grid, decay_seconds * draws.uniform(0.3, 0.9))
    tine_level = draws.uniform(0.02, 0.3)
    tine_ratio = pick(draws.choice((0.5, 0.25, 0.25)), (14.0, 7.0, 10.0))
    tine = sine(cycles * tine_ratio) * decay(grid, draws.log_uniform(0.08, 0.5))
    tine = tine * (tine_ratio * pitch_hz < 0.9 * grid.nyquist_hz)
    rhodes = sine(cycles + index * growl * sine(cycles)) * decay(grid, decay_seconds)
    rhodes = rhodes + tine_level * tine
    drawn = torch.cat([draws.chance(0.55) * draws.uniform(0.2, 1.0) for _ in DRAWBAR_RATIOS], dim=1)
    drawn[:, 1] = 1.0
    organ = partials(
        grid,
        cycles,
        pitch_hz,
        ratios=torch.tensor([DRAWBAR_RATIOS]),
        levels=drawn,
        decay_seconds=torch.full((1, len(DRAWBAR_RATIOS)), 60.0),
    )
    plucked = string(
        grid,
        pitch_hz,
        decay_seconds,
        place=draws.uniform(0.06, pick(flavour, (0.2, 0.2, 0.2, 0.4))),
        slope=draws.uniform(
            pick(flavour, (0.5, 0.5, 0.2, 0.6)), pick(flavour, (1.0, 1.0, 0.8, 1.3))
        ),
        damping=draws.log_uniform(0.01, 0.15),
        stiffness=draws.log_uniform(1e-5, 2e-4),
        harmonics=30,
    )
    driven = torch.tanh(draws.uniform(0.5, 3.0) * plucked)
    tone = torch.where(flavour == 0, rhodes, torch.where(flavour == 1, organ, plucked))
    tone = torch.where(flavour == 3, driven, tone)
    trembling = (flavour <= 1) & draws.chance(0.3)
    depth = torch.where(trembling, draws.uniform(0.1, 0.4), 0.0)
    tone = tone * tremolo(grid, depth, draws.uniform(3.5, 7.5))
    held_seconds = draws.log_uniform(0.12, 1.6)
    released = decay(grid, draws.log_uniform(0.05, 0.3), hold_seconds=held_seconds)
    key_level = draws.uniform(0.0, pick(flavour, (0.1, 0.25, 0.3, 0.3)))
    key = filters.bandpassed(draws.noise(grid.samples), grid, draws.log_uniform(800.0, 5000.0), 0.8)
    key = key * decay(grid, draws.log_uniform(0.005, 0.03))
    loudest = tone.abs().amax(dim=1, keepdim=True)
    return Voice(
        waveform=tone / loudest * released + key_level * key,
        pitch_hz=pitch_hz,
        traits={
            "rhodes": flavour == 0,
            "organ": flavour == 1,
            "harpsichord": flavour == 2,
            "clavinet": flavour == 3,
            "clicky": key_level > 0.2,
        },
        acoustic=torch.zeros(draws.count, 1, dtype=torch.bool),
    )
