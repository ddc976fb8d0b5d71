"""What the queue needs of the samples folder."""

from pathlib import Path
from typing import Protocol


class Publisher(Protocol):
    """Where sounds go; ``library.samples_folder.SamplesFolder`` is one."""

    folder: Path

    def name_for(self, prompt: str, seed: int) -> str:
        """An unused file name."""
        ...

    def publish(self, wav: bytes, name: str) -> Path:
        """Write the file whole; raises DiskFullError or ForbiddenError."""
        ...

    def release(self, name: str) -> None:
        """Give back a name that will not be used."""
        ...
