"""RIFF WAVE files as chunks. Pure Python, and never more in memory than what is asked for."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from oneshot_server.errors import MetadataError

HEADER: Final = struct.Struct("<4sI4s")
CHUNK: Final = struct.Struct("<4sI")
MOST_CHUNKS: Final = 1000  # a hostile file could be nothing but empty ones
LONGEST_READ: Final = 1_000_000
LARGEST_FILE: Final = 2**32 - 1
FORMAT_CHUNK: Final = b"fmt "
DATA_CHUNK: Final = b"data"


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Where a chunk's content lies.

    Attributes:
        id: four characters.
        start: first byte of the content.
        size: bytes of the content, without the one that pads it.
    """

    id: bytes
    start: int
    size: int


def walk(stream: BinaryIO) -> Iterator[Chunk]:
    """The chunks of a file, in order; the size in the file's header is not relied on.

    Raises:
        MetadataError: no RIFF WAVE file, or a chunk is longer than the file.
    """
    end = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(HEADER.size)
    if len(head) < HEADER.size or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise MetadataError("no RIFF WAVE file")
    position = HEADER.size
    for _ in range(MOST_CHUNKS):
        # Fewer bytes than a chunk's header are padding that some program left at the end.
        if end - position < CHUNK.size:
            return
        stream.seek(position)
        name, size = CHUNK.unpack(stream.read(CHUNK.size))
        chunk = Chunk(id=name, start=position + CHUNK.size, size=size)
        if chunk.start + size > end:
            raise MetadataError(
                f"broken or cut short: its chunk {_shown(name)} says {size} bytes, "
                f"{end - chunk.start} are left"
            )
        yield chunk
        position = chunk.start + size + size % 2
    raise MetadataError(f"more than {MOST_CHUNKS} chunks, expected a few")


def read_content(stream: BinaryIO, chunk: Chunk) -> bytes:
    """The content of a chunk.

    Raises:
        MetadataError: it is too long to be text.
    """
    if chunk.size > LONGEST_READ:
        raise MetadataError(
            f"its chunk {_shown(chunk.id)} has {chunk.size} bytes, expected {LONGEST_READ} at most"
        )
    stream.seek(chunk.start)
    return stream.read(chunk.size)


def assemble(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A whole file from chunks' names and contents, padded and with the right sizes.

    Raises:
        MetadataError: more than a RIFF file can hold.
    """
    body = b"".join(
        CHUNK.pack(name, len(content)) + content + b"\0" * (len(content) % 2)
        for name, content in chunks
    )
    if len(body) + 4 > LARGEST_FILE:
        raise MetadataError(f"{len(body)} bytes are more than a RIFF file can hold")
    return HEADER.pack(b"RIFF", len(body) + 4, b"WAVE") + body


def _shown(name: bytes) -> str:
    return repr(name.decode("latin-1"))
