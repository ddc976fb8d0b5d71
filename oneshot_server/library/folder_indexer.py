"""Brings the index up to what is in the samples folder. Blocks; the daemon does it in a thread."""

import os
import stat
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from oneshot_server.errors import ForbiddenError
from oneshot_server.library.index_comparison import (
    Known,
    differences,
    known_at,
    known_by_content,
    known_by_inode,
)
from oneshot_server.library.play_counts import PlayCounts
from oneshot_server.library.sound_contents import Contents, Stamp, stamp_of
from oneshot_server.library.sound_index import SoundIndex
from oneshot_server.library.sound_paths import is_inside, is_sound_path, walk

Read = Callable[[Sequence[str]], Iterable[Sequence[tuple[str, Contents | None]]]]


@dataclass(kw_only=True)
class _Work:
    """What an update does to the index.

    Attributes:
        moves: rows that get another path.
        puts: what was read, by path.
        gone: rows whose file is gone.
    """

    moves: list[tuple[Known, str, Stamp]] = field(default_factory=list)
    puts: dict[str, Contents] = field(default_factory=dict)
    gone: list[Known] = field(default_factory=list)


class FolderIndexer:
    """Compares folder and index, and mends the index.

    Args:
        index: to be mended.
        samples: the folder.
        read: reads files, by paths relative to the folder.
        plays: knows how often each was played.
    """

    def __init__(self, index: SoundIndex, samples: Path, read: Read, plays: PlayCounts) -> None:
        self._index = index
        self._samples = samples
        self._read = read
        self._plays = plays

    def compare(self) -> tuple[list[str], list[str]]:
        """Look at all names and times in the folder; no file is opened.

        Returns:
            Paths to give to ``update``: of files that are new or changed, and of those gone.

        Raises:
            ForbiddenError: the folder cannot be read: a drive is unplugged, and nothing is gone.
            IndexLostError: the index was deleted meanwhile; compare again.
        """
        try:
            with os.scandir(self._samples):
                pass
        except OSError as error:
            raise ForbiddenError(f"{self._samples} cannot be read: {error.strerror}") from None
        with self._index.reading_beside() as connection:
            return differences(connection, walk(self._samples))

    def update(self, paths: Sequence[str], gone: Collection[str] = ()) -> None:
        """Look at some files and write down what became of them.

        A file that is new in one place and missing in another was moved: its row moves along.

        Args:
            paths: relative; what is there no longer, or is no sound's path, is taken for gone.
            gone: paths that are said to be gone; one that is there is left to who says so.

        Raises:
            IndexLostError: the index was deleted meanwhile: all must be compared again.
            DiskFullError: no space left.
            ForbiddenError: the index cannot be written.
        """
        stamps = self._stamps(paths)
        gone = {path for path in gone if self._is_missing(path)}
        gone |= {path for path, stamp in stamps.items() if stamp is None}
        with self._index.reading() as connection:
            known = known_at(connection, [*stamps, *gone])
        work = _Work(gone=[known[path] for path in gone if path in known])
        fresh = {
            path: stamp
            for path, stamp in stamps.items()
            if stamp is not None and (path not in known or known[path].stamp != stamp)
        }
        self._find_renamed(fresh, known, work)
        moved = self._write(work)
        wanted = [path for path in fresh if path not in moved]
        for read in self._read(wanted) if wanted else ():
            work = _Work()
            for path, contents in read:
                if contents is not None:
                    work.puts[path] = contents
                elif path in known:
                    work.gone.append(known[path])
            self._find_moved(known, work)
            self._write(work)

    def _find_renamed(
        self,
        fresh: dict[str, Stamp],
        known: dict[str, Known],
        work: _Work,
    ) -> None:
        """Files that kept number, size and time on the disk need not be read again."""
        inodes = {s.inode: path for path, s in fresh.items() if path not in known and s.inode}
        with self._index.reading() as connection:
            rows = known_by_inode(connection, inodes)
        for row in rows:
            path = inodes.get(row.stamp.inode)
            if path is None or not self._has_left(row.path, path):
                continue
            stamp = fresh[path]
            if (stamp.size, stamp.changed_ns) == (row.stamp.size, row.stamp.changed_ns):
                work.moves.append((row, path, stamp))
                del inodes[row.stamp.inode]

    def _find_moved(self, known: dict[str, Known], work: _Work) -> None:
        """The same audio is new here and missing there: copied to another disk and deleted."""
        taken = {row.number for row, _, _ in work.moves}
        new = {path: c for path, c in work.puts.items() if path not in known and c.content}
        with self._index.reading() as connection:
            rows = known_by_content(connection, {contents.content for contents in new.values()})
        for path, contents in new.items():
            for row in rows[contents.content]:
                if row.number not in taken and self._has_left(row.path, path):
                    taken.add(row.number)
                    work.moves.append((row, path, contents.stamp))
                    break

    def _write(self, work: _Work) -> set[str]:
        """Write all of it or nothing; returns the paths that rows were moved to."""
        going = {row.number for row, _, _ in work.moves}
        gone = [row for row in work.gone if row.number not in going]
        if not (going or gone or work.puts):
            return set()
        plays = self._plays.of(contents.content for contents in work.puts.values())
        with self._index.writing() as writer:
            for row in gone:
                writer.remove(row)
            moved = {path for row, path, stamp in work.moves if writer.move(row, path, stamp)}
            for path, contents in work.puts.items():
                writer.put(path, contents, plays=plays.get(contents.content, 0))
        return moved

    def _has_left(self, path: str, other: str) -> bool:
        """Whether no file is at a path any more, where another path's may be the same file."""
        if not os.path.lexists(self._samples / path):
            return True
        return _folded(path) == _folded(other) and self._is_missing(path)

    def _is_missing(self, path: str) -> bool:
        if not os.path.lexists(self._samples / path):
            return True
        # Where case is folded, Kick.wav is found by the name of kick.wav, too.
        folder = self._samples
        try:
            for part in path.split("/"):
                if part not in os.listdir(folder):  # noqa: PTH208 - names alone
                    return True
                folder /= part
        except OSError:
            return True
        return False

    def _stamps(self, paths: Iterable[str]) -> dict[str, Stamp | None]:
        """Of files that may be in the index; ``None`` where there is none."""
        inside: dict[str, bool] = {}  # by folder: of a scan, many files are in one
        stamps: dict[str, Stamp | None] = {}
        for path in paths:
            stamps[path] = None
            if not is_sound_path(path):
                continue
            folder = path.rpartition("/")[0]
            if folder not in inside:
                inside[folder] = is_inside(path, self._samples)
            with suppress(OSError, ValueError):
                status = os.lstat(f"{self._samples}/{path}")
                if stat.S_ISREG(status.st_mode) and inside[folder]:
                    stamps[path] = stamp_of(status)
        return stamps


def _folded(path: str) -> str:
    """A path as file systems compare it that know neither case nor how accents are stored."""
    return unicodedata.normalize("NFC", path).casefold()
