"""The LoRAs: trained here, in ``loras/NAME/v3/``, or another tool's, ``loras/NAME.safetensors``.

Which version ``NAME`` alone means is in ``loras/NAME/live``. Nothing here deletes a version.
"""

import re
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from oneshot_server.domain.lora_card import LoraCard
from oneshot_server.errors import (
    BadArgumentsError,
    DiskFullError,
    ForbiddenError,
    ModelError,
    NotFoundError,
)
from oneshot_server.library.atomic_file import is_disk_full, write_atomically
from oneshot_server.library.named_folders import find_folder, visible_folders

ADAPTER_FILE: Final = "adapter.safetensors"
CARD_FILE: Final = "oneshot.json"
LIVE_FILE: Final = "live"
WORK_FOLDER: Final = ".work"
STAGING_FOLDER: Final = ".staging"
OTHERS_SUFFIX: Final = ".safetensors"
OTHERS_VERSION: Final = 1
"""Another tool's file has no versions; it is named as if it were the first."""

_VERSION: Final = re.compile(r"v([1-9][0-9]{0,8})")
# What ``lora = "name@3:0.8,other"`` gives a meaning.
_UNSAYABLE: Final = re.compile(r"[,:/\\\x00-\x1f]|@[0-9]+$|^\s|\s$|^\.|^$")


class LoraStore:
    """A folder of LoRAs; the daemon, the engine and the command line may share one.

    Args:
        root: where; made when it is first needed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """Every LoRA, sorted; one that was never finished is none."""
        trained = {folder.name for folder in visible_folders(self.root) if _numbers(folder)}
        return sorted(trained | self._others().keys())

    def versions(self, name: str) -> list[LoraCard]:
        """What is known of each version, oldest first; empty for another tool's file.

        One whose ``oneshot.json`` is damaged is left out.
        """
        folder = find_folder(self.root, name)
        cards = []
        for number in _numbers(folder) if folder else []:
            with suppress(ModelError, NotFoundError):
                cards.append(_read_card(self._version(name, number)))
        return cards

    def newest(self, name: str) -> LoraCard | None:
        """What is known of the version that was trained last; ``None`` if there is none."""
        cards = self.versions(name)
        return cards[-1] if cards else None

    def live_version(self, name: str) -> int | None:
        """The version that ``name`` alone means; ``None`` if no version is live."""
        folder = find_folder(self.root, name)
        if folder is not None and (numbers := _numbers(folder)):
            try:
                number = int((folder / LIVE_FILE).read_text(encoding="ascii"))
            except (OSError, ValueError):
                return None
            return number if number in numbers else None
        return OTHERS_VERSION if name in self._others() else None

    def make_live(self, name: str, version: int) -> None:
        """Let ``name`` alone mean this version.

        Raises:
            NotFoundError: no such LoRA or version.
            DiskFullError: no space left.
            ForbiddenError: the folder cannot be written.
        """
        adapter = self.adapter(name, version)
        if adapter.parent != self.root:  # another tool's file is always live
            write_atomically(adapter.parent.parent / LIVE_FILE, f"{version}\n".encode())

    def adapter(self, name: str, version: int) -> Path:
        """The weights' file.

        Raises:
            NotFoundError: no such LoRA or version; the text says which there are.
        """
        folder = find_folder(self.root, name)
        numbers = _numbers(folder) if folder else []
        others = self._others()
        if not numbers and name in others:
            if version == OTHERS_VERSION:
                return others[name]
            numbers = [OTHERS_VERSION]
        if not numbers:
            known = ", ".join(self.names()) or "there is none yet"
            raise NotFoundError(f'no LoRA is named "{name[:80]}", expected one of: {known}')
        if folder is None or version not in numbers:
            known = ", ".join(map(str, numbers))
            raise NotFoundError(
                f'the LoRA "{name[:80]}" has no version {version}, expected one of: {known}'
            )
        return folder / f"v{version}" / ADAPTER_FILE

    def card(self, name: str, version: int) -> LoraCard | None:
        """What is known of a version; ``None`` for another tool's file.

        Raises:
            NotFoundError: no such LoRA or version.
            ModelError: its ``oneshot.json`` is missing or damaged.
        """
        folder = self._version(name, version)
        return None if folder == self.root else _read_card(folder)

    def work(self, name: str) -> Path:
        """Folder of an unfinished training: latents, checkpoint. It need not be there yet.

        Raises:
            BadArgumentsError: the name cannot be said in ``lora = "name:0.8,other:0.3"``.
        """
        return self._home(name) / WORK_FOLDER

    def staging(self, name: str) -> Path:
        """Empty folder for the files of a version that comes to be; ``publish`` takes it.

        Raises:
            BadArgumentsError: the name cannot be said in ``lora = "name:0.8,other:0.3"``.
            DiskFullError: no space left.
            ForbiddenError: it cannot be made.
        """
        folder = self._home(name) / STAGING_FOLDER
        try:
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
        except OSError as error:
            raise _explained(folder, error) from error
        return folder

    def publish(self, name: str, staged: Path, card: LoraCard) -> LoraCard:
        """Make a version of a staged folder, all of it at once; it is not live by that.

        Args:
            name: of the LoRA.
            staged: from ``staging``, with the weights in it.
            card: what is known of it; its version is chosen here.

        Returns:
            The card with its version.

        Raises:
            NotFoundError: the weights are not there.
            DiskFullError: no space left.
            ForbiddenError: the folder cannot be written.
        """
        home = self._home(name)
        if not (staged / ADAPTER_FILE).is_file():
            raise NotFoundError(f"{staged / ADAPTER_FILE} is missing, expected the LoRA's weights")
        while True:
            version = max(_numbers(home), default=0) + 1
            card = replace(card, name=name, version=version)
            write_atomically(staged / CARD_FILE, _encode(card))
            try:
                staged.rename(home / f"v{version}")
            except OSError as error:
                if (home / f"v{version}").exists():  # another process was a moment earlier
                    continue
                raise _explained(home, error) from error
            return card

    def _home(self, name: str) -> Path:
        if _UNSAYABLE.search(name):
            raise BadArgumentsError(
                f'"{name[:80]}" cannot be the name of a LoRA, for ",", ":" and "@" with a '
                'number mean something in lora="name@2:0.8,other:0.3": rename the folder'
            )
        return find_folder(self.root, name) or self.root / name

    def _version(self, name: str, version: int) -> Path:
        return self.adapter(name, version).parent

    def _others(self) -> dict[str, Path]:
        """Files of other tools, by name."""
        try:
            return {
                path.stem: path
                for path in self.root.iterdir()
                if path.suffix == OTHERS_SUFFIX
                and not _UNSAYABLE.search(path.stem)
                and path.is_file()
            }
        except OSError:
            return {}


def _numbers(folder: Path) -> list[int]:
    """The versions in a LoRA's folder, oldest first."""
    try:
        return sorted(
            int(match[1])
            for path in folder.iterdir()
            if (match := _VERSION.fullmatch(path.name)) and (path / ADAPTER_FILE).is_file()
        )
    except OSError:
        return []


def _encode(card: LoraCard) -> bytes:
    return msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n"


def _read_card(folder: Path) -> LoraCard:
    path = folder / CARD_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=LoraCard)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ModelError(f"{path} cannot be read: {why}") from None


def _explained(folder: Path, error: OSError) -> DiskFullError | ForbiddenError:
    if is_disk_full(error):
        return DiskFullError(f"no space left in {folder}")
    return ForbiddenError(f"{folder} cannot be written: {error.strerror or error}")
