"""The samples folder and its index as one thing: ask, mark, bring up to date. Blocks."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Protocol

from oneshot_server.domain.library import LibraryChange, Mark, Near, Sound
from oneshot_server.errors import BadArgumentsError, MetadataError, NotFoundError
from oneshot_server.library.analysts import Analysts
from oneshot_server.library.folder_indexer import FolderIndexer
from oneshot_server.library.index_changes import Revision, changes_since, revision_of
from oneshot_server.library.marks import mark_foreign, mark_render
from oneshot_server.library.play_counts import PlayCounts
from oneshot_server.library.sound_contents import Contents
from oneshot_server.library.sound_index import IndexLostError, SoundIndex
from oneshot_server.library.sound_paths import relative_path
from oneshot_server.library.sound_questions import SoundQuestions


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


class SoundLibrary(SoundQuestions):
    """Answers any number of threads, and makes one change at a time.

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
        super().__init__(SoundIndex(index, samples), samples)
        self._plays = PlayCounts(database)
        self._reader = reader or Analysts(samples)
        self._indexer = FolderIndexer(self._index, samples, self._reader.read, self._plays)
        self._changing = Lock()

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

    def compare(self) -> tuple[list[str], list[str]]:
        """See ``FolderIndexer.compare``."""
        return self._indexer.compare()

    def update(self, paths: Sequence[str], gone: Collection[str] = ()) -> None:
        """See ``FolderIndexer.update``."""
        with self._changing:
            self._indexer.update(paths, gone)

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

    def revision(self) -> Revision:
        """The moment that the index is at."""

        def ask() -> Revision:
            with self._index.reading() as connection:
                return revision_of(connection)

        return self._asked(ask)

    def changes_since(self, seen: Revision) -> tuple[LibraryChange, Revision]:
        """What has been written since a moment, by this process or another; ask until it stays.

        Raises:
            ForbiddenError: the index cannot be read.
        """

        def ask() -> tuple[LibraryChange, Revision]:
            with self._index.reading() as connection:
                return changes_since(connection, seen)

        return self._asked(ask)

    def mark(
        self, path: str, *, stars: int | None = None, tags: Sequence[str] | None = None
    ) -> Sound:
        """See ``domain.library.Library``."""

        def mark(sound: Sound) -> None:
            wanted = Mark(
                stars=sound.stars if stars is None else stars,
                tags=sound.tags if tags is None else tuple(tags),
            )
            if sound.rendered:
                try:
                    mark_render(self.samples / sound.path, wanted, self.samples)
                except MetadataError as error:
                    raise BadArgumentsError(str(error)) from None
                self._indexer.update([sound.path])
            else:
                mark_foreign(self.samples, sound.content, sound.path, wanted)
                with self._index.writing() as writer:
                    writer.mark_foreign(sound.content, stars=wanted.stars, tags=wanted.tags)

        return self._changed(path, mark)

    def count_play(self, path: str) -> Sound:
        """See ``domain.library.Library.played``."""

        def count(sound: Sound) -> None:
            with self._index.writing() as writer:
                writer.count_plays(sound.content, self._plays.add(sound.content))

        return self._changed(path, count)

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
        return self.similar_to(contents.embedding, count)

    def _changed(self, path: str, change: Callable[[Sound], None]) -> Sound:
        """Change a sound as its file is now, also if the index does not know it yet.

        Returns:
            The sound after it.
        """
        relative = relative_path(path, self.samples)

        def act() -> Sound:
            with self._changing:
                self._indexer.update([relative])
                change(self.sound_at(relative))
                return self.sound_at(relative)

        return self._asked(act)
