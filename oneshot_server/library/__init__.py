"""The samples folder, WAV metadata, the SQLite database. All writes are atomic; no torch."""
