"""Sixteen parametric drum and one-shot voices, vectorised over a batch.

Each voice draws its parameters in musical ranges and returns a ``Voice``: the waveforms and what can
be said of them in words. Modes of a membrane are those of an ideal circular one (Fletcher and
Rossing, The Physics of Musical Instruments, 1998, table 3.1).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import torch

from oneshot_server.starter.oscillators import Bench, drive, normalise, saw, sine, square

MEMBRANE_MODES: Final = (1.0, 1.594, 2.136, 2.296, 2.653, 2.918)
METAL_RATIOS: Final = (1.0, 1.342, 1.231, 1.655, 1.958, 2.437)


@dataclass(frozen=True, kw_only=True)
class Voice:
    """Sounds of one kind.

    Attributes:
        waveforms: (batch, samples), any level.
        seconds: (batch, 1), time to fall by 60 dB.
        hertz: (batch, 1), pitch, if the kind has one.
        acoustic: (batch, 1), 1.0 where the sound is modelled on an acoustic drum.
        amounts: word to (batch, 1), 0 to 1; the word is said from 0.6 on.
    """

    waveforms: torch.Tensor
    seconds: torch.Tensor
    hertz: torch.Tensor | None = None
    acoustic: torch.Tensor | None = None
    amounts: Mapping[str, torch.Tensor] = field(default_factory=dict)


def _membrane(bench: Bench, hertz: torch.Tensor, seconds: torch.Tensor) -> torch.Tensor:
    """Struck drum head: a gliding fundamental and modes that die sooner the higher they are."""
    bend, glide = bench.uniform(0.0, 0.25), bench.log_uniform(0.01, 0.08)
    total = torch.zeros(bench.count, bench.samples)
    for number, ratio in enumerate(MEMBRANE_MODES):
        level = bench.uniform(0.3, 1.0) / (1.0 + number) if number else 1.0
        detuned = hertz * ratio * (1.0 + bench.uniform(-0.03, 0.03) * bool(number))
        shorter = seconds / (1.0 + number * bench.uniform(0.4, 1.2))
        total += level * sine(bench.sweep(detuned, bend, glide)) * bench.decay(shorter)
    return total


def _metal(bench: Bench, hertz: torch.Tensor, *, partials: int = 6) -> torch.Tensor:
    """A cluster of detuned squares, as in the analogue drum machines' cymbals."""
    total = torch.zeros(bench.count, bench.samples)
    for number in range(partials):
        ratio = METAL_RATIOS[number % 6] * (1.0 + bench.uniform(-0.08, 0.08))
        total += square(hertz * ratio * (1 + number // 6) * bench.time + bench.uniform(0.0, 1.0))
    return total / partials


def kick(bench: Bench) -> Voice:
    """Swept sine or struck membrane, with a click, harmonics and drive."""
    hertz, seconds = bench.log_uniform(38.0, 78.0), bench.log_uniform(0.08, 1.1)
    depth, glide = bench.log_uniform(0.5, 9.0), bench.log_uniform(0.006, 0.06)
    acoustic = bench.chance(0.35)
    swept = sine(bench.sweep(hertz, depth, glide) + 0.25 * bench.chance(0.4)) * bench.decay(seconds)
    struck = _membrane(bench, hertz, 0.6 * seconds)
    body = normalise(torch.where(acoustic > 0, struck, swept))
    click = bench.band(bench.noise(), low=bench.log_uniform(500.0, 5000.0))
    clicky = bench.uniform(0.0, 1.0) ** 2
    body = body + clicky * 0.5 * normalise(click * bench.decay(bench.log_uniform(0.004, 0.03)))
    dirt = bench.uniform(0.0, 1.0) * bench.chance(0.6)
    return Voice(
        waveforms=drive(body, dirt),
        seconds=seconds,
        hertz=hertz,
        acoustic=acoustic,
        amounts={
            "punchy": (depth > 4.0).float() * (glide > 0.012).float(),
            "clicky": clicky,
            "distorted": dirt,
        },
    )


def snare(bench: Bench) -> Voice:
    """Two modes of the head and the wires' noise."""
    hertz, seconds = bench.log_uniform(140.0, 290.0), bench.log_uniform(0.07, 0.6)
    acoustic = bench.chance(0.45)
    tone = sine(bench.sweep(hertz, bench.uniform(0.0, 0.8), bench.log_uniform(0.01, 0.04)))
    tone = tone + bench.uniform(0.2, 0.8) * sine(hertz * bench.uniform(1.5, 1.9) * bench.time)
    tone = tone * bench.decay(seconds * bench.uniform(0.25, 0.9))
    body = normalise(torch.where(acoustic > 0, _membrane(bench, hertz, 0.5 * seconds), tone))
    wires = bench.band(
        bench.noise(), low=bench.log_uniform(300.0, 3500.0), high=bench.log_uniform(5000.0, 18000.0)
    )
    crack = bench.uniform(0.0, 1.5) * bench.decay(bench.log_uniform(0.01, 0.04))
    wires = normalise(wires * (bench.decay(seconds) + crack))
    noisy = bench.uniform(0.15, 1.0)
    dirt = bench.uniform(0.0, 0.7) * bench.chance(0.4)
    return Voice(
        waveforms=drive((1.0 - noisy) * body + noisy * wires, dirt),
        seconds=seconds,
        hertz=hertz,
        acoustic=acoustic,
        amounts={"noisy": noisy * 0.75, "snappy": crack[:, :1] / 1.5, "distorted": dirt},
    )


def clap(bench: Bench) -> Voice:
    """Hands that do not quite meet: short bursts, then a tail."""
    seconds = bench.log_uniform(0.08, 0.7)
    noise = bench.band(
        bench.noise(), low=bench.log_uniform(450.0, 1300.0), high=bench.log_uniform(2000.0, 9000.0)
    )
    envelope = torch.zeros(bench.count, bench.samples)
    start = torch.zeros(bench.count, 1)
    hands = bench.choice([2.0, 3.0, 4.0, 5.0])
    for number in range(5):
        since = bench.time - start
        burst = torch.exp(-since / bench.log_uniform(0.002, 0.007)) * (since >= 0)
        envelope += burst * bench.uniform(0.5, 1.0) * (number < hands)
        start = start + bench.log_uniform(0.006, 0.016) * (number < hands)
    since = (bench.time - start).clamp_min(0.0)
    tail = torch.exp(-6.91 * since / seconds) * (bench.time >= start) * bench.uniform(0.2, 0.9)
    return Voice(waveforms=noise * (envelope + tail), seconds=seconds)


def rim(bench: Bench) -> Voice:
    """Stick on a rim: two or three short modes and a tick."""
    hertz, seconds = bench.log_uniform(350.0, 1900.0), bench.log_uniform(0.02, 0.14)
    total = sine(hertz * bench.time)
    for low, high in ((1.3, 2.4), (2.5, 4.5)):
        total = total + bench.uniform(0.1, 0.9) * sine(hertz * bench.uniform(low, high) * bench.time)
    tick = bench.band(bench.noise(), low=bench.log_uniform(800.0, 5000.0))
    tick = normalise(tick * bench.decay(bench.log_uniform(0.005, 0.03)))
    clicky = bench.uniform(0.0, 1.0)
    total = normalise(total * bench.decay(seconds)) + clicky * tick
    return Voice(
        waveforms=drive(total, bench.uniform(0.0, 0.6)),
        seconds=seconds,
        hertz=hertz,
        acoustic=bench.chance(0.4),
        amounts={"clicky": clicky},
    )


def _hat(bench: Bench, seconds: torch.Tensor) -> Voice:
    metallic = bench.uniform(0.0, 1.0)
    acoustic = (metallic < 0.35).float()
    metal = normalise(_metal(bench, bench.log_uniform(220.0, 800.0)))
    noise = normalise(bench.noise())
    mixed = bench.band(
        metallic * metal + (1.0 - metallic) * noise,
        low=bench.log_uniform(2500.0, 9000.0),
        high=bench.log_uniform(9000.0, 20000.0),
        order=3,
    )
    tick = bench.uniform(0.0, 1.5) * bench.decay(bench.log_uniform(0.006, 0.03))
    return Voice(
        waveforms=mixed * (bench.decay(seconds) + tick),
        seconds=seconds,
        acoustic=acoustic,
        amounts={"metallic": metallic * 0.85, "noisy": 0.8 - metallic},
    )


def closed_hat(bench: Bench) -> Voice:
    """A cluster of squares or noise, high-passed, short."""
    return _hat(bench, bench.log_uniform(0.025, 0.16))


def open_hat(bench: Bench) -> Voice:
    """As the closed hat, long."""
    return _hat(bench, bench.log_uniform(0.3, 1.5))


def tom(bench: Bench) -> Voice:
    """Membrane or swept sine, higher and longer than a kick."""
    hertz, seconds = bench.log_uniform(65.0, 300.0), bench.log_uniform(0.15, 1.2)
    acoustic = bench.chance(0.5)
    swept = sine(bench.sweep(hertz, bench.log_uniform(0.05, 1.2), bench.log_uniform(0.02, 0.12)))
    body = torch.where(
        acoustic > 0, normalise(_membrane(bench, hertz, seconds)), swept * bench.decay(seconds)
    )
    skin = bench.band(bench.noise(), low=bench.log_uniform(150.0, 900.0), high=5000.0)
    skin = normalise(skin * bench.decay(bench.log_uniform(0.01, 0.12)))
    dirt = bench.uniform(0.0, 0.7) * bench.chance(0.4)
    return Voice(
        waveforms=drive(body + bench.uniform(0.0, 0.35) * skin, dirt),
        seconds=seconds,
        hertz=hertz,
        acoustic=acoustic,
        amounts={
            "distorted": dirt,
            "low": (hertz < 105.0).float(),
            "high": (hertz > 190.0).float(),
        },
    )


def cowbell(bench: Bench) -> Voice:
    """Two squares about a fifth apart, band-passed, or struck metal."""
    hertz, seconds = bench.log_uniform(420.0, 900.0), bench.log_uniform(0.08, 0.8)
    acoustic = bench.chance(0.4)
    pair = square(hertz * bench.time) + square(hertz * bench.uniform(1.42, 1.58) * bench.time)
    struck = torch.zeros(bench.count, bench.samples)
    for number, ratio in enumerate((1.0, 1.51, 2.3, 2.95, 4.1, 5.6)):
        partial = hertz * ratio * (1.0 + bench.uniform(-0.04, 0.04) * bool(number))
        shorter = bench.decay(seconds / (1.0 + number * bench.uniform(0.1, 0.5)))
        struck += bench.uniform(0.2, 1.0) * sine(partial * bench.time) * shorter
    ring = bench.decay(seconds) + bench.uniform(0.0, 1.5) * bench.decay(0.15 * seconds)
    total = torch.where(acoustic > 0, normalise(struck), normalise(pair) * ring)
    return Voice(
        waveforms=bench.band(total, low=bench.log_uniform(200.0, 600.0), high=9000.0, order=1),
        seconds=seconds,
        hertz=hertz,
        acoustic=acoustic,
    )


def crash(bench: Bench) -> Voice:
    """Dense metal and noise that brighten and fade for seconds."""
    seconds = bench.log_uniform(0.9, 4.5)
    metallic = bench.uniform(0.0, 0.8)
    dense = normalise(_metal(bench, bench.log_uniform(180.0, 520.0), partials=18))
    noise = normalise(bench.noise())
    mixed = metallic * dense + (1.0 - metallic) * noise
    low = bench.log_uniform(300.0, 3000.0)
    bright = bench.band(mixed, low=2.5 * low, high=bench.log_uniform(10000.0, 20000.0), order=1)
    body = bench.band(mixed, low=low, high=bench.log_uniform(4000.0, 9000.0), order=2)
    total = normalise(bright) * bench.decay(0.5 * seconds) * bench.uniform(0.5, 1.2)
    total = total + normalise(body) * bench.decay(seconds)
    return Voice(
        waveforms=total * (1.0 + bench.uniform(0.0, 1.0) * bench.decay(bench.uniform(0.03, 0.2))),
        seconds=seconds,
        acoustic=(metallic < 0.5).float(),
        amounts={"metallic": metallic, "noisy": 0.8 - metallic},
    )


def ride(bench: Bench) -> Voice:
    """A ping of inharmonic partials over a wash."""
    seconds, hertz = bench.log_uniform(0.6, 3.5), bench.log_uniform(280.0, 900.0)
    ping = torch.zeros(bench.count, bench.samples)
    for number in range(9):
        partial = hertz * (1.0 + number * bench.uniform(0.6, 1.4))
        ring = bench.decay(seconds / (1.0 + number * bench.uniform(0.05, 0.3)))
        ping += bench.uniform(0.1, 1.0) * sine(partial * bench.time) * ring
    wash = bench.band(bench.noise(), low=bench.log_uniform(2000.0, 7000.0), high=17000.0)
    wash = normalise(wash * bench.decay(bench.uniform(0.4, 1.0) * seconds))
    stick = bench.band(bench.noise(), low=4000.0) * bench.decay(bench.log_uniform(0.01, 0.04))
    metallic = bench.uniform(0.1, 0.9)
    total = metallic * normalise(ping) + (1.0 - metallic) * wash
    return Voice(
        waveforms=total + bench.uniform(0.1, 0.6) * normalise(stick),
        seconds=seconds,
        acoustic=bench.chance(0.6),
        amounts={"metallic": metallic},
    )


def shaker(bench: Bench) -> Voice:
    """Grains that swell and fall, once or twice."""
    seconds = bench.log_uniform(0.06, 0.35)
    grains = bench.noise() * (1.0 + 2.0 * (torch.rand(bench.noise().shape, generator=bench.generator) > 0.97))
    noise = bench.band(grains, low=bench.log_uniform(2500.0, 7000.0), high=bench.log_uniform(9e3, 2e4))
    swell = bench.log_uniform(0.003, 0.05)
    envelope = (0.05 + bench.time / swell).clamp_max(1.0) * bench.decay(seconds)
    again = (bench.time - bench.uniform(0.07, 0.16)).clamp_min(0.0)
    second = (again / swell).clamp_max(1.0) * torch.exp(-6.91 * again / seconds)
    twice = bench.chance(0.35)
    return Voice(
        waveforms=noise * (envelope + twice * bench.uniform(0.4, 1.0) * second),
        seconds=seconds,
        acoustic=bench.chance(0.6),
    )


def zap(bench: Bench) -> Voice:
    """A tone that falls through octaves."""
    hertz, seconds = bench.log_uniform(50.0, 500.0), bench.log_uniform(0.06, 0.7)
    cycles = bench.sweep(hertz, bench.log_uniform(5.0, 60.0), bench.log_uniform(0.008, 0.12))
    vibrato = bench.uniform(0.0, 0.8) * sine(bench.log_uniform(8.0, 120.0) * bench.time)
    cycles = cycles + vibrato * bench.chance(0.3)
    shape = bench.uniform(0.0, 1.0) * bench.chance(0.4)
    tone = (1.0 - shape) * sine(cycles) + shape * bench.band(square(cycles), high=9000.0)
    return Voice(
        waveforms=tone * bench.decay(seconds), seconds=seconds, amounts={"distorted": shape}
    )


def bass(bench: Bench) -> Voice:
    """Two-operator FM (Chowning, 1973) with a falling index."""
    hertz, seconds = bench.log_uniform(35.0, 125.0), bench.log_uniform(0.25, 2.5)
    ratio = bench.choice([0.5, 1.0, 1.0, 2.0, 3.0, 1.5])
    index = bench.uniform(0.0, 1.3) * bench.decay(bench.log_uniform(0.05, 1.2))
    tone = sine(hertz * bench.time + index * sine(hertz * ratio * bench.time))
    dirt = bench.uniform(0.0, 1.0) * bench.chance(0.5)
    attack = (bench.time / 0.0008).clamp_max(1.0)
    return Voice(
        waveforms=drive(tone, dirt) * bench.decay(seconds) * attack,
        seconds=seconds,
        hertz=hertz,
        amounts={"distorted": dirt, "deep": (hertz < 55.0).float()},
    )


def pluck(bench: Bench) -> Voice:
    """A plucked string: harmonics of a comb, the higher the sooner gone."""
    hertz, seconds = bench.log_uniform(80.0, 900.0), bench.log_uniform(0.15, 2.0)
    slope, position = bench.uniform(0.6, 1.8), bench.uniform(0.05, 0.5)
    damping, stiffness = bench.uniform(0.05, 0.5), bench.log_uniform(1e-5, 5e-4)
    total = torch.zeros(bench.count, bench.samples)
    for number in range(1, 25):
        partial = hertz * number * (1.0 + stiffness * number**2).sqrt()
        level = sine(position * number / 2.0).abs() * number**-slope
        level = level * (partial < 0.45 * bench.sample_rate)
        total += level * sine(partial * bench.time) * bench.decay(seconds / (1 + damping * number))
    return Voice(waveforms=total, seconds=seconds, hertz=hertz)


def stab(bench: Bench) -> Voice:
    """A chord of detuned saws through a closing filter."""
    hertz, seconds = bench.log_uniform(90.0, 450.0), bench.log_uniform(0.12, 1.2)
    minor = bench.chance(0.6)
    third = torch.where(minor > 0, 2 ** (3 / 12), 2 ** (4 / 12))
    detune = bench.log_uniform(0.0005, 0.012)
    total = torch.zeros(bench.count, bench.samples)
    for ratio in (torch.ones(bench.count, 1), third, torch.full((bench.count, 1), 2 ** (7 / 12))):
        for side in (-1.0, 1.0):
            cycles = hertz * ratio * (1.0 + side * detune) * bench.time
            total += saw(cycles + bench.uniform(0.0, 1.0))
    low_pass = bench.log_uniform(400.0, 3000.0)
    closed = bench.band(total, high=low_pass)
    opened = bench.band(total, high=4.0 * low_pass)
    sweep = bench.decay(bench.log_uniform(0.05, 0.6))
    return Voice(
        waveforms=(closed + sweep * (opened - closed)) * bench.decay(seconds),
        seconds=seconds,
        hertz=hertz,
        amounts={"minor": minor, "major": 1.0 - minor, "detuned": (detune > 0.006).float()},
    )


def noise(bench: Bench) -> Voice:
    """A hit of coloured noise, its filter closing."""
    seconds = bench.log_uniform(0.05, 1.5)
    white = bench.noise()
    low = bench.log_uniform(40.0, 3000.0)
    high = low * bench.log_uniform(2.0, 30.0)
    early = bench.band(white, low=low, high=3.0 * high)
    late = bench.band(white, low=0.5 * low, high=high)
    sweep = bench.decay(0.5 * seconds)
    return Voice(
        waveforms=(normalise(late) + sweep * (normalise(early) - normalise(late)))
        * bench.decay(seconds),
        seconds=seconds,
    )


VOICES: Final[Mapping[str, Callable[[Bench], Voice]]] = {
    voice.__name__: voice
    for voice in (
        kick,
        snare,
        clap,
        rim,
        closed_hat,
        open_hat,
        tom,
        cowbell,
        crash,
        ride,
        shaker,
        zap,
        bass,
        pluck,
        stab,
        noise,
    )
}
"""Kind to voice."""
