"""Do stars help? ``python -m benchmarks.taste``.

A simulated listener likes sounds that are shorter and brighter than half of the starter's sounds of
the same kind. The starter renders sounds as the reserve does, the listener hears them and stars
those that are liked, until there are 40 stars. Then the reserve chooses one of two by what it has
learned. Printed for each seed: the share of liked sounds among those that are not chosen (the first
of each two) and among the chosen ones, of the kinds that were heard and of kinds that were not.
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine.messages import Message, Part, Rendered, RenderSpare
from oneshot_server.engine.render_job import JobRenderer
from oneshot_server.engine.taste import Taste
from oneshot_server.library.sound_library import SoundLibrary
from oneshot_server.pipeline.model import load_model
from oneshot_server.pipeline.model_folder import STARTER

HEARD = ("kick", "snare", "closed hat", "clap", "tom", "perc")
UNHEARD = ("rim", "shaker")
STARS = 40
USUAL = 16
JUDGED = 16


class Studio:
    """The starter, and a library of what it rendered.

    Args:
        renderer: renders.
        home: of the library.
    """

    def __init__(self, renderer: JobRenderer, home: Path) -> None:
        self._renderer = renderer
        self._samples = home / "samples"
        self._samples.mkdir()
        self.library = SoundLibrary(
            index=home / "sounds.db", samples=self._samples, database=home / "library.db"
        )
        self._count = 0

    def render(self, kind: str, seeds: Iterable[int], *, taste: bool = False) -> list[str]:
        """Paths of a sound for each seed, in the library."""
        parts = tuple(
            Part(
                request=GenerateRequest(prompt=kind, seed=seed, taste=taste),
                finish=FinishOptions(),
            )
            for seed in seeds
        )
        sent: list[Message] = []
        self._renderer.run(
            RenderSpare(job="spare-1", parts=parts, subtype="PCM_16"), sent.append, bool
        )
        paths = []
        for message in sent:
            if isinstance(message, Rendered):
                self._count += 1
                paths.append(f"{kind} {self._count}.wav")
                (self._samples / paths[-1]).write_bytes(message.wav)
        self.library.update(paths)
        return paths


def listener(studio: Studio, seeds: Callable[[int], list[int]]) -> Callable[[str], bool]:
    """Whether a sound is liked: shorter and brighter than half of its kind."""
    limits = {}
    for kind in (*HEARD, *UNHEARD):
        sounds = [studio.library.sound_at(p) for p in studio.render(kind, seeds(USUAL))]
        limits[kind] = (
            float(np.median([sound.seconds for sound in sounds])),
            float(np.median([sound.brightness_hz for sound in sounds])),
        )

    def likes(path: str) -> bool:
        sound = studio.library.sound_at(path)
        seconds, hertz = limits[path.rpartition(" ")[0]]
        return sound.seconds < seconds and sound.brightness_hz > hertz

    return likes


def share(
    studio: Studio,
    kinds: Iterable[str],
    likes: Callable[[str], bool],
    seeds: Callable[[int], list[int]],
) -> tuple[float, float]:
    """Of liked sounds among the first of each two, and among those that were chosen."""
    plain, chosen = [], []
    for kind in kinds:
        same = seeds(JUDGED)
        plain += [likes(path) for path in studio.render(kind, same)]
        chosen += [likes(path) for path in studio.render(kind, same, taste=True)]
    return float(np.mean(plain)), float(np.mean(chosen))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    model = load_model(STARTER, torch.device("cpu"))
    print(f"{'seed':6}{'heard':>8}{'stars':>8}{'liked before':>16}{'after':>8}", end="")
    print(f"{'other kinds before':>22}{'after':>8}")
    results = []
    for seed in range(arguments.seeds):
        draw = random.Random(seed)

        def seeds(count: int, draw: random.Random = draw) -> list[int]:
            return [draw.randrange(2**31) for _ in range(count)]

        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            taste = Taste(home / "sounds.db", clock=iter(range(0, 10**9, 1000)).__next__)
            studio = Studio(JobRenderer(model, max_batch=8, taste=taste), home)
            likes = listener(studio, seeds)
            heard = stars = 0
            while stars < STARS:
                for path in studio.render(draw.choice(HEARD), seeds(8)):
                    heard += 1
                    studio.library.count_play(path)
                    if likes(path) and stars < STARS:
                        stars += 1
                        studio.library.mark(path, stars=4)
            before, after = share(studio, HEARD, likes, seeds)
            others_before, others_after = share(studio, UNHEARD, likes, seeds)
            studio.library.close()
        results.append((before, after, others_before, others_after))
        print(f"{seed:<6}{heard:8}{stars:8}{before:16.2f}{after:8.2f}", end="")
        print(f"{others_before:22.2f}{others_after:8.2f}", flush=True)
    mean = np.mean(results, axis=0)
    print(f"{'mean':6}{'':16}{mean[0]:16.2f}{mean[1]:8.2f}{mean[2]:22.2f}{mean[3]:8.2f}")


if __name__ == "__main__":
    main()
