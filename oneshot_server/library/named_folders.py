"""Folders that clients name: datasets and LoRAs. A name is compared, never made part of a path."""

import os
import unicodedata
from pathlib import Path


def visible_folders(root: Path) -> list[Path]:
    """Sub-folders of a folder, sorted by name, without hidden ones and links that lead outside."""
    try:
        with os.scandir(root) as entries:
            found = [Path(entry) for entry in entries if _is_visible_folder(entry, root)]
    except OSError:  # not there, or not for us: whoever asks sees that nothing is in it
        return []
    return sorted(found)


def find_folder(root: Path, name: str) -> Path | None:
    """The visible sub-folder of that name.

    A name is the same however its accents are stored: macOS writes them apart.
    """
    wanted = unicodedata.normalize("NFC", name)
    for folder in visible_folders(root):
        if unicodedata.normalize("NFC", folder.name) == wanted:
            return folder
    return None


def _is_visible_folder(entry: "os.DirEntry[str]", root: Path) -> bool:
    if entry.name.startswith(".") or not entry.is_dir():
        return False
    return not entry.is_symlink() or Path(entry).resolve().is_relative_to(root.resolve())
