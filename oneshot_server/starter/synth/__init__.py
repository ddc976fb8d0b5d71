"""A parametric drum synthesiser: batches of one-shots with exact captions, from one generator.

The signal path is a voice (``drums``, ``percussion``, ``metals``, ``struck``, ``strings``,
``tones``) → ``channel`` → ``captions``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch

from oneshot_server.starter.synth import drums, metals, percussion, strings, struck, tones
from oneshot_server.starter.synth.captions import describe
from oneshot_server.starter.synth.channel import Channel, play
from oneshot_server.starter.synth.voice import Draws, Grid, Voice

__all__ = ["KINDS", "Sounds", "synthesise"]

_VOICES: Final[Mapping[str, tuple[Callable[[Draws, Grid], Voice], Channel]]] = {
    "kick": (drums.kick, Channel(drive=0.45, room=0.15)),
    "snare": (drums.snare, Channel(drive=0.3, room=0.35)),
    "clap": (percussion.clap, Channel(drive=0.2, room=0.45)),
    "rim": (percussion.rim, Channel(drive=0.2, room=0.35)),
    "closed_hat": (metals.closed_hat, Channel(drive=0.1, room=0.15)),
    "open_hat": (metals.open_hat, Channel(drive=0.1, room=0.2)),
    "tom": (drums.tom, Channel(drive=0.25, room=0.3)),
    "cowbell": (metals.cowbell, Channel(drive=0.2, room=0.25)),
    "crash": (metals.crash, Channel(drive=0.1, room=0.3)),
    "ride": (metals.ride, Channel(drive=0.1, room=0.25)),
    "shaker": (percussion.shaker, Channel(drive=0.0, room=0.3)),
    "conga": (struck.conga, Channel(drive=0.15, room=0.35)),
    "perc": (struck.perc, Channel(drive=0.15, room=0.35)),
    "bell": (struck.bell, Channel(drive=0.05, room=0.3)),
    "mallet": (struck.mallet, Channel(drive=0.0, room=0.3)),
    "keys": (strings.keys, Channel(drive=0.25, room=0.25)),
    "zap": (tones.zap, Channel(drive=0.3, room=0.3, lofi=0.2)),
    "bass": (tones.bass, Channel(drive=0.4, room=0.1)),
    "pluck": (tones.pluck, Channel(drive=0.1, room=0.35)),
    "stab": (tones.stab, Channel(drive=0.25, room=0.4, lofi=0.15)),
    "noise": (tones.noise, Channel(drive=0.2, room=0.3, lofi=0.15)),
}

KINDS: Final = tuple(_VOICES)
"""Classes of sounds that ``synthesise`` knows."""


@dataclass(frozen=True, kw_only=True)
class Sounds:
    """A batch of one-shots of one kind.

    Attributes:
        waveforms: (batch, samples), float32, peak 1, onset within 1 ms of sample 0.
        captions: one for each, as "kick, short, punchy, dark, 50 hz, electronic".
    """

    waveforms: torch.Tensor
    captions: tuple[str, ...]


def synthesise(
    kind: str, *, count: int, samples: int, sample_rate: int, generator: torch.Generator
) -> Sounds:
    """Draw parameters in musical ranges and compute the sounds that they stand for.

    Args:
        kind: one of ``KINDS``.
        count: sounds in the batch.
        samples: length of each; what would ring longer is faded out over its last 20 ms.
        sample_rate: Hz.
        generator: CPU generator; the same state gives the same sounds.

    Returns:
        The sounds with their captions.

    Raises:
        ValueError: for an unknown kind.
    """
    if kind not in _VOICES:
        raise ValueError(f"kind = {kind!r}, expected one of {', '.join(KINDS)}")
    make, channel = _VOICES[kind]
    grid = Grid(samples=samples, sample_rate=sample_rate)
    draws = Draws(generator=generator, count=count)
    voice = make(draws, grid)
    waveforms, treated = play(voice, channel, draws, grid)
    captions = describe(
        kind,
        waveforms,
        grid,
        pitch_hz=voice.pitch_hz,
        traits={**voice.traits, **treated},
        acoustic=voice.acoustic,
    )
    return Sounds(waveforms=waveforms, captions=captions)
