"""How like a folder's held-out sounds a model's are, heard as a producer would: by its sounds.

The loss at given noise rises long before the sounds stop coming nearer to the folder, as most of it
is what nobody can foresee of a recording. So sounds are rendered for each held-out one, from its
caption and seeds that are always the same, and judged by the energy score (Gneiting and Raftery,
2007, "Strictly proper scoring rules, prediction, and estimation", section 4.3): the mean distance
to the recording, less half of the mean distance between the sounds. It is least where they are
distributed as the recordings are: copies of another sound score badly, and so does one sound again
and again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from accelerate import Accelerator

from oneshot_server.pipeline.decoding import latents_to_mels
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.nearest import image_features
from oneshot_server.pipeline.sampling import noise_to_latents, seeds_to_noise, steady_sampler
from oneshot_server.training.captions import Embeddings

MOST_SOUNDS: Final = 8
MOST_VOICES: Final = 8  # rendered for each
RENDERED: Final = 32  # in all; the seeds are always the same, so that few tell two models apart
STEPS: Final = 8
FIRST_SEED: Final = 900


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """Measures a model as it is at the moment.

    Attributes:
        features: (sounds, pixels), of the held-out sounds, as ``image_features`` returns.
        captions: of each.
        model: what is measured.
        embeddings: of captions.
        accelerator: spreads the work over the processes.
        check: called before each step of the sampler; may wait, may raise to stop.
        together: sounds that are rendered and decoded at once, at the most.
    """

    features: torch.Tensor
    captions: tuple[str, ...]
    model: Model
    embeddings: Embeddings
    accelerator: Accelerator
    check: Callable[[], None]
    together: int = MOST_VOICES

    @torch.no_grad()
    def __call__(self) -> float:
        """Mean energy score, dB; lower is better, and the same number in every process."""
        count = min(len(self.features), MOST_SOUNDS)
        chosen = [i * len(self.features) // count for i in range(count)]
        total = torch.zeros((), device=self.model.device)
        mine = slice(self.accelerator.process_index, None, self.accelerator.num_processes)
        for number in chosen[mine]:
            voices = self._voices(number, min(MOST_VOICES, RENDERED // count))
            total += energy_score(voices, self.features[number]).to(total.device)
        summed: Any = self.accelerator.reduce(total, reduction="sum")
        return float(summed) / count

    def _voices(self, number: int, voices: int) -> torch.Tensor:
        """(voices, pixels), rendered for one held-out sound."""
        seeds = range(FIRST_SEED + number * voices, FIRST_SEED + (number + 1) * voices)
        starts = range(0, voices, self.together)
        return torch.cat([self._render(number, seeds[i : i + self.together]) for i in starts])

    def _render(self, number: int, seeds: Sequence[int]) -> torch.Tensor:
        with self.accelerator.autocast():
            latents = noise_to_latents(
                seeds_to_noise(seeds, self.model),
                self.embeddings([self.captions[number]] * len(seeds)),
                self.embeddings([""] * len(seeds)),
                self.model,
                steps=STEPS,
                guidance=self.model.card.guidance,
                on_step=lambda _step, _steps: self.check(),
                sampler=steady_sampler(self.model),
            )
        return image_features(latents_to_mels(latents.float(), self.model))


def energy_score(made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """How badly sounds foretell a recording.

    Args:
        made: (sounds, pixels), dB; at least two.
        real: (pixels,), dB.

    Returns:
        Scalar, dB, root mean square over the pixels.
    """
    made, real = made.float(), real.float().to(made.device)
    to_real = (made - real).norm(dim=1).mean()
    apart = torch.pdist(made).mean()
    score: torch.Tensor = (to_real - 0.5 * apart) / real.numel() ** 0.5
    return score
