"""The samples folder and its index as one thing: ask, mark, bring up to date. Blocks."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

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
from oneshot_server.errors import (
    BadArgumentsError,
    ForbiddenError,
    MetadataError,
    NotFoundError,
)
from oneshot_server.library.analysts import Analysts
from oneshot_server.library.families import find_family
from oneshot_server.library.folder_indexer import FolderIndexer, is_inside, is_sound_path
from oneshot_server.library.marks import mark_foreign, mark_render
from oneshot_server.library.play_counts import PlayCounts
from oneshot_server.library.sound_contents import Contents
from oneshot_server.library.sound_index import (
    SELECT,
    TAG_END,
    IndexLostError,
    SoundIndex,
    rows_to_sounds,
    tags_to_text,
    write_words,
)
from oneshot_server.library.sound_search import MOST_SOUNDS, search

if TYPE_CHECKING:  # numpy takes its time: it is loaded when somebody asks for what is alike
    from oneshot_server.library.embeddings import Embeddings

MOST_SIMILAR: Final = 1000

_Result = TypeVar("_Result")


class Reader(Protocol):
    """What reads files; ``library.analysts.Analysts`` is one."""

    def read(self, paths: Sequence[str]) -> Iterator[list[tuple[str, Contents | None]]]:
        """Paths, relative to the samples folder, and what is in them; ``None`` for gone."""
        ...

    def rest(self) -> None:
        """There is little to do for now."""
        ...

    def stop(self) -> None:
        """Read nothing more; also what another thread has asked for."""
        ...

    def close(self) -> None:
        """Clear up, when no thread asks any more."""
        ...


class SoundLibrary:
    """Asks of any number of threads, and one change at a time; see ``domain.library.Sounds``.

    Args:
        index: path of ``sounds.db``.
        samples: the samples folder.
        database: path of ``library.db``.
        reader: reads files; by default processes, one for each core.

    Raises:
        DiskFullError: no space left.
        ForbiddenError: index or database cannot be opened.
    """

    def __init__(
        self, *, index: Path, samples: Path, database: Path, reader: Reader | None = None
    ) -> None:
        self.samples = samples
        self._index = SoundIndex(index, samples)
        self._plays = PlayCounts(database)
        self._reader = reader or Analysts(samples)
        self._indexer = FolderIndexer(self._index, samples, self._reader.read, self._plays)
        self._changing = Lock()
        self._embeddings: Embeddings | None = None

    def interrupt(self) -> None:
        """Let a change that is going on in another thread end soon; none begins after it."""
        self._reader.stop()

    def close(self) -> None:
        """End; waits for a change that is going on."""
        self._reader.stop()
        with self._changing:
            self._reader.close()
            self._index.close()
            self._plays.close()

    def search(self, query: Query) -> Found:
        """See ``domain.library.Sounds``."""
        return self._asked(lambda: search(self._index, query))

    def sound(self, number: int) -> Sound:
        """See ``domain.library.Sounds``."""
        return self._one("number = ?", number, f"no sound has the number {number}")

    def sound_at(self, path: str) -> Sound:
        """See ``domain.library.Sounds``."""
        relative = self._relative(path)
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
        rows = self._rows("SELECT recipe FROM recipes WHERE number = ?", number)
        return str(rows[0][0]) if rows else ""

    def similar(self, number: int, count: int) -> Sequence[Near]:
        """See ``domain.library.Sounds``."""
        if not 1 <= count <= MOST_SIMILAR:
            raise BadArgumentsError(f"count = {count}, expected 1 to {MOST_SIMILAR}")
        return self._near(self._asked(lambda: self._vectors().nearest(number, count)))

    def similar_to_file(self, path: Path, count: int) -> Sequence[Near]:
        """The sounds most like a file that may lie anywhere; for who sits at this machine.

        Raises:
            NotFoundError: no such file, or it is no sound; the text says why.
        """
        with self._changing:
            ((_, contents),) = [*chain.from_iterable(self._reader.read([str(path.absolute())]))]
        if contents is None or contents.trouble:
            raise NotFoundError(
                f"{path}: {'no such file' if contents is None else contents.trouble}"
            )
        embedding = contents.embedding
        return self._near(self._asked(lambda: self._vectors().nearest_to(embedding, count)))

    def _near(self, found: Sequence[tuple[int, float]]) -> Sequence[Near]:
        near = []
        for other, distance in found:
            with suppress(NotFoundError):  # gone meanwhile
                near.append(Near(sound=self.sound(other), distance=distance))
        return near

    def family(self, number: int) -> Family:
        """See ``domain.library.Sounds``."""
        numbers, links = find_family(self._rows, self.sound(number).number)
        sounds = []
        for one in numbers:
            with suppress(NotFoundError):  # gone since, or no sound that can be used
                sounds.append(self.sound(one))
        known = {sound.number for sound in sounds}
        kept = tuple(link for link in links if known.issuperset(link))
        return Family(sounds=tuple(sounds), links=kept)

    def places(self) -> Sequence[Place]:
        """See ``domain.library.Sounds``."""
        from oneshot_server.library.embeddings import plane

        numbers, matrix = self._asked(lambda: self._vectors().all())
        kinds = dict(self._rows("SELECT number, kind FROM sounds"))
        return [
            Place(number=number, x=x, y=y, kind=kinds.get(number, ""))
            for number, (x, y) in zip(numbers.tolist(), plane(matrix).tolist(), strict=True)
        ]

    def kinds(self) -> dict[str, int]:
        """See ``domain.library.Sounds``."""
        rows = self._rows(
            "SELECT kind, count(*) FROM sounds WHERE trouble = '' GROUP BY kind ORDER BY kind"
        )
        return {str(kind): int(count) for kind, count in rows}

    def tags(self) -> dict[str, int]:
        """See ``domain.library.Sounds``."""
        counts: dict[str, int] = {}
        for text, count in self._rows(
            "SELECT tags, count(*) FROM sounds WHERE tags != '' GROUP BY tags"
        ):
            for tag in filter(None, str(text).split(TAG_END)):
                counts[tag] = counts.get(tag, 0) + int(count)
        return dict(sorted(counts.items()))

    def counts(self) -> Counts:
        """See ``domain.library.Sounds``."""
        ((rows, usable),) = self._rows(
            "SELECT (SELECT count(*) FROM sounds), (SELECT count(*) FROM sounds WHERE trouble = '')"
        )
        return Counts(sounds=usable, unusable=rows - usable)

    def count_regions(
        self, kind: str, *, seconds: tuple[float, float], brightness_hz: tuple[float, float]
    ) -> dict[tuple[int, int], int]:
        """How many sounds of a kind lie below, between and above two lengths and brightnesses.

        Returns:
            Counts by 0, 1 or 2 of each; what is empty is not there.
        """
        rows = self._rows(
            "SELECT (seconds >= ?) + (seconds >= ?), (brightness_hz >= ?) + (brightness_hz >= ?), "
            "count(*) FROM sounds WHERE trouble = '' AND kind = ? GROUP BY 1, 2",
            *seconds,
            *brightness_hz,
            kind,
        )
        return {(length, brightness): count for length, brightness, count in rows}

    def every(self, query: Query) -> Iterator[Sound]:
        """All sounds that a query asks for, whatever its limit."""
        offset = 0
        while page := self.search(replace(query, limit=MOST_SOUNDS, offset=offset)).sounds:
            yield from page
            offset += len(page)

    def statistics(self) -> dict[str, Any]:
        """Numbers for people, as JSON has them: of kinds, stars, tags, troubles."""
        ((seconds, size, rendered),) = self._rows(
            "SELECT total(seconds), coalesce(sum(size), 0), coalesce(sum(rendered), 0) "
            "FROM sounds WHERE trouble = ''"
        )
        counts = self.counts()
        return {
            "sounds": counts.sounds,
            "unusable": counts.unusable,
            "rendered": rendered,
            "seconds": seconds,
            "bytes": size,
            "kinds": self._rows(
                "SELECT kind, count(*), avg(seconds), avg(brightness_hz) FROM sounds "
                "WHERE trouble = '' GROUP BY kind ORDER BY count(*) DESC, kind"
            ),
            "stars": self._rows(
                "SELECT stars, count(*) FROM sounds WHERE trouble = '' AND stars > 0 "
                "GROUP BY stars ORDER BY stars DESC"
            ),
            "tags": self.tags(),
            "troubles": self._rows(
                "SELECT path, trouble FROM sounds WHERE trouble != '' ORDER BY path LIMIT 1000"
            ),
        }

    def compare(self) -> tuple[list[str], list[str]]:
        """See ``FolderIndexer.compare``."""
        return self._indexer.compare()

    def update(self, paths: Sequence[str], gone: Collection[str] = ()) -> LibraryChange:
        """See ``FolderIndexer.update``."""
        with self._changing:
            return self._noted(self._indexer.update(paths, gone))

    def rest(self) -> None:
        """Give back the memory that a large change took, and be ready for a small one."""
        with self._changing:
            self._reader.rest()

    def generation(self) -> int:
        """A number that changes when the index was lost and begun anew: compare, and update.

        Raises:
            ForbiddenError: a new one cannot be begun.
        """
        with suppress(IndexLostError):
            self._index.check_there()
        return self._index.generation

    def mark(
        self, path: str, *, stars: int | None = None, tags: Sequence[str] | None = None
    ) -> tuple[Sound, LibraryChange]:
        """See ``domain.library.Library``; returns what it changed, too."""
        relative = self._relative(path)
        return self._asked(lambda: self._mark(relative, stars, tags))

    def _mark(
        self, relative: str, stars: int | None, tags: Sequence[str] | None
    ) -> tuple[Sound, LibraryChange]:
        with self._changing:
            sound = self._current(relative)
            mark = Mark(
                stars=sound.stars if stars is None else stars,
                tags=sound.tags if tags is None else tuple(tags),
            )
            if sound.rendered:
                try:
                    mark_render(self.samples / relative, mark, self.samples)
                except MetadataError as error:
                    raise BadArgumentsError(str(error)) from None
                change = self._indexer.update([relative])
            else:
                mark_foreign(self.samples, sound.content, relative, mark)
                change = self._set_mark(sound.content, mark)
            return self.sound_at(relative), self._noted(change)

    def count_play(self, path: str) -> tuple[Sound, LibraryChange]:
        """See ``domain.library.Library.played``; returns what it changed, too."""
        relative = self._relative(path)
        return self._asked(lambda: self._count_play(relative))

    def _count_play(self, relative: str) -> tuple[Sound, LibraryChange]:
        with self._changing:
            content = self._current(relative).content
            count = self._plays.add(content)
            with self._index.writing() as connection:
                connection.execute(
                    "UPDATE sounds SET plays = ? WHERE content = ?", (count, content)
                )
            return self.sound_at(relative), LibraryChange(now=self._some("content = ?", content))

    def _current(self, path: str) -> Sound:
        """The sound of a file as it is now, also if the index does not know it yet."""
        self._noted(self._indexer.update([path]))
        return self.sound_at(path)

    def _set_mark(self, content: str, mark: Mark) -> LibraryChange:
        """Write the mark of a foreign file to the rows of all its copies."""
        with self._index.writing() as connection:
            rows = connection.execute(
                "UPDATE sounds SET stars = ?, tags = ? WHERE content = ? AND NOT rendered "
                "RETURNING number",
                (mark.stars, tags_to_text(mark.tags), content),
            ).fetchall()
            for (number,) in rows:
                write_words(connection, number)
        return LibraryChange(now=self._some("content = ? AND NOT rendered", content))

    def _noted(self, change: LibraryChange) -> LibraryChange:
        if self._embeddings is not None:
            self._embeddings.changed([*(sound.number for sound in change.now), *change.gone])
        return change

    def _relative(self, path: str) -> str:
        """A path from outside as the index has it.

        Raises:
            ForbiddenError: it leads outside of the samples folder.
            NotFoundError: it is no sound's.
        """
        asked = Path(path)
        with suppress(ValueError):
            asked = asked.relative_to(self.samples)
        if asked.is_absolute():
            with suppress(ValueError, OSError):
                asked = asked.relative_to(self.samples.resolve())
        relative = asked.as_posix()
        if asked.is_absolute() or asked.drive or ".." in asked.parts or "\0" in path:
            raise ForbiddenError(f"{path[:200]!r} is not in {self.samples}")
        if not is_sound_path(relative):
            raise NotFoundError(f"{path[:200]!r} is no sound of the library")
        if not is_inside(relative, self.samples) or (self.samples / asked).is_symlink():
            raise ForbiddenError(f"{path[:200]!r} is a link, expected a file in {self.samples}")
        return relative

    def _one(self, condition: str, value: object, missing: str) -> Sound:
        found = self._some(condition, value)
        if not found:
            raise NotFoundError(missing)
        return found[0]

    def _some(self, condition: str, value: object) -> tuple[Sound, ...]:
        return rows_to_sounds(self._rows(f"{SELECT} WHERE trouble = '' AND {condition}", value))

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        def ask() -> list[tuple[Any, ...]]:
            with self._index.reading() as connection:
                return connection.execute(statement, values).fetchall()

        return self._asked(ask)

    def _asked(self, ask: Callable[[], _Result]) -> _Result:
        """Ask; of an index that was lost only what is in the new one, which may be nothing yet."""
        try:
            return ask()
        except IndexLostError:
            return ask()

    def _vectors(self) -> "Embeddings":
        from oneshot_server.library.embeddings import Embeddings

        if self._embeddings is None:
            self._embeddings = Embeddings(self._index)
        return self._embeddings
