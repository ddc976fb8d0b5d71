"""A background daemon that paints one-shot sounds and plays them into a samples folder."""

from typing import Final

__version__: Final = "0.1.0"
