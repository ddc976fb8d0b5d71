"""A sound's hash: what is heard of a file, whatever its name and its metadata say."""

import hashlib
from collections.abc import Iterable
from typing import Any, BinaryIO, Final

from oneshot_server.errors import MetadataError
from oneshot_server.library.riff import DATA_CHUNK, FORMAT_CHUNK, Chunk, walk

AUDIO_CHUNKS: Final = (FORMAT_CHUNK, DATA_CHUNK)
BLOCK_BYTES: Final = 1024**2


def hash_audio(stream: BinaryIO) -> str:
    """SHA-256 of what is heard of a file, hexadecimal.

    Of a WAV only format and samples count, so that tags and ratings that are written into it later
    do not make it another sound. Of other files, and of a WAV whose chunks are broken, everything
    counts.

    Args:
        stream: of the file; read piece by piece from its beginning.

    Raises:
        OSError: it cannot be read.
    """
    try:
        return hash_chunks(stream, [*walk(stream)])
    except MetadataError:
        return hash_chunks(stream, [])


def hash_chunks(stream: BinaryIO, chunks: Iterable[Chunk]) -> str:
    """What ``hash_audio`` gives, of a file whose chunks are known; none if they are broken."""
    heard = [chunk for chunk in chunks if chunk.id in AUDIO_CHUNKS]
    digest = hashlib.sha256()
    if {chunk.id for chunk in heard} == set(AUDIO_CHUNKS):
        for chunk in heard:
            _feed(digest, stream, chunk.start, chunk.size)
    else:
        _feed(digest, stream, 0, stream.seek(0, 2))
    return digest.hexdigest()


def _feed(digest: Any, stream: BinaryIO, start: int, size: int) -> None:  # noqa: ANN401 - hashlib's
    stream.seek(start)
    while size > 0 and (block := stream.read(min(size, BLOCK_BYTES))):
        digest.update(block)
        size -= len(block)
