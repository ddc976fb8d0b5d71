"""The folder that the DAW's browser shows: whole files under new names, and nothing else."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from oneshot_server.domain.sound_name import DEFAULT_TEMPLATE
from oneshot_server.errors import DiskFullError, ForbiddenError, NotFoundError, OneshotError
from oneshot_server.library.atomic_file import is_disk_full
from oneshot_server.library.file_names import check_file_name, numbered, prompt_to_name
from oneshot_server.library.rename_new import rename_new

PART_PREFIX: Final = ".oneshot-"
PART_SUFFIX: Final = ".part"
TRIES: Final = 3


class SamplesFolder:
    """Publishes sounds. Threads may share one.

    Args:
        folder: where; made when it is first needed, if its parent is there.
        template: what names are made by, see ``file_names.prompt_to_name``.
    """

    def __init__(self, folder: Path, template: str = DEFAULT_TEMPLATE) -> None:
        self.folder = folder
        self._template = template
        self._reserved: set[str] = set()  # case folded, as Windows and macOS compare names
        self._lock = Lock()

    def name_for(self, prompt: str, seed: int) -> str:
        """A name that no file has and that was not handed out; keep it with ``publish``."""
        with self._lock:
            name = next(self._unused(f"{prompt_to_name(self._template, prompt, seed)}.wav"))
            self._reserved.add(name.casefold())
        return name

    def release(self, name: str) -> None:
        """Give back a name from ``name_for`` that will not be published."""
        with self._lock:
            self._reserved.discard(name.casefold())

    def publish(self, wav: bytes, name: str, *, synced: bool = True) -> Path:
        """Put a file into the folder, all of it at once.

        Args:
            wav: the whole file.
            name: from ``name_for``; if somebody took it meanwhile, the file gets the next free one.
            synced: whether it survives a power cut when this returns; else after ``sync``.

        Returns:
            Where the file is.

        Raises:
            DiskFullError: no space left.
            ForbiddenError: the folder cannot be written, or the name is a path.
        """
        check_file_name(name)
        try:
            return self._publish(wav, name, synced=synced)
        except OSError as error:
            raise explained(error, self.folder) from error
        finally:
            self.release(name)

    def adopt(self, file: Path, name: str) -> Path:
        """Publish a file of this file system that is whole and safe already, by its rename alone.

        Args:
            file: it is there no longer when this returns.
            name: as for ``publish``.

        Returns:
            Where the file is; after ``sync`` it is there even after a power cut.

        Raises:
            NotFoundError: there is no such file.
            DiskFullError: no space left.
            ForbiddenError: the folder cannot be written, or the name is a path.
        """
        check_file_name(name)
        try:
            os.utime(file)  # a browser that sorts by time shows when it was played
            return self._rename(file, name)
        except FileNotFoundError:
            raise NotFoundError(f"{file} is gone") from None
        except OSError as error:
            raise explained(error, self.folder) from error
        finally:
            self.release(name)

    def sync(self, path: Path | None = None) -> None:
        """Let what was published survive a power cut: the file, if it is not safe yet, its name."""
        with suppress(OSError):
            if path is not None:
                _sync(path)
            if os.name == "posix":  # elsewhere folders cannot be synced
                _sync(self.folder)

    def check(self) -> None:
        """Make sure that sounds can be published.

        Raises:
            DiskFullError: no space left.
            ForbiddenError: the folder cannot be made or written.
        """
        try:
            self._write_part(b"RIFF").unlink()
        except OSError as error:
            raise explained(error, self.folder) from error

    def sweep(self) -> None:
        """Remove what a killed process left half written.

        A part file of a process that lives is no loss: ``publish`` writes it again.
        """
        with suppress(OSError):
            for part in self.folder.glob(f"{PART_PREFIX}*{PART_SUFFIX}"):
                with suppress(OSError):
                    part.unlink()

    def _publish(self, wav: bytes, name: str, *, synced: bool) -> Path:
        for attempt in range(TRIES):
            part = self._write_part(wav, synced=synced)
            try:
                path = self._rename(part, name)
            except FileNotFoundError:  # part or folder were swept away meanwhile
                if attempt == TRIES - 1:
                    raise
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            else:
                if synced:
                    self.sync()
                return path
        raise AssertionError("the last attempt returns or raises")

    def _rename(self, file: Path, name: str) -> Path:
        with self._lock:
            self._reserved.discard(name.casefold())
            for candidate in self._unused(name):
                path = self.folder / candidate
                with suppress(FileExistsError):  # another program was a moment earlier
                    rename_new(file, path)
                    return path
        raise AssertionError("there is always one more name")

    def _write_part(self, content: bytes, *, synced: bool = True) -> Path:
        self.folder.mkdir(exist_ok=True)
        part = self.folder / f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"
        try:
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                if synced:
                    os.fsync(file.fileno())
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return part

    def _unused(self, name: str) -> Iterator[str]:
        """Names like this one that nobody has, as far as it shows."""
        for candidate in numbered(name):
            reserved = candidate.casefold() in self._reserved
            if not reserved and not os.path.lexists(self.folder / candidate):
                yield candidate


def explained(error: OSError, folder: Path) -> OneshotError:
    """What went wrong in a folder of sounds, and what to do."""
    if is_disk_full(error):
        return DiskFullError(f"no space left for {folder}: free some and try again")
    advice = {
        errno.EROFS: "it is on a disk that can only be read",
        errno.ENOENT: "the folder that it should be in is not there; is a drive unplugged?",
        errno.ENOTDIR: "a file is where a folder should be",
        errno.EEXIST: "a file is where a folder should be",
    }.get(error.errno or 0, error.strerror or str(error))
    return ForbiddenError(
        f"{folder} cannot be written: {advice}. "
        "Mend that, or choose another with samples.folder in config.toml"
    )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
