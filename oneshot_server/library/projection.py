"""Features of a sound to an embedding, so that what is alike is near.

The projection is learned from recordings of known kinds, by ``starter.train_projection``:
directions in which sounds of one kind differ count less, those that tell kinds apart count more.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from oneshot_server.dsp.descriptors import FEATURES

EMBEDDING: Final = 64
"""Numbers in an embedding."""

SHIPPED: Final = Path(__file__).with_name("projection.npz")

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Projection:
    """A linear map.

    Attributes:
        mean: (FEATURES,), of the recordings.
        axes: (FEATURES, EMBEDDING).
    """

    mean: Matrix
    axes: Matrix

    def __call__(self, features: Matrix) -> Matrix:
        """(FEATURES,) or (sounds, FEATURES) to (EMBEDDING,) or (sounds, EMBEDDING), float32.

        The distance of two sounds of one kind is about 1.
        """
        return np.asarray((features - self.mean) @ self.axes, np.float32)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file that ``write`` has written."""
        with np.load(path, allow_pickle=False) as arrays:
            mean, axes = arrays["mean"], arrays["axes"]
        assert mean.shape == (FEATURES,)
        assert axes.shape == (FEATURES, EMBEDDING)
        return cls(mean=mean, axes=axes)

    def write(self, path: Path) -> None:
        """Write a file."""
        np.savez(path, mean=np.float32(self.mean), axes=np.float32(self.axes))


@cache
def shipped_projection() -> Projection:
    """The one that the package brings along."""
    return Projection.read(SHIPPED)


def features_to_embedding(features: Matrix) -> Matrix:
    """(FEATURES,) to (EMBEDDING,), by the projection that the package brings along."""
    return shipped_projection()(features)
