"""Notes and effects: zap, bass, pluck, stab, noise."""

import torch

from oneshot_server.starter.synth import filters
from oneshot_server.starter.synth.oscillators import (
    attack,
    decay,
    saw,
    sine,
    square,
    steady_cycles,
    swept_cycles,
)
from oneshot_server.starter.synth.strings import string
from oneshot_server.starter.synth.voice import Draws, Grid, Voice, pick, semitones_to_ratio

CHORDS = ((0, 3, 7, 12), (0, 4, 7, 12), (0, 3, 7, 10), (0, 4, 7, 11), (0, 7, 12, 19), (0, 5, 7, 12))
"""Semitones over the root: minor, major, minor seventh, major seventh, fifths, suspended."""

MINOR, MAJOR = (0, 2), (1, 3)  # the chords of each mode

DETUNED_CENTS = 14.0


def zap(draws: Draws, grid: Grid) -> Voice:
    """Flavours: sine laser, square pew, frequency-modulated ray, rising blip."""
    flavour = draws.choice((0.35, 0.3, 0.2, 0.15))
    rising = flavour == 3
    top_hz = draws.log_uniform(1500.0, 14000.0)
    bottom_hz = draws.log_uniform(45.0, 500.0)
    decay_seconds = draws.log_uniform(0.06, 0.9)
    sweep_seconds = decay_seconds * draws.uniform(0.04, 0.35)
    start_hz = torch.where(rising, bottom_hz, top_hz)
    end_hz = torch.where(rising, top_hz * 0.5, bottom_hz)
    cycles = swept_cycles(grid, start_hz, end_hz, sweep_seconds)
    index = draws.uniform(0.1, 0.9)
    modulated = sine(cycles + index * sine(cycles * draws.uniform(0.4, 2.6)))
    squares = square(cycles, top_hz * 0.3, grid)
    tone = torch.where(
        flavour == 1, 0.6 * squares, torch.where(flavour == 2, modulated, sine(cycles))
    )
    repeat_hz = draws.log_uniform(12.0, 40.0)
    repeating = draws.chance(0.15)
    tremolo = torch.where(
        repeating, 0.55 + 0.45 * square(steady_cycles(grid, repeat_hz), repeat_hz, grid), 1.0
    )
    noise_level = draws.chance(0.3) * draws.uniform(0.05, 0.5)
    hiss = filters.highpassed(draws.noise(grid.samples), grid, draws.log_uniform(500.0, 6000.0))
    envelope = decay(grid, decay_seconds, hold_seconds=decay_seconds * draws.uniform(0.0, 0.3))
    return Voice(
        waveform=(tone * tremolo + noise_level * hiss) * envelope,
        pitch_hz=torch.zeros(draws.count, 1),
        traits={
            "rising": rising,
            "falling": ~rising,
            "noisy": noise_level > 0.2,
            "metallic": (flavour == 2) & (index > 0.5),
            "clean": (flavour == 0) & (noise_level == 0.0),
        },
        acoustic=torch.zeros(draws.count, 1, dtype=torch.bool),
    )


def bass(draws: Draws, grid: Grid) -> Voice:
    """Flavours: frequency modulation, 808 sub, detuned saws, filtered square, plucked string."""
    flavour = draws.choice((0.24, 0.18, 0.2, 0.16, 0.22))
    pitch_hz = draws.log_uniform(33.0, 125.0)
    decay_seconds = draws.log_uniform(0.25, 3.0)
    cycles = steady_cycles(grid, pitch_hz)
    ratio = pick(draws.choice((3.0, 2.0, 1.0, 0.5)), (1.0, 2.0, 3.0, 7.0))
    index = draws.log_uniform(0.08, 1.2)
    index_envelope = decay(grid, decay_seconds * draws.uniform(0.15, 1.0))
    modulated = sine(cycles + index * index_envelope * sine(cycles * ratio))
    glide_ratio = draws.log_uniform(1.0, 4.0)
    sub = sine(swept_cycles(grid, pitch_hz * glide_ratio, pitch_hz, draws.log_uniform(0.003, 0.02)))
    detune_cents = draws.log_uniform(2.0, 35.0)
    spread = semitones_to_ratio(detune_cents / 200.0)
    saws = 0.5 * (
        saw(pitch_hz * spread, grid, start_cycles=draws.uniform(0.0, 1.0))
        + saw(pitch_hz / spread, grid, start_cycles=draws.uniform(0.0, 1.0))
    )
    raw = torch.where(flavour == 2, saws, 0.7 * square(cycles, pitch_hz, grid))
    closed_hz = pitch_hz * draws.log_uniform(1.5, 12.0)
    filtered = filters.swept_lowpass(
        raw,
        grid,
        start_hz=(closed_hz * draws.log_uniform(1.0, 20.0)).clamp_max(12000.0),
        end_hz=closed_hz,
        sweep_seconds=decay_seconds * draws.log_uniform(0.02, 0.2),
        q=draws.log_uniform(0.6, 6.0),
    )
    tone = torch.where(flavour == 0, modulated, torch.where(flavour == 1, sub, filtered))
    plucked = string(
        grid,
        pitch_hz,
        decay_seconds,
        place=draws.uniform(0.08, 0.3),
        slope=draws.uniform(0.5, 1.5),
        damping=draws.log_uniform(0.02, 0.3),
        stiffness=draws.log_uniform(1e-5, 3e-4),
        harmonics=28,
    )
    plucked = filters.lowpassed(plucked, grid, draws.log_uniform(500.0, 6000.0))
    tone = torch.where(flavour == 4, plucked, tone)
    hold_seconds = draws.chance(0.3) * draws.uniform(0.05, 0.5)
    envelope = decay(grid, decay_seconds, hold_seconds=hold_seconds)
    click_level = draws.chance(0.3) * draws.uniform(0.1, 0.6)
    thump = sine(swept_cycles(grid, pitch_hz * 30.0, pitch_hz, torch.full((1, 1), 0.003)))
    thump = thump * decay(grid, torch.full((1, 1), 0.02))
    return Voice(
        waveform=tone * envelope * attack(grid, draws.log_uniform(0.0005, 0.006), floor=0.05)
        + click_level * thump,
        pitch_hz=pitch_hz,
        traits={
            "detuned": (flavour == 2) & (detune_cents > DETUNED_CENTS),
            "clicky": click_level > 0.25,
            "metallic": (flavour == 0) & (ratio > 2.5) & (index > 0.4),
            "punchy": (flavour == 1) & (glide_ratio > 2.0),
            "clean": (flavour == 1) | ((flavour == 0) & (index < 0.2)),
            "tr-808": flavour == 1,
        },
        acoustic=flavour == 4,
    )


def pluck(draws: Draws, grid: Grid) -> Voice:
    """Flavours: plucked string, filtered saw, electric bell; strings as damped harmonics."""
    flavour = draws.choice((0.5, 0.3, 0.2))
    pitch_hz = draws.log_uniform(65.0, 900.0)
    decay_seconds = draws.log_uniform(0.25, 3.0) * (220.0 / pitch_hz) ** 0.3
    stiffness = draws.log_uniform(1e-5, 1e-3)
    damping = draws.log_uniform(0.02, 0.4)
    plucked = string(
        grid,
        pitch_hz,
        decay_seconds,
        place=draws.uniform(0.08, 0.5),
        slope=draws.uniform(0.6, 1.8),
        damping=damping,
        stiffness=stiffness,
        harmonics=28,
    )
    # The wood of a guitar or a harp resonates.
    size = filters.fft_size(grid)
    low = filters.normalised_frequency(grid, draws.log_uniform(90.0, 220.0), size)
    high = filters.normalised_frequency(grid, draws.log_uniform(250.0, 1200.0), size)
    wood = filters.bandpass(low, 4.0) + filters.bandpass(high, 3.0)
    plucked = filters.apply(plucked, 1.0 + draws.uniform(0.0, 1.5) * wood)
    detune_cents = draws.log_uniform(1.0, 30.0)
    spread = semitones_to_ratio(detune_cents / 200.0)
    saws = saw(pitch_hz * spread, grid, start_cycles=draws.uniform(0.0, 1.0)) + saw(
        pitch_hz / spread, grid, start_cycles=draws.uniform(0.0, 1.0)
    )
    closed_hz = pitch_hz * draws.log_uniform(1.0, 3.0)
    filtered = filters.swept_lowpass(
        saws,
        grid,
        start_hz=(closed_hz * draws.log_uniform(3.0, 25.0)).clamp_max(14000.0),
        end_hz=closed_hz,
        sweep_seconds=decay_seconds * draws.log_uniform(0.03, 0.2),
        q=draws.log_uniform(0.6, 5.0),
    )
    envelope = decay(grid, decay_seconds)
    cycles = steady_cycles(grid, pitch_hz)
    ratio = pick(draws.choice((1.0, 1.0, 1.0)), (2.0, 3.0, 3.5))
    index = draws.log_uniform(0.1, 0.8) * decay(grid, decay_seconds * draws.uniform(0.1, 0.6))
    bell = sine(cycles + index * sine(cycles * ratio))
    tone = torch.where(flavour == 1, filtered * 0.5, bell) * envelope
    pick_level = draws.uniform(0.0, 0.3)
    pick_noise = filters.bandpassed(
        draws.noise(grid.samples), grid, draws.log_uniform(1000.0, 5000.0), 0.7
    )
    pick_noise = pick_noise * decay(grid, draws.log_uniform(0.005, 0.03))
    return Voice(
        waveform=torch.where(flavour == 0, 1.5 * plucked, tone) + pick_level * pick_noise,
        pitch_hz=pitch_hz,
        traits={
            "detuned": (flavour == 1) & (detune_cents > DETUNED_CENTS),
            "clicky": pick_level > 0.2,
            "muted": (flavour == 0) & (damping > 0.2),
            "metallic": (flavour == 2) & (ratio > 2.5),
        },
        acoustic=(flavour == 0) & (stiffness < 3e-4),
    )


def stab(draws: Draws, grid: Grid) -> Voice:
    """A chord of detuned saws or squares through a filter with an envelope."""
    chord = draws.choice((0.3, 0.2, 0.2, 0.1, 0.12, 0.08))
    root_hz = draws.log_uniform(98.0, 400.0)
    detune_cents = draws.log_uniform(1.0, 30.0)
    spread = semitones_to_ratio(detune_cents / 200.0)
    squares_share = draws.chance(0.3)
    voices = torch.tensor(CHORDS)[chord[:, 0]]
    raw = torch.zeros(draws.count, grid.samples)
    for note in range(voices.shape[1]):
        note_hz = root_hz * semitones_to_ratio(voices[:, note : note + 1].float())
        for tuned_hz in (note_hz * spread, note_hz / spread):
            phase = draws.uniform(0.0, 1.0)
            pulse = square(steady_cycles(grid, tuned_hz) + phase, tuned_hz, grid)
            raw.add_(torch.where(squares_share, pulse, saw(tuned_hz, grid, start_cycles=phase)))
    noise_level = draws.chance(0.25) * draws.uniform(0.2, 1.5)
    raw.add_(noise_level * draws.noise(grid.samples))
    decay_seconds = draws.log_uniform(0.15, 2.0)
    closed_hz = draws.log_uniform(250.0, 2500.0)
    filtered = filters.swept_lowpass(
        raw,
        grid,
        start_hz=(closed_hz * draws.log_uniform(1.0, 12.0)).clamp_max(16000.0),
        end_hz=closed_hz,
        sweep_seconds=decay_seconds * draws.log_uniform(0.03, 0.3),
        q=draws.log_uniform(0.6, 5.0),
    )
    hold_seconds = draws.chance(0.4) * draws.uniform(0.03, 0.25)
    envelope = decay(grid, decay_seconds, hold_seconds=hold_seconds)
    attack_seconds = draws.log_uniform(0.0005, 0.01)
    return Voice(
        waveform=filtered * envelope * attack(grid, attack_seconds, floor=0.05),
        pitch_hz=root_hz,
        traits={
            "detuned": detune_cents > DETUNED_CENTS,
            "minor": torch.isin(chord, torch.tensor(MINOR)),
            "major": torch.isin(chord, torch.tensor(MAJOR)),
            "noisy": noise_level > 0.7,
        },
        acoustic=torch.zeros(draws.count, 1, dtype=torch.bool),
    )


def noise(draws: Draws, grid: Grid) -> Voice:
    """Flavours: white through a still band, swept filter, ringing resonance, gritty steps."""
    flavour = draws.choice((0.35, 0.3, 0.2, 0.15))
    source = draws.noise(grid.samples)
    held_samples = draws.log_uniform(3.0, 60.0).floor().long()
    index = torch.arange(grid.samples)[None] // held_samples * held_samples
    stepped = source.gather(1, index)
    decay_seconds = draws.log_uniform(0.05, 1.8)
    q = torch.where(flavour == 2, draws.log_uniform(4.0, 20.0), draws.log_uniform(0.4, 1.5))
    centre_hz = draws.log_uniform(300.0, 9000.0)
    banded = filters.bandpassed(torch.where(flavour == 3, stepped, source), grid, centre_hz, q)
    low_hz, high_hz = draws.log_uniform(200.0, 1500.0), draws.log_uniform(4000.0, 16000.0)
    rising = draws.chance(0.35)
    swept = filters.swept_lowpass(
        source,
        grid,
        start_hz=torch.where(rising, low_hz, high_hz),
        end_hz=torch.where(rising, high_hz, low_hz),
        sweep_seconds=decay_seconds * draws.uniform(0.05, 0.4),
        q=draws.log_uniform(0.6, 4.0),
    )
    coloured = torch.where(flavour == 1, swept, banded)
    hold_seconds = draws.chance(0.3) * draws.uniform(0.02, 0.3)
    attack_seconds = draws.log_uniform(0.0003, 0.03)
    envelope = attack(grid, attack_seconds, floor=0.08)
    envelope = envelope * decay(grid, decay_seconds, hold_seconds=hold_seconds)
    return Voice(
        waveform=coloured * envelope,
        pitch_hz=torch.zeros(draws.count, 1),
        traits={
            "rising": (flavour == 1) & rising,
            "falling": (flavour == 1) & ~rising,
            "soft": attack_seconds > 0.01,
            "snappy": (attack_seconds < 0.002) & (decay_seconds < 0.2),
        },
        acoustic=torch.zeros(draws.count, 1, dtype=torch.bool),
    )
