"""The tables of ``sounds.db``."""

from typing import Final

VERSION: Final = 3

SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS about (
    samples TEXT NOT NULL, identity TEXT NOT NULL, revision INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS sounds (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    size INTEGER NOT NULL,
    changed_ns INTEGER NOT NULL,
    entry_changed_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    trouble TEXT NOT NULL,
    content TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    seconds REAL NOT NULL,
    level_db REAL NOT NULL,
    brightness_hz REAL NOT NULL,
    stars INTEGER NOT NULL,
    tags TEXT NOT NULL,
    plays INTEGER NOT NULL,
    rendered INTEGER NOT NULL,
    prompt TEXT NOT NULL,
    caption TEXT NOT NULL,
    seed INTEGER,
    model TEXT NOT NULL,
    parent TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_revision ON sounds (revision);
CREATE INDEX IF NOT EXISTS by_content ON sounds (content);
CREATE INDEX IF NOT EXISTS by_inode ON sounds (inode);
CREATE INDEX IF NOT EXISTS by_time ON sounds (changed_ns, number) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS by_kind ON sounds (kind, changed_ns) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS by_kind_seconds ON sounds (kind, seconds) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS by_kind_brightness ON sounds (kind, brightness_hz) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS by_stars ON sounds (stars, changed_ns) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS by_seconds ON sounds (seconds) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS by_brightness ON sounds (brightness_hz) WHERE trouble = '';
CREATE INDEX IF NOT EXISTS with_tags ON sounds (tags) WHERE tags != '';
CREATE TABLE IF NOT EXISTS gone (number INTEGER PRIMARY KEY, revision INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS gone_by_revision ON gone (revision);
CREATE TABLE IF NOT EXISTS parents (
    child INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY (child, content)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_parent ON parents (content);
CREATE TABLE IF NOT EXISTS recipes (number INTEGER PRIMARY KEY, recipe TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS embeddings (number INTEGER PRIMARY KEY, embedding BLOB NOT NULL);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (text, prefix = '2 3');
PRAGMA user_version = {VERSION};
"""
"""``revision`` is that of the transaction that wrote a row last; ``about`` has the last one of all.
What another process has written is found by it. Numbers of rows that are gone are remembered."""
