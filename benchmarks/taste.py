"""Do stars help? ``python -m benchmarks.taste [--lora]``.

A simulated listener likes sounds that are shorter and brighter than half of the starter's sounds of
the same kind. The starter renders a pool of sounds once. For each seed the listener hears some of
it, of six kinds, in an order of its own, and stars those that are liked until there are 40 stars.
What was not heard is what the reserve renders then, in twos. Printed for each seed is the share of
liked sounds:

- plain: of the first of each two, as the reserve has them without stars;
- ranked: of those that ``pads.taste`` chooses;
- either: of the better ones of each two, which is as good as a choice can be;
- with ``--lora`` of the first ones as they are with the LoRA that ``oneshot train --starred`` makes
  of the starred sounds, from the same seeds, and of those of them that ``pads.taste`` chooses
  (both);

of the kinds that were heard, and of two that were not. Seeds draw from one pool, so their pairs are
not all different.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest, LoraWeight
from oneshot_server.engine.messages import Message, Part, Rendered, RenderSpare
from oneshot_server.engine.render_job import JobRenderer
from oneshot_server.engine.taste import Taste, Vector
from oneshot_server.library import starred
from oneshot_server.library.home import Home
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.library.sound_file import read_sound
from oneshot_server.library.sound_library import SoundLibrary
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_folder import STARTER

HEARD = ("kick", "snare", "closed hat", "clap", "tom", "perc")
UNHEARD = ("rim", "shaker")
STARS = 40
PAIRS = 16
"""That are judged, of each kind."""
TO_HEAR = 48
"""Of each kind that is heard; about a quarter is liked."""
BATCH = 8
FIRST_SEED = 100_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Sound:
    """A rendered sound, as the library knows it.

    Attributes:
        kind: its prompt.
        seed: of the render.
        wav: the file.
        seconds: duration.
        brightness_hz: centroid of its spectrum.
        embedding: (EMBEDDING,).
    """

    kind: str
    seed: int
    wav: bytes
    seconds: float
    brightness_hz: float
    embedding: Vector


Pair = tuple[Sound, Sound]
Likes = Callable[[Sound], bool]
Flags = npt.NDArray[np.bool_]


def render(
    renderer: JobRenderer, kind: str, seeds: Sequence[int], loras: tuple[LoraWeight, ...] = ()
) -> list[Sound]:
    """A sound for each seed, as the reserve renders them."""
    parts = tuple(
        Part(
            request=GenerateRequest(prompt=kind, seed=seed, loras=loras),
            finish=FinishOptions(),
        )
        for seed in seeds
    )
    sent: list[Message] = []
    renderer.run(RenderSpare(job="spare-1", parts=parts, subtype="PCM_16"), sent.append, bool)
    wavs = {message.index: message.wav for message in sent if isinstance(message, Rendered)}
    sounds = []
    with tempfile.TemporaryDirectory() as folder:
        for index, seed in enumerate(seeds):
            file = Path(folder) / f"{index}.wav"
            file.write_bytes(wavs[index])
            contents = read_sound(file, Path(folder))
            assert contents is not None, "it was written a moment ago"
            sounds.append(
                Sound(
                    kind=kind,
                    seed=seed,
                    wav=wavs[index],
                    seconds=contents.seconds,
                    brightness_hz=contents.brightness_hz,
                    embedding=np.frombuffer(contents.embedding, np.float16).astype(np.float32),
                )
            )
    return sounds


def listener(pool: dict[str, list[Sound]]) -> Likes:
    """Whether a sound is liked: shorter and brighter than half of its kind."""
    limits = {
        kind: (
            float(np.median([sound.seconds for sound in sounds])),
            float(np.median([sound.brightness_hz for sound in sounds])),
        )
        for kind, sounds in pool.items()
    }

    def likes(sound: Sound) -> bool:
        seconds, hertz = limits[sound.kind]
        return sound.seconds < seconds and sound.brightness_hz > hertz

    return likes


def listen(sounds: Sequence[Sound], likes: Likes, home: Home) -> tuple[int, int]:
    """Hear sounds in a library and star them, until there are enough stars; returns both counts."""
    heard = stars = 0
    paths = [f"{sound.kind} {number}.wav" for number, sound in enumerate(sounds)]
    for path, sound in zip(paths, sounds, strict=True):
        (home.samples / path).write_bytes(sound.wav)
    with closing(
        SoundLibrary(index=home.sound_index, samples=home.samples, database=home.database)
    ) as library:
        library.update(paths)
        for path, sound in zip(paths, sounds, strict=True):
            if stars == STARS:
                break
            heard += 1
            library.count_play(path)
            if likes(sound):
                stars += 1
                library.mark(path, stars=starred.STARS)
    return heard, stars


def train(home: Home, steps: int) -> tuple[LoraWeight, str]:
    """Train as a producer would; returns the LoRA, and whether it went live."""
    command = [sys.executable, "-m", "oneshot_server", "train", "--starred"]
    options = ["--home", str(home.root), *(["--steps", str(steps)] if steps else [])]
    began = time.perf_counter()
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
    store = LoraStore(home.loras)
    card = store.newest(starred.NAME)
    assert card is not None, "the training ended well"
    live = "live" if store.live_version(starred.NAME) == card.version else "held"
    seconds = time.perf_counter() - began
    about = f"{card.sounds} sounds, kept at step {card.steps}, {live}, {seconds:.0f} s"
    return LoraWeight(name=starred.NAME, weight=1.0, version=card.version), about


def with_lora(model: Model, home: Home, pairs: Sequence[Pair], lora: LoraWeight) -> list[Pair]:
    """The same pairs as they are with a LoRA."""
    renderer = JobRenderer(model, max_batch=BATCH, loras=LoraStore(home.loras))
    rendered: list[Sound] = []
    for kind in dict.fromkeys(first.kind for first, _ in pairs):
        seeds = [sound.seed for pair in pairs for sound in pair if sound.kind == kind]
        rendered += render(renderer, kind, seeds, (lora,))
    return list(zip(rendered[::2], rendered[1::2], strict=True))


def judge(pairs: Sequence[Pair], likes: Likes, taste: Taste) -> list[Flags]:
    """Whether the first of each pair is liked, the chosen one, and any; (pairs,) each."""
    chosen = [pair[taste.best([sound.embedding for sound in pair])] for pair in pairs]
    return [
        np.array([likes(first) for first, _ in pairs]),
        np.array([likes(sound) for sound in chosen]),
        np.array([likes(first) or likes(second) for first, second in pairs]),
    ]


def one_seed(
    seed: int, pool: dict[str, list[Sound]], model: Model, lora_steps: int | None
) -> tuple[str, list[Flags]]:
    """A listener's way; returns what to tell of it, and what was liked: a column for each name."""
    draw, likes = random.Random(seed), listener(pool)
    mixed = {kind: draw.sample(sounds, len(sounds)) for kind, sounds in pool.items()}
    pairs = [
        pair
        for sounds in mixed.values()
        for pair in zip(sounds[: 2 * PAIRS : 2], sounds[1 : 2 * PAIRS : 2], strict=True)
    ]
    to_hear = [sound for kind in HEARD for sound in mixed[kind][2 * PAIRS :]]
    draw.shuffle(to_hear)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        home.create()
        heard, stars = listen(to_hear, likes, home)
        taste = Taste(home.sound_index)
        assert taste.knows, f"{stars} stars of {heard} sounds are enough"
        columns = judge(pairs, likes, taste)
        about = f"{seed:<6}{heard:6}{stars:6}"
        if lora_steps is not None:
            lora, trained = train(home, lora_steps)
            print(trained, flush=True)
            columns += judge(with_lora(model, home, pairs, lora), likes, taste)[:2]
    return about, columns


def show(label: str, columns: Sequence[Flags], kinds: Sequence[str]) -> None:
    """A row: means of the kinds that were heard, and of the others."""
    print(f"{label:18}", end="")
    for group in (HEARD, UNHEARD):
        chosen = np.array([kind in group for kind in kinds])
        print("  |" + "".join(f"{column[chosen].mean():8.2f}" for column in columns), end="")
    print(flush=True)


def show_errors(columns: Sequence[Flags], kinds: Sequence[str]) -> None:
    """A row: standard errors of what each column is more than the first."""
    print(f"{'± of the gain':18}", end="")
    for group in (HEARD, UNHEARD):
        chosen = np.array([kind in group for kind in kinds])
        gains = [column[chosen].astype(float) - columns[0][chosen] for column in columns[1:]]
        errors = [gain.std() / len(gain) ** 0.5 for gain in gains]
        print("  |" + " " * 8 + "".join(f"{error:8.2f}" for error in errors), end="")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--lora", action="store_true", help="train the LoRA taste for each seed")
    parser.add_argument("--lora-steps", type=int, default=0, help="0 goes by the number of sounds")
    arguments = parser.parse_args()
    model = load_model(STARTER, torch.device("cpu"))
    sizes = dict.fromkeys(HEARD, 2 * PAIRS + TO_HEAR) | dict.fromkeys(UNHEARD, 2 * PAIRS)
    again = 2 * PAIRS * len(sizes) * arguments.seeds if arguments.lora else 0
    print(f"{sum(sizes.values())} renders, and {again} with a LoRA", flush=True)
    renderer, began = JobRenderer(model, max_batch=BATCH), time.perf_counter()
    pool = {
        kind: render(renderer, kind, range(first := FIRST_SEED + 1000 * number, first + size))
        for number, (kind, size) in enumerate(sizes.items())
    }
    pace = sum(sizes.values()) / (time.perf_counter() - began)
    print(f"{pace:.1f} renders a second", flush=True)
    kinds = [kind for kind in pool for _ in range(PAIRS)]
    names = ["plain", "ranked", "either", *(["LoRA", "both"] if arguments.lora else [])]
    head = "  |" + "".join(f"{name:>8}" for name in names)
    print(f"{'seed':6}{'heard':>6}{'stars':>6}{head}{head} of other kinds", flush=True)
    runs = []
    for seed in range(arguments.seeds):
        lora_steps = arguments.lora_steps if arguments.lora else None
        about, columns = one_seed(seed, pool, model, lora_steps)
        show(about, columns, kinds)
        runs.append(columns)
    joined = [np.concatenate(columns) for columns in zip(*runs, strict=True)]
    show("mean", joined, kinds * len(runs))
    show_errors(joined, kinds * len(runs))


if __name__ == "__main__":
    main()
