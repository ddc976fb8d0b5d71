"""The candidates of each sound, until all are rendered and one can be chosen."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from oneshot_server.engine.batches import Slot
from oneshot_server.pipeline.render import Sounds


@dataclass(frozen=True, kw_only=True)
class Take:
    """One of the sounds of a batch, not finished yet.

    Attributes:
        batch: that it was rendered in.
        position: its place in the batch.
        sounds: what the batch became.
    """

    batch: tuple[Slot, ...]
    position: int
    sounds: Sounds

    @property
    def slot(self) -> Slot:
        """What it is a sound of."""
        return self.batch[self.position]

    @property
    def waveform(self) -> torch.Tensor:
        """(samples,), float32, on the CPU."""
        return self.sounds.waveforms[self.position]


def takes_of(batch: tuple[Slot, ...], sounds: Sounds) -> Iterator[Take]:
    """The sounds of a batch that are wanted, and do not only keep it in shape."""
    for position, slot in enumerate(batch):
        if slot.index is not None:
            yield Take(batch=batch, position=position, sounds=sounds)


class Takes:
    """Collects candidates.

    Args:
        batches: all that will be rendered.
    """

    def __init__(self, batches: Iterable[tuple[Slot, ...]]) -> None:
        self._left = Counter((slot.job, slot.index) for batch in batches for slot in batch)
        self._good: dict[tuple[str, int | None], list[Take]] = {}

    def add(self, take: Take, *, good: bool) -> list[Take] | None:
        """Add a candidate.

        Args:
            take: the candidate.
            good: whether it may be sent.

        Returns:
            ``None`` while another one of its sound is to come, else those that may be sent. If
            there are none, one more is expected.
        """
        sound = (take.slot.job, take.slot.index)
        if good:
            self._good.setdefault(sound, []).append(take)
        self._left[sound] -= 1
        if self._left[sound] > 0:
            return None
        self._left[sound] = 1
        return self._good.pop(sound, [])
