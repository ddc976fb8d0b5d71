"""What is made of sounds, in numbers: ``python -m benchmarks.reshape``.

Distances are mean differences of log-mel spectrograms where either is above -60 dB, after both
were brought to the model's length and level.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from benchmarks.rows import row
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.reshape import Inpaint, Morph, Parent, Reshape, Vary
from oneshot_server.dsp.finish import finish
from oneshot_server.dsp.inversion import mel_to_detail, mel_to_waveform
from oneshot_server.dsp.mel import waveform_to_magnitudes, waveform_to_mel
from oneshot_server.dsp.prepare import prepare
from oneshot_server.pipeline.decoding import latents_to_mels
from oneshot_server.pipeline.draw import Draw
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_folder import STARTER
from oneshot_server.pipeline.render import prompt_to_captions, prompts_to_embeddings, render_draws
from oneshot_server.pipeline.reshape import ParentSound, start_from, waveform_to_parent
from oneshot_server.pipeline.sampling import noise_to_latents, seeds_to_noise
from oneshot_server.pipeline.sound_files import read_sound, sound_to_waveform

PROMPTS = ("kick", "snare", "closed hat", "open hat", "tom", "clap", "cowbell", "bass")
STRENGTHS = (0.0, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0)
POSITIONS = (0.0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0)
GENERATIONS = 5
RECORDINGS = 40
LOUD_DB = -60.0
SEEDS = (501, 502)


@dataclass(frozen=True, kw_only=True, eq=False)
class Original:
    """A sound of the starter's: finished, its caption, and the latents that it was made of."""

    sound: torch.Tensor
    told: str
    latents: torch.Tensor


class Bench:
    """Makes sounds and compares them."""

    def __init__(self) -> None:
        self.model: Model = load_model(STARTER, torch.device("cpu"))
        self.profile = self.model.card.profile

    @torch.inference_mode()
    def original(self, prompt: str, seed: int) -> Original:
        """A sound as a request for it makes it, and its latents."""
        (told,) = prompt_to_captions(prompt, [seed], self.model)
        latents = noise_to_latents(
            seeds_to_noise([seed], self.model),
            prompts_to_embeddings([told], self.model),
            prompts_to_embeddings([""], self.model),
            self.model,
            steps=self.model.card.steps,
            guidance=self.model.card.guidance,
            on_step=lambda _n, _of: None,
        )
        (waveform,) = mel_to_waveform(latents_to_mels(latents, self.model), self.profile)
        return Original(sound=self.finished(waveform), told=told, latents=latents)

    def finished(self, waveform: torch.Tensor) -> torch.Tensor:
        """The sound in a file."""
        return finish(waveform, self.profile.sample_rate, FinishOptions())

    def mel(self, sound: torch.Tensor) -> torch.Tensor:
        """(mels, frames), dB."""
        prepared = prepare(sound[None], self.profile.sample_rate, self.profile)
        return waveform_to_mel(prepared[None], self.profile)[0]

    def distance(self, one: torch.Tensor, other: torch.Tensor) -> float:
        """Of two sounds, dB."""
        a, b = self.mel(one), self.mel(other)
        return float((a - b).abs()[(a > LOUD_DB) | (b > LOUD_DB)].mean())

    def parent(self, sound: torch.Tensor) -> ParentSound:
        """A finished sound as the engine reads it."""
        prepared = prepare(sound[None], self.profile.sample_rate, self.profile)
        return waveform_to_parent(prepared, self.model)

    @torch.inference_mode()
    def detail(self, original: Original, parent: ParentSound) -> torch.Tensor:
        """What the sound has beside its exact latents."""
        mel_db = latents_to_mels(original.latents, self.model)
        magnitudes = waveform_to_magnitudes(parent.waveform, self.profile)
        return mel_to_detail(mel_db, magnitudes, self.profile)

    def children(
        self, reshape: Reshape, parents: Sequence[ParentSound], seeds: Sequence[int] = SEEDS
    ) -> list[torch.Tensor]:
        """Finished sounds, one for each seed."""
        sounds = render_draws(
            [Draw(prompt="", negative="", seed=seed) for seed in seeds],
            self.model,
            steps=self.model.card.steps,
            guidance=self.model.card.guidance,
            on_step=lambda _n, _of: None,
            start=start_from(reshape, parents, self.model),
        )
        return [self.finished(waveform) for waveform in sounds.waveforms]

    @torch.inference_mode()
    def plain(self, parent: ParentSound) -> torch.Tensor:
        """Encoded, decoded and inverted, without what is taken from the sound itself."""
        (waveform,) = mel_to_waveform(latents_to_mels(parent.latents, self.model), self.profile)
        return self.finished(waveform)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def measure_vary(bench: Bench, originals: Sequence[Original]) -> None:
    parents = [bench.parent(o.sound) for o in originals]
    plain = [
        bench.distance(bench.plain(p), o.sound) for p, o in zip(parents, originals, strict=True)
    ]
    row("strength 0, phases and detail not taken over", mean(plain), "dB")
    chain = [o.sound for o in originals]
    for _ in range(GENERATIONS):
        chain = [bench.children(_vary(0.0), [bench.parent(s)], [1])[0] for s in chain]
    last = [bench.distance(s, o.sound) for s, o in zip(chain, originals, strict=True)]
    row(f"strength 0, {GENERATIONS} generations", mean(last), "dB")
    for strength in STRENGTHS:
        from_audio: list[float] = []
        from_latents: list[float] = []
        for parent, o in zip(parents, originals, strict=True):
            exact = replace(parent, latents=o.latents, detail=bench.detail(o, parent))
            for found, start in ((from_audio, parent), (from_latents, exact)):
                sounds = bench.children(_vary(strength, o.told), [start])
                found += [bench.distance(sound, o.sound) for sound in sounds]
        row(f"strength {strength:g}: from the audio", mean(from_audio), "dB")
        row(f"strength {strength:g}: from the exact latents", mean(from_latents), "dB")


def _vary(strength: float, told: str = "") -> Vary:
    return Vary(strength=strength, parents=(Parent(name="parent", told=told),))


def measure_recordings(bench: Bench, data: Path) -> None:
    files = sorted(data.rglob("*.flac"))
    files = files[:: max(1, len(files) // RECORDINGS)][:RECORDINGS]
    back, plain = [], []
    for file in files:
        sound = sound_to_waveform(*read_sound(file, 8.0), bench.profile)
        parent = bench.parent(sound)
        back.append(bench.distance(bench.children(_vary(0.0), [parent], [1])[0], sound))
        plain.append(bench.distance(bench.plain(parent), sound))
    row(f"{len(files)} recordings at strength 0", mean(back), "dB")
    row("the same, phases and detail not taken over", mean(plain), "dB")


def measure_morph(bench: Bench, originals: Sequence[Original]) -> None:
    rising, ends = [], []
    for a, b in itertools.pairwise(originals):
        parents = [bench.parent(a.sound), bench.parent(b.sound)]
        told = (Parent(name="a", told=a.told), Parent(name="b", told=b.told))
        sounds = [bench.children(Morph(t=t, parents=told), parents, [7])[0] for t in POSITIONS]
        to_a = [bench.distance(sound, a.sound) for sound in sounds]
        to_b = [bench.distance(sound, b.sound) for sound in reversed(sounds)]
        for way in (to_a, to_b):
            rising += [float(one <= other) for one, other in itertools.pairwise(way)]
            ends.append(way[0])
    row("morph: the ends to their sounds", mean(ends), "dB")
    row("morph: steps that lead away from one end", 100 * mean(rising), f"% of {len(rising)}")


def measure_inpaint(bench: Bench, originals: Sequence[Original]) -> None:
    for keep in ("attack", "tail"):
        kept, new = [], []
        for o in originals:
            reshape = Inpaint(keep=keep, parents=(Parent(name="parent", told=o.told),))
            parent = bench.parent(o.sound)
            start = start_from(reshape, [parent], bench.model)
            assert start.kept is not None
            for sound in bench.children(reshape, [parent]):
                # The new part may be louder: levels are compared within the kept one.
                frames, was, now = start.kept.frames, parent.mel_db[0], bench.mel(sound)
                loud = was > LOUD_DB
                now = now - (now - was)[loud & frames].median()
                kept.append(float((now - was).abs()[loud & frames].mean()))
                new.append(float((now - was).abs()[loud & ~frames].mean()))
        row(f"inpaint, {keep} kept: its distance", mean(kept), "dB")
        row(f"inpaint, {keep} kept: distance of the rest", mean(new), "dB")


def measure_time(bench: Bench, original: Original) -> None:
    """A sound from noise against one from a sound, both warm; the median of seven."""

    def median(make: Callable[[], object]) -> float:
        times = []
        for _ in range(7):
            begun = time.perf_counter()
            make()
            times.append(time.perf_counter() - begun)
        return 1000 * sorted(times)[3]

    parent = bench.parent(original.sound)
    told = Parent(name="parent", told=original.told)
    row("from noise", median(lambda: bench.original("kick", 1)), "ms")
    row("reading a parent", median(lambda: bench.parent(original.sound)), "ms")
    for reshape in (
        Vary(strength=0.5, parents=(told,)),
        Morph(t=0.5, parents=(told, told)),
        Inpaint(keep="attack", parents=(told,)),
    ):
        parents = [parent] * len(reshape.parents)
        spent = median(partial(bench.children, reshape, parents, [1]))
        row(f"{type(reshape).__name__.lower()}, its parents read before", spent, "ms")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data/base_train"))
    arguments = parser.parse_args()
    bench = Bench()
    originals = [bench.original(prompt, 10 * n) for n, prompt in enumerate(PROMPTS)]
    measure_time(bench, originals[0])
    measure_vary(bench, originals)
    measure_morph(bench, originals)
    measure_inpaint(bench, originals)
    if arguments.data.exists():
        measure_recordings(bench, arguments.data)


if __name__ == "__main__":
    main()
