"""The folder that the DAW's browser shows: whole files under new names, and nothing else."""

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from oneshot_server.errors import DiskFullError, ForbiddenError, OneshotError
from oneshot_server.library.file_names import check_file_name, numbered, prompt_to_words

PART_PREFIX: Final = ".oneshot-"
PART_SUFFIX: Final = ".part"
TRIES: Final = 3
_FULL: Final = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


class SamplesFolder:
    """Publishes sounds. Threads may share one.

    Args:
        folder: where; made when it is first needed, if its parent is there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._reserved: set[str] = set()  # case folded, as Windows and macOS compare names
        self._lock = Lock()

    def name_for(self, prompt: str, seed: int) -> str:
        """A name that no file has and that was not handed out; keep it with ``publish``."""
        with self._lock:
            name = self._unused(f"{prompt_to_words(prompt)}_{seed}.wav")
            self._reserved.add(name.casefold())
        return name

    def release(self, name: str) -> None:
        """Give back a name from ``name_for`` that will not be published."""
        with self._lock:
            self._reserved.discard(name.casefold())

    def publish(self, wav: bytes, name: str) -> Path:
        """Put a file into the folder, all of it at once.

        Args:
            wav: the whole file.
            name: from ``name_for``; if somebody took it meanwhile, the file gets the next free one.

        Returns:
            Where the file is.

        Raises:
            DiskFullError: no space left.
            ForbiddenError: the folder cannot be written, or the name is a path.
        """
        check_file_name(name)
        try:
            return self._publish(wav, name)
        except OSError as error:
            raise self._explained(error) from error
        finally:
            self.release(name)

    def check(self) -> None:
        """Make sure that sounds can be published.

        Raises:
            DiskFullError: no space left.
            ForbiddenError: the folder cannot be made or written.
        """
        try:
            self._write_part(b"RIFF").unlink()
        except OSError as error:
            raise self._explained(error) from error

    def sweep(self) -> None:
        """Remove what a killed process left half written.

        A part file of a process that lives is no loss: ``publish`` writes it again.
        """
        with suppress(OSError):
            for part in self.folder.glob(f"{PART_PREFIX}*{PART_SUFFIX}"):
                with suppress(OSError):
                    part.unlink()

    def _publish(self, wav: bytes, name: str) -> Path:
        for attempt in range(TRIES):
            part = self._write_part(wav)
            try:
                with self._lock:
                    self._reserved.discard(name.casefold())
                    path = self.folder / self._unused(name)
                    os.replace(part, path)  # noqa: PTH105 - named as the rule that it follows
            except FileNotFoundError:  # part or folder were swept away meanwhile
                if attempt == TRIES - 1:
                    raise
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            else:
                self._sync_folder()
                return path
        raise AssertionError("the last attempt returns or raises")

    def _write_part(self, content: bytes) -> Path:
        self.folder.mkdir(exist_ok=True)
        part = self.folder / f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}"
        try:
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return part

    def _sync_folder(self) -> None:
        """Let the new name survive a power cut too, where folders can be synced."""
        if os.name != "posix":
            return
        with suppress(OSError):
            descriptor = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _unused(self, name: str) -> str:
        return next(
            candidate
            for candidate in numbered(name)
            if candidate.casefold() not in self._reserved
            and not os.path.lexists(self.folder / candidate)
        )

    def _explained(self, error: OSError) -> OneshotError:
        if error.errno in _FULL:
            return DiskFullError(f"no space left for {self.folder}: free some and try again")
        advice = {
            errno.EROFS: "it is on a disk that can only be read",
            errno.ENOENT: "the folder that it should be in is not there; is a drive unplugged?",
            errno.ENOTDIR: "a file is where a folder should be",
            errno.EEXIST: "a file is where a folder should be",
        }.get(error.errno or 0, error.strerror or str(error))
        return ForbiddenError(
            f"{self.folder} cannot be written: {advice}. "
            "Mend that, or choose another with samples.folder in config.toml"
        )
