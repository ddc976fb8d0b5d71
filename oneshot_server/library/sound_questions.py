"""What can be asked of the index. Blocks for milliseconds; see ``domain.library.Sounds``."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from oneshot_server.domain.library import Counts, Family, Found, Near, Place, Query, Sound
from oneshot_server.errors import BadArgumentsError, NotFoundError
from oneshot_server.library.families import find_family
from oneshot_server.library.index_rows import SELECT, rows_to_sounds, text_to_tags
from oneshot_server.library.sound_index import IndexLostError, SoundIndex
from oneshot_server.library.sound_paths import is_inside, relative_path
from oneshot_server.library.sound_search import MOST_SOUNDS, search

if TYPE_CHECKING:  # numpy takes its time: it is loaded when somebody asks for what is alike
    from oneshot_server.library.embeddings import Embeddings

MOST_SIMILAR: Final = 1000
PLACES_AT_ONCE: Final = 1000
KINDS_OF: Final = "SELECT number, kind FROM sounds WHERE number BETWEEN ? AND ?"

_Result = TypeVar("_Result")


class SoundQuestions:
    """Answers any number of threads.

    Args:
        index: is asked.
        samples: the samples folder.

    Attributes:
        samples: the same.
    """

    def __init__(self, index: SoundIndex, samples: Path) -> None:
        self.samples = samples
        self._index = index
        self._embeddings: Embeddings | None = None

    def search(self, query: Query) -> Found:
        """See ``domain.library.Sounds``."""
        return self._asked(lambda: search(self._index, query))

    def every(self, query: Query) -> Iterator[Sound]:
        """See ``domain.library.Sounds``."""
        offset = 0
        while page := self.search(replace(query, limit=MOST_SOUNDS, offset=offset)).sounds:
            yield from page
            offset += len(page)

    def sound(self, number: int) -> Sound:
        """See ``domain.library.Sounds``."""
        return self._one("number = ?", number, f"no sound has the number {number}")

    def sound_at(self, path: str) -> Sound:
        """See ``domain.library.Sounds``."""
        relative = relative_path(path, self.samples)
        return self._one("path = ?", relative, f"{relative} is not in the library")

    def file(self, number: int) -> Path:
        """See ``domain.library.Sounds``."""
        path = self.sound(number).path
        file = self.samples / path
        if not is_inside(path, self.samples) or file.is_symlink() or not file.is_file():
            raise NotFoundError(f"{path} is gone")
        return file

    def recipe(self, number: int) -> str:
        """See ``domain.library.Sounds``."""
        rows = self.rows("SELECT recipe FROM recipes WHERE number = ?", number)
        return str(rows[0][0]) if rows else ""

    def similar(self, number: int, count: int) -> Sequence[Near]:
        """See ``domain.library.Sounds``."""
        if not 1 <= count <= MOST_SIMILAR:
            raise BadArgumentsError(f"count = {count}, expected 1 to {MOST_SIMILAR}")
        return self._near(self._asked(lambda: self._vectors().nearest(number, count)))

    def similar_to(self, embedding: bytes, count: int) -> Sequence[Near]:
        """The sounds most like one that is not in the library, by what was read of it."""
        from oneshot_server.library.embeddings import to_vector

        vector = to_vector(embedding)
        return self._near(self._asked(lambda: self._vectors().nearest_to(vector, count)))

    def family(self, number: int) -> Family:
        """See ``domain.library.Sounds``."""
        numbers, links = find_family(self.rows, self.sound(number).number)
        sounds = []
        for one in numbers:
            with suppress(NotFoundError):  # gone since, or no sound that can be used
                sounds.append(self.sound(one))
        known = {sound.number for sound in sounds}
        kept = tuple(link for link in links if known.issuperset(link))
        return Family(sounds=tuple(sounds), links=kept)

    def places(self) -> Iterator[Place]:
        """See ``domain.library.Sounds``."""
        numbers, places = self._asked(lambda: self._vectors().map())
        for start in range(0, len(numbers), PLACES_AT_ONCE):
            some = numbers[start : start + PLACES_AT_ONCE].tolist()
            kinds = dict(self.rows(KINDS_OF, some[0], some[-1]))
            planes = places[start : start + PLACES_AT_ONCE].tolist()
            for number, (x, y) in zip(some, planes, strict=True):
                yield Place(number=number, x=x, y=y, kind=kinds.get(number, ""))

    def kinds(self) -> dict[str, int]:
        """See ``domain.library.Sounds``."""
        rows = self.rows(
            "SELECT kind, count(*) FROM sounds WHERE trouble = '' GROUP BY kind ORDER BY kind"
        )
        return {str(kind): int(count) for kind, count in rows}

    def tags(self) -> dict[str, int]:
        """See ``domain.library.Sounds``."""
        counts: dict[str, int] = {}
        for text, count in self.rows(
            "SELECT tags, count(*) FROM sounds WHERE tags != '' GROUP BY tags"
        ):
            for tag in text_to_tags(text):
                counts[tag] = counts.get(tag, 0) + int(count)
        return dict(sorted(counts.items()))

    def counts(self) -> Counts:
        """See ``domain.library.Sounds``."""
        ((rows, usable),) = self.rows(
            "SELECT (SELECT count(*) FROM sounds), (SELECT count(*) FROM sounds WHERE trouble = '')"
        )
        return Counts(sounds=usable, unusable=rows - usable)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the index answers to a statement of SQL that reads."""

        def ask() -> list[tuple[Any, ...]]:
            with self._index.reading() as connection:
                return connection.execute(statement, values).fetchall()

        return self._asked(ask)

    def _near(self, found: Sequence[tuple[int, float]]) -> Sequence[Near]:
        near = []
        for other, distance in found:
            with suppress(NotFoundError):  # gone meanwhile
                near.append(Near(sound=self.sound(other), distance=distance))
        return near

    def _one(self, condition: str, value: object, missing: str) -> Sound:
        rows = self.rows(f"{SELECT} WHERE trouble = '' AND {condition}", value)
        if not rows:
            raise NotFoundError(missing)
        return rows_to_sounds(rows)[0]

    def _asked(self, ask: Callable[[], _Result]) -> _Result:
        """Ask; of an index that was lost only what is in the new one, which may be nothing yet."""
        try:
            return ask()
        except IndexLostError:
            return ask()

    def _vectors(self) -> "Embeddings":
        from oneshot_server.library.embeddings import Embeddings

        if self._embeddings is None:
            self._embeddings = Embeddings(self._index.reading)
        return self._embeddings
