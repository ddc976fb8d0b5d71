"""What one sound of a batch is drawn from."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Words and a seed.

    Attributes:
        prompt: free text.
        negative: free text to keep away from.
        seed: of the sound.
        walk: seeds from one independent sound to the next; ``None`` if every seed is.
    """

    prompt: str
    negative: str
    seed: int
    walk: int | None = None

    @property
    def independent(self) -> tuple[int, int]:
        """The independent seeds that a walk's sound lies between; itself twice without a walk."""
        if self.walk is None or self.seed % self.walk == 0:
            return (self.seed // (self.walk or 1),) * 2
        return self.seed // self.walk, self.seed // self.walk + 1

    @property
    def share(self) -> float:
        """How far it is from the first of them to the second, 0 to 1."""
        return 0.0 if self.walk is None else self.seed % self.walk / self.walk

    @property
    def weights(self) -> tuple[float, float]:
        """Of their noises: on the arc between two of equal length, at equal angles.

        Two independent draws, weighted by a cosine and its sine, are as normal as each of them.

        Reference: Shoemake, 1985, "Animating rotation with quaternion curves".
        """
        angle = self.share * math.pi / 2.0
        return math.cos(angle), math.sin(angle)
