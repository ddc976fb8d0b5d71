"""The sounds in reserve by what they are of, and what is missing since when. No I/O, no clock."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from oneshot_server.jobs.pad_recipes import PadRecipe
from oneshot_server.library.reserve_folder import Waiting


@dataclass(kw_only=True)
class Shelf:
    """The sounds of one recipe.

    Attributes:
        recipe: what they are of.
        wanted: how many there should be.
        waiting: those that are there, the oldest first.
        missing: when each of those that are not there began to miss, the oldest first, seconds.
        trouble: why the last one could not be rendered; empty if it could.
        again_at: until then it is not tried again, seconds.
    """

    recipe: PadRecipe
    wanted: int
    waiting: deque[Waiting] = field(default_factory=deque)
    missing: deque[float] = field(default_factory=deque)
    trouble: str = ""
    again_at: float = 0.0

    def settle(self, now: float) -> None:
        """Note what misses from now on, and forget what no longer does."""
        gap = max(0, self.wanted - len(self.waiting))
        while len(self.missing) > gap:
            self.missing.popleft()
        self.missing.extend([now] * (gap - len(self.missing)))


class Shelves:
    """Shelves by the keys of their recipes."""

    def __init__(self) -> None:
        self._shelves: dict[str, Shelf] = {}

    def __getitem__(self, key: str) -> Shelf:
        return self._shelves[key]

    def __contains__(self, key: str) -> bool:
        return key in self._shelves

    @property
    def size(self) -> int:
        """Bytes of all that waits."""
        return sum(w.size for shelf in self._shelves.values() for w in shelf.waiting)

    def arrange(self, wanted: Mapping[str, tuple[PadRecipe, int]], now: float) -> list[Waiting]:
        """Keep a shelf for each of these recipes and no other; returns what stood on the others."""
        gone = [self._shelves.pop(key) for key in self._shelves.keys() - wanted.keys()]
        for key, (recipe, count) in wanted.items():
            shelf = self._shelves.setdefault(key, Shelf(recipe=recipe, wanted=count))
            shelf.wanted = count
            shelf.settle(now)
        return [waiting for shelf in gone for waiting in shelf.waiting]

    def put(self, waiting: Waiting, now: float) -> bool:
        """Put a sound on its shelf; False if there is none, or it is full."""
        shelf = self._shelves.get(waiting.key)
        if shelf is None or len(shelf.waiting) >= shelf.wanted:
            return False
        shelf.waiting.append(waiting)
        shelf.settle(now)
        shelf.trouble = ""
        return True

    def take(self, key: str, now: float) -> Waiting | None:
        """Take the oldest sound from a shelf; ``None`` if it is empty."""
        shelf = self._shelves.get(key)
        if shelf is None or not shelf.waiting:
            return None
        waiting = shelf.waiting.popleft()
        shelf.settle(now)
        return waiting

    def next_batch(self, most: int, now: float, *, alone: Iterable[str]) -> list[Shelf]:
        """Whose sounds to render together next, the one that has missed longest first.

        Args:
            most: sounds at the most.
            now: seconds.
            alone: keys of those that may have been the end of a batch: each gets one of its own.

        Returns:
            A shelf for each sound; a shelf whose sounds are all the same has only one to render.
        """
        suspects = set(alone)
        missing = sorted(
            (
                (since, number, shelf)
                for shelf in self._shelves.values()
                if shelf.again_at <= now
                for number, since in enumerate(shelf.missing)
                if number == 0 or shelf.recipe.seed_policy != "fixed"
            ),
            key=lambda entry: entry[:2],
        )
        if not missing:
            return []
        first = missing[0][2]
        if first.recipe.key in suspects:
            return [first]
        return [
            shelf
            for _, _, shelf in missing
            if shelf.recipe.group == first.recipe.group and shelf.recipe.key not in suspects
        ][:most]
