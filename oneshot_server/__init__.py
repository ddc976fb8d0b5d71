"""A background daemon that paints one-shot sounds and plays them into a samples folder."""

__version__ = "0.1.0"
