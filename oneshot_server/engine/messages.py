"""What daemon and engine say to each other over the engine's stdin and stdout.

A frame is a little-endian 32-bit length and that many bytes of MessagePack. The engine answers a
``Render`` or a ``RenderSpare`` with any number of ``RenderProgress``, ``RenderNotice`` and
``Rendered``, then exactly one of ``RenderDone``, ``RenderFailed``, ``RenderCancelled``. When its
stdin ends, the engine exits.
"""

import struct
from typing import BinaryIO, Final

import msgspec

from oneshot_server.domain.events import NoticeCode
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import ErrorCode

HEADER: Final = struct.Struct("<I")
LONGEST_FRAME: Final = 64 * 1024 * 1024  # a minute of stereo 32-bit audio at 96 kHz


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The base of all messages; the class name is the tag."""


class Render(Message, frozen=True, kw_only=True):
    """Daemon to engine: render a job.

    Attributes:
        job: the job's id, echoed in every answer.
        request: what to make.
        finish: level, tail and length.
        subtype: sample format of the files, ``PCM_24`` …
        skip: indices that are published already and must not be sent again.
        seeds: of all its sounds, if each has its draft: they are made again in their best quality,
            while nobody waits for a ``Render`` without seeds. One that is broken is left out.
    """

    job: str
    request: GenerateRequest
    finish: FinishOptions
    subtype: str
    skip: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A request and how its sounds are finished."""

    request: GenerateRequest
    finish: FinishOptions


class RenderSpare(Message, frozen=True, kw_only=True):
    """Daemon to engine: render these together while nobody waits.

    Whatever ``Render`` without seeds comes meanwhile is rendered between two sampler steps of this.

    Attributes:
        job: an id, echoed in every answer.
        parts: one sound each, of the same ``GenerateRequest.sampling``; ``Rendered.index`` is the
            part's number.
        subtype: sample format of the files.
    """

    job: str
    parts: tuple[Part, ...]
    subtype: str


class Cancel(Message, frozen=True, kw_only=True):
    """Daemon to engine: stop this job between two sampler steps."""

    job: str


class Ready(Message, frozen=True, kw_only=True):
    """Engine to daemon: the model is loaded."""

    model: str
    model_hash: str
    device: str


class LoadFailed(Message, frozen=True, kw_only=True):
    """Engine to daemon: the model cannot be loaded, and trying again will not help.

    Attributes:
        text: why.
        out_of_memory: whether it may help to end another engine first.
    """

    text: str
    out_of_memory: bool = False


class RenderProgress(Message, frozen=True, kw_only=True):
    """Engine to daemon: how far, 0 to 1, and at which stage; at most 10 a second."""

    job: str
    fraction: float
    stage: str


class RenderNotice(Message, frozen=True, kw_only=True):
    """Engine to daemon: a remark on the job."""

    job: str
    code: NoticeCode
    text: str


class Rendered(Message, frozen=True, kw_only=True):
    """Engine to daemon: sound ``index`` of the job as a complete WAV file, recipe inside.

    Attributes:
        draft: whether it can be made better; see ``Render.seeds``.
    """

    job: str
    index: int
    seed: int
    seconds: float
    wav: bytes
    draft: bool = False


class RenderDone(Message, frozen=True, kw_only=True):
    """Engine to daemon, terminal: every sound of the job was sent."""

    job: str


class RenderFailed(Message, frozen=True, kw_only=True):
    """Engine to daemon, terminal: the job cannot be rendered; the engine lives on."""

    job: str
    code: ErrorCode
    text: str


class RenderCancelled(Message, frozen=True, kw_only=True):
    """Engine to daemon, terminal: stopped as asked."""

    job: str


ToEngine = Render | RenderSpare | Cancel
FromEngine = (
    Ready
    | LoadFailed
    | RenderProgress
    | RenderNotice
    | Rendered
    | RenderDone
    | RenderFailed
    | RenderCancelled
)

_encoder: Final = msgspec.msgpack.Encoder()
_to_engine: Final[msgspec.msgpack.Decoder[ToEngine]] = msgspec.msgpack.Decoder(ToEngine)
_from_engine: Final[msgspec.msgpack.Decoder[FromEngine]] = msgspec.msgpack.Decoder(FromEngine)


def encode(message: Message) -> bytes:
    """A message as one frame."""
    body = _encoder.encode(message)
    return HEADER.pack(len(body)) + body


def decode_from_engine(body: bytes) -> FromEngine:
    """Read the body of a frame that the engine sent.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _from_engine.decode(body)


def read_to_engine(stream: BinaryIO) -> ToEngine | None:
    """Read the next message for the engine; blocks. ``None`` at the end of the stream.

    Raises:
        msgspec.DecodeError: the frame holds no message.
    """
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    body = stream.read(HEADER.unpack(header)[0])
    return _to_engine.decode(body)
