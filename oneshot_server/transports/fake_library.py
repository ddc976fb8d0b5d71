"""A library in memory, for the transports' tests."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from oneshot_server.domain.library import (
    Counts,
    Family,
    Found,
    LibraryChange,
    Mark,
    Near,
    Place,
    Query,
    Sound,
)
from oneshot_server.errors import NotFoundError


def sound(number: int, path: str = "", **values: Any) -> Sound:  # noqa: ANN401 - a test's own
    """A sound about which nothing but these values is remarkable."""
    plain = Sound(
        number=number,
        path=path or f"kick_{number}.wav",
        content=f"{number:064x}",
        kind="kick",
        key="",
        seconds=0.5,
        level_db=-10.0,
        brightness_hz=1000.0,
        stars=0,
        tags=(),
        plays=0,
        changed=float(number),
        size=1000,
        rendered=True,
        prompt="kick",
        caption="kick",
        seed=number,
        model="fake",
        parent="",
    )
    return replace(plain, **values)


class FakeSounds:
    """Knows a list of sounds; a search finds what has the text in its path, in their order.

    Attributes:
        known: the sounds.
        folder: where their files would be.
    """

    def __init__(self, folder: Path) -> None:
        self.known: list[Sound] = []
        self.folder = folder

    def search(self, query: Query) -> Found:
        """See ``domain.library.Sounds``."""
        found = [one for one in self.known if query.text in one.path and one.stars >= query.stars]
        asked = found[query.offset : query.offset + query.limit]
        return Found(total=len(found), sounds=tuple(asked))

    def every(self, query: Query) -> Iterator[Sound]:
        """See ``domain.library.Sounds``."""
        yield from self.search(query).sounds

    def sound(self, number: int) -> Sound:
        """See ``domain.library.Sounds``."""
        for one in self.known:
            if one.number == number:
                return one
        raise NotFoundError(f"no sound has the number {number}")

    def sound_at(self, path: str) -> Sound:
        """See ``domain.library.Sounds``."""
        for one in self.known:
            if path in {one.path, str(self.folder / one.path)}:
                return one
        raise NotFoundError(f"{path} is not in the library")

    def file(self, number: int) -> Path:
        """See ``domain.library.Sounds``."""
        return self.folder / self.sound(number).path

    def recipe(self, number: int) -> str:
        """See ``domain.library.Sounds``."""
        return f'{{"seed":{self.sound(number).seed}}}'

    def similar(self, number: int, count: int) -> Sequence[Near]:
        """See ``domain.library.Sounds``."""
        others = [one for one in self.known if one.number != number][:count]
        return [Near(sound=one, distance=float(place)) for place, one in enumerate(others)]

    def family(self, number: int) -> Family:
        """See ``domain.library.Sounds``; a sound alone."""
        return Family(sounds=(self.sound(number),), links=())

    def places(self) -> Iterator[Place]:
        """See ``domain.library.Sounds``."""
        for one in self.known:
            yield Place(number=one.number, x=0.0, y=0.0, kind=one.kind)

    def kinds(self) -> dict[str, int]:
        """See ``domain.library.Sounds``."""
        return {"kick": len(self.known)}

    def tags(self) -> dict[str, int]:
        """See ``domain.library.Sounds``."""
        return {tag: 1 for one in self.known for tag in one.tags}

    def counts(self) -> Counts:
        """See ``domain.library.Sounds``."""
        return Counts(sounds=len(self.known), unusable=0)


class FakeLibrary:
    """Marks sounds in memory and tells of it.

    Attributes:
        sounds: what is known.
        waiting: files to be looked at.
    """

    def __init__(self, folder: Path = Path("samples")) -> None:
        self.sounds = FakeSounds(folder)
        self.waiting = 0
        self._listeners: list[Callable[[LibraryChange], None]] = []

    def change(self, change: LibraryChange) -> None:
        """Let sounds come, change or go."""
        fresh = {one.number: one for one in change.now}
        kept = [one for one in self.sounds.known if one.number not in {*change.gone, *fresh}]
        self.sounds.known = [*kept, *fresh.values()]
        for listener in tuple(self._listeners):
            listener(change)

    async def mark(
        self, path: str, *, stars: int | None = None, tags: Sequence[str] | None = None
    ) -> Sound:
        """See ``domain.library.Library``."""
        before = self.sounds.sound_at(path)
        mark = Mark(
            stars=before.stars if stars is None else stars,
            tags=before.tags if tags is None else tuple(tags),
        )
        marked = replace(before, stars=mark.stars, tags=mark.tags)
        self.change(LibraryChange(now=(marked,)))
        return marked

    async def played(self, path: str) -> Sound:
        """See ``domain.library.Library``."""
        before = self.sounds.sound_at(path)
        self.change(LibraryChange(now=(replace(before, plays=before.plays + 1),)))
        return self.sounds.sound_at(path)

    def subscribe(self, listener: Callable[[LibraryChange], None]) -> Callable[[], None]:
        """See ``domain.library.Library``."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
