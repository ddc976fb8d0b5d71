"""Brings the index up to what is in the samples folder. Blocks; the daemon does it in a thread."""

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from oneshot_server.domain.library import LibraryChange
from oneshot_server.errors import ForbiddenError
from oneshot_server.library.dataset_folder import SUFFIXES
from oneshot_server.library.play_counts import PlayCounts
from oneshot_server.library.sound_contents import Contents, Stamp, stamp_of
from oneshot_server.library.sound_index import (
    SELECT,
    Known,
    SoundIndex,
    move,
    put,
    remove,
    rows_to_sounds,
)

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
        return self._index.differences(walk(self._samples))

    def update(self, paths: Sequence[str], gone: Collection[str] = ()) -> LibraryChange:
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
        stamps = {path: self._stamp(path) for path in paths}
        gone = {path for path in gone if self._is_missing(path)}
        gone |= {path for path, stamp in stamps.items() if stamp is None}
        known = self._index.known_at([*stamps, *gone])
        work = _Work(gone=[known[path] for path in gone if path in known])
        fresh = {
            path: stamp
            for path, stamp in stamps.items()
            if stamp is not None and (path not in known or known[path].stamp != stamp)
        }
        self._find_renamed(fresh, known, work)
        wanted = [path for path in fresh if path not in {path for _, path, _ in work.moves}]
        changes = [self._write(work)]
        for read in self._read(wanted) if wanted else ():
            work = _Work()
            for path, contents in read:
                if contents is not None:
                    work.puts[path] = contents
                elif path in known:
                    work.gone.append(known[path])
            self._find_moved(known, work)
            changes.append(self._write(work))
        return LibraryChange(
            now=tuple(sound for change in changes for sound in change.now),
            gone=tuple(number for change in changes for number in change.gone),
        )

    def _find_renamed(
        self,
        fresh: dict[str, Stamp],
        known: dict[str, Known],
        work: _Work,
    ) -> None:
        """Files that kept number, size and time on the disk need not be read again."""
        inodes = {s.inode: path for path, s in fresh.items() if path not in known and s.inode}
        for row in self._index.known_by_inode(list(inodes)):
            path = inodes.get(row.stamp.inode)
            if path is None or not self._is_missing(row.path):
                continue
            stamp = fresh[path]
            if (stamp.size, stamp.changed_ns) == (row.stamp.size, row.stamp.changed_ns):
                work.moves.append((row, path, stamp))
                del inodes[row.stamp.inode]

    def _find_moved(self, known: dict[str, Known], work: _Work) -> None:
        """The same audio is new here and missing there: copied to another disk and deleted."""
        taken = {row.number for row, _, _ in work.moves}
        new = {path: c for path, c in work.puts.items() if path not in known and c.content}
        rows = self._index.known_by_content([contents.content for contents in new.values()])
        for path, contents in new.items():
            for row in rows[contents.content]:
                if row.number not in taken and self._is_missing(row.path):
                    taken.add(row.number)
                    work.moves.append((row, path, contents.stamp))
                    break

    def _write(self, work: _Work) -> LibraryChange:
        moved = {row.number for row, _, _ in work.moves}
        gone = [row.number for row in work.gone if row.number not in moved]
        if not (moved or gone or work.puts):
            return LibraryChange()
        plays = self._plays.of(contents.content for contents in work.puts.values())
        now = list(moved)
        with self._index.writing() as connection:
            for number in gone:
                remove(connection, number)
            for row, path, stamp in work.moves:
                move(connection, row.number, path, stamp)
            for path, contents in work.puts.items():
                now.append(put(connection, path, contents, plays=plays.get(contents.content, 0)))
            rows = [
                row
                for number in dict.fromkeys(now)
                for row in connection.execute(
                    f"{SELECT} WHERE number = ? AND trouble = ''", (number,)
                )
            ]
        return LibraryChange(now=rows_to_sounds(rows), gone=tuple(gone))

    def _is_missing(self, path: str) -> bool:
        file = self._samples / path
        if not os.path.lexists(file):
            return True
        try:  # where case is folded, Kick.wav is found by the name of kick.wav, too
            return file.name not in os.listdir(file.parent)  # noqa: PTH208 - names alone
        except OSError:
            return True

    def _stamp(self, path: str) -> Stamp | None:
        """Of a file that may be in the index; ``None`` if there is none."""
        if not is_sound_path(path):
            return None
        with suppress(OSError, ValueError):
            status = (self._samples / path).lstat()
            if stat.S_ISREG(status.st_mode) and is_inside(path, self._samples):
                return stamp_of(status)
        return None


def walk(samples: Path) -> Iterator[tuple[str, Stamp]]:
    """Every file that is named as a sound; hidden ones, links and what links lead to left out."""
    folders = [""]
    while folders:
        folder = folders.pop()
        # What cannot be read has nothing for us; it may be gone already.
        with suppress(OSError), os.scandir(samples / folder) as entries:
            for entry in entries:
                path = f"{folder}{entry.name}"
                with suppress(OSError):
                    if entry.name.startswith(".") or entry.is_symlink():
                        continue
                    if entry.is_dir():
                        folders.append(f"{path}/")
                    elif is_sound_path(path):
                        status = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode):
                            yield path, stamp_of(status)


def is_sound_path(path: str) -> bool:
    """Whether a relative path is that of a visible file with a sound's suffix."""
    parts = path.split("/")
    if any(part.startswith(".") or not part for part in parts):
        return False
    if os.path.splitext(path)[1].lower() not in SUFFIXES:  # noqa: PTH122 - 100,000 paths a scan
        return False
    try:  # names that are no text, which some file systems allow, cannot be told to anybody
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_inside(path: str, samples: Path) -> bool:
    """Whether no folder on the way from the samples folder to a relative path is a link."""
    folder = samples
    for part in PurePosixPath(path).parts[:-1]:
        folder /= part
        if folder.is_symlink():
            return False
    return True
