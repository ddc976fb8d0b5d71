"""The drum synthesiser: voices with saturation, tone, room and captions that say what they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch

from oneshot_server.starter.oscillators import Bench, drive, normalise
from oneshot_server.starter.voices import VOICES, Voice

KINDS: Final = tuple(VOICES)
SPOKEN: Final = {"closed_hat": "closed hat", "open_hat": "open hat", "noise": "noise hit"}
FADE_SECONDS: Final = 0.02
ONSET: Final = 0.01  # of the peak
SAID_FROM: Final = 0.6


@dataclass(frozen=True, kw_only=True)
class Sounds:
    """A batch of one kind.

    Attributes:
        waveforms: (batch, samples), float32, peak 1, onset at sample 0.
        captions: one for each, the kind first: ``kick, short, dark, 50 hz, electronic``.
    """

    waveforms: torch.Tensor
    captions: tuple[str, ...]


def synthesise(
    kind: str, *, count: int, samples: int, sample_rate: int, generator: torch.Generator
) -> Sounds:
    """Draw and render ``count`` sounds of a kind.

    Args:
        kind: one of ``KINDS``.
        count: sounds.
        samples: length of each; longer sounds end in a fade.
        sample_rate: Hz.
        generator: the only source of randomness.

    Raises:
        ValueError: no such kind.
    """
    if kind not in VOICES:
        raise ValueError(f"kind = {kind!r}, expected one of {', '.join(KINDS)}")
    bench = Bench(count=count, samples=samples, sample_rate=sample_rate, generator=generator)
    voice = VOICES[kind](bench)
    waveforms, effects = _effects(normalise(voice.waveforms), bench)
    waveforms = _trim(waveforms, bench)
    return Sounds(
        waveforms=waveforms, captions=_captions(kind, voice, effects, waveforms, bench)
    )


def _effects(
    waveforms: torch.Tensor, bench: Bench
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """What happens to sounds between the drum and the file; most happens to few of them."""
    lofi = bench.chance(0.12)
    held = waveforms[:, : bench.samples // 4 * 4].unflatten(1, (-1, 4))[:, :, :1]
    held = held.expand(-1, -1, 4).flatten(1)
    held = torch.nn.functional.pad(held, (0, bench.samples - held.shape[1]))
    crushed = torch.round(held * 127.0) / 127.0  # 8 bits
    waveforms = torch.where(lofi > 0, crushed, waveforms)

    high = torch.where(bench.chance(0.3) > 0, bench.log_uniform(2500.0, 12000.0), 1e6)
    low = torch.where(bench.chance(0.2) > 0, bench.log_uniform(40.0, 200.0), 1.0)
    dull = bench.band(waveforms, high=high, low=low, order=1)
    waveforms = normalise(dull)

    dirt = bench.uniform(0.0, 0.6) * bench.chance(0.2)
    waveforms = drive(waveforms, dirt)

    roomy = bench.uniform(0.1, 1.0) * bench.chance(0.35)
    wet = bench.room(waveforms, bench.log_uniform(0.08, 1.2), bench.log_uniform(1500.0, 9000.0))
    waveforms = normalise(waveforms) + 0.35 * roomy * normalise(wet)
    return waveforms, {"lofi": lofi, "roomy": roomy, "distorted": dirt * 1.3}


def _trim(waveforms: torch.Tensor, bench: Bench) -> torch.Tensor:
    """Onset to sample 0, no offset, a fade at the end, peak 1."""
    waveforms = normalise(bench.band(waveforms, low=15.0))
    onset = (waveforms.abs() > ONSET).int().argmax(dim=1, keepdim=True)
    position = torch.arange(bench.samples)[None] + onset
    inside = position < bench.samples
    waveforms = waveforms.gather(1, position.clamp_max(bench.samples - 1)) * inside
    fade = round(FADE_SECONDS * bench.sample_rate)
    ends = torch.ones(bench.samples)
    ends[-fade:] = torch.linspace(1.0, 0.0, fade)
    return normalise(waveforms * ends)


def _captions(
    kind: str,
    voice: Voice,
    effects: dict[str, torch.Tensor],
    waveforms: torch.Tensor,
    bench: Bench,
) -> tuple[str, ...]:
    """Say what is true of each sound; of the middle third of length and brightness nothing."""
    brightness = _brightness(waveforms, bench.sample_rate)
    short, long = _outer_thirds(voice.seconds[:, 0])
    dark, bright = _outer_thirds(brightness)
    said = dict(voice.amounts)
    for word, amount in effects.items():
        said[word] = torch.maximum(amount, said[word]) if word in said else amount
    captions = []
    for number in range(bench.count):
        words = [SPOKEN.get(kind, kind)]
        words += [
            word
            for word, true in (("short", short), ("long", long), ("dark", dark), ("bright", bright))
            if true[number]
        ]
        words += [word for word, amount in said.items() if amount[number, 0] >= SAID_FROM]
        if voice.hertz is not None:
            words.append(f"{float(voice.hertz[number, 0]):.0f} hz")
        acoustic = voice.acoustic is not None and bool(voice.acoustic[number, 0])
        words.append("acoustic" if acoustic else "electronic")
        captions.append(", ".join(words))
    return tuple(captions)


def _brightness(waveforms: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """(batch,), spectral centroid in octaves."""
    power = torch.fft.rfft(waveforms).abs().square()
    hertz = torch.fft.rfftfreq(waveforms.shape[1], 1.0 / sample_rate)
    return ((power * hertz).sum(dim=1) / power.sum(dim=1).clamp_min(1e-9)).clamp_min(1.0).log2()


def _outer_thirds(values: torch.Tensor) -> tuple[Sequence[bool], Sequence[bool]]:
    low, high = values.quantile(1 / 3), values.quantile(2 / 3)
    return (values < low).tolist(), (values > high).tolist()
