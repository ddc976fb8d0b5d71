import hashlib
import os
import time

import pytest

from oneshot_server.library import hash_cache
from oneshot_server.library.hash_cache import hash_file


@pytest.fixture
def hashed(monkeypatch):
    """Files that were read."""
    read = []
    real = hash_cache._hash
    monkeypatch.setattr(hash_cache, "_hash", lambda path: read.append(path.name) or real(path))
    return read


@pytest.fixture
def old(monkeypatch):
    """Let every file be older than a tick of the clock."""
    now = time.time()
    monkeypatch.setattr(hash_cache.time, "time", lambda: now + 60)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_large_file_is_read_once(tmp_path, hashed, old):
    path, cache = tmp_path / "a", tmp_path / "cache" / "hashes.json"
    path.write_bytes(b"weights")
    for _ in range(3):
        assert hash_file(path, cache=cache, small_bytes=1) == sha(b"weights")
    assert hashed == ["a"]


def test_a_small_file_is_always_read(tmp_path, hashed, old):
    path = tmp_path / "a"
    path.write_bytes(b"weights")
    for _ in range(2):
        hash_file(path, cache=tmp_path / "cache", small_bytes=8)
    assert hashed == ["a", "a"]
    assert not (tmp_path / "cache").exists()


def test_a_change_is_seen_though_size_and_time_are_set_back(tmp_path, hashed, old):
    path, cache = tmp_path / "a", tmp_path / "cache"
    path.write_bytes(b"weights")
    before = path.stat()
    hash_file(path, cache=cache, small_bytes=1)
    path.write_bytes(b"WEIGHTS")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert hash_file(path, cache=cache, small_bytes=1) == sha(b"WEIGHTS")


def test_another_file_in_its_place_is_seen(tmp_path, hashed, old):
    path, cache = tmp_path / "a", tmp_path / "cache"
    path.write_bytes(b"weights")
    hash_file(path, cache=cache, small_bytes=1)
    (tmp_path / "b").write_bytes(b"WEIGHTS")
    (tmp_path / "b").replace(path)
    assert hash_file(path, cache=cache, small_bytes=1) == sha(b"WEIGHTS")


def test_a_file_that_has_just_been_written_is_not_remembered(tmp_path, hashed):
    path = tmp_path / "a"
    path.write_bytes(b"weights")
    hash_file(path, cache=tmp_path / "cache", small_bytes=1)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a": 1}', b"\xff"])
def test_a_broken_cache_costs_only_time(tmp_path, hashed, old, content):
    path, cache = tmp_path / "a", tmp_path / "cache"
    path.write_bytes(b"weights")
    cache.write_bytes(content)
    assert hash_file(path, cache=cache, small_bytes=1) == sha(b"weights")
    assert hash_file(path, cache=cache, small_bytes=1) == sha(b"weights")
    assert hashed == ["a"]


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, hashed, old):
    path = tmp_path / "a"
    path.write_bytes(b"weights")
    (tmp_path / "file").touch()
    assert hash_file(path, cache=tmp_path / "file" / "c", small_bytes=1) == sha(b"weights")
