"""The process that reads sounds: ``python -m oneshot_server.library.analyst SAMPLES``.

Decoding strangers' files and the arithmetic on them are kept out of the daemon: they would make it
slow, large, and as mortal as the decoder. A frame is a little-endian 32-bit length and that many
bytes of MessagePack: paths on stdin, as many answers on stdout. When stdin ends, the process ends.
"""

import os
import struct
import sys
from pathlib import Path
from typing import IO, Final

import msgspec

from oneshot_server.library.sound_contents import Contents

HEADER: Final = struct.Struct("<I")
NICENESS: Final = 10


def write_frame(stream: IO[bytes], value: object) -> None:
    """Send a value."""
    body = msgspec.msgpack.encode(value)
    stream.write(HEADER.pack(len(body)) + body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next frame's body; blocks. ``None`` at the end of the stream."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    size = HEADER.unpack(header)[0]
    body = stream.read(size)
    return body if len(body) == size else None


def main() -> None:
    """Answer until stdin ends."""
    from oneshot_server.library.sound_file import read_sound

    if hasattr(os, "nice"):
        os.nice(NICENESS)
    samples = Path(sys.argv[1])
    # Frames own the real stdout; whatever a library prints goes to stderr.
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while (body := read_frame(sys.stdin.buffer)) is not None:
        paths = msgspec.msgpack.decode(body, type=list[str])
        answers: list[Contents | None] = [read_sound(samples / path, samples) for path in paths]
        write_frame(outgoing, answers)


if __name__ == "__main__":
    main()
