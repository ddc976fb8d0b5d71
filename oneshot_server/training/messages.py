"""What the trainer says: a line of JSON each on its stdout, and one of two at its end.

First ``Planned`` and ``Prepared``, then ``Progress`` again and again, at last ``Finished`` or
``TrainingFailed``. A trainer that was asked to stop ends with status 0 and neither of the last two.
Lines that are none of these may come between, from a launcher, and are not ours.
"""

from typing import Final

import msgspec

from oneshot_server.domain.lora_card import LoraCard
from oneshot_server.errors import ErrorCode


class TrainerMessage(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The base of all messages; the class name is the tag."""


class Planned(TrainerMessage, frozen=True, kw_only=True):
    """The model is loaded, and how it will be trained.

    Attributes:
        text: what is needed, in a line for the producer.
        needed_bytes: memory, estimated.
        free_bytes: on the device.
    """

    text: str
    needed_bytes: int
    free_bytes: int


class Prepared(TrainerMessage, frozen=True, kw_only=True):
    """The sounds are read.

    Attributes:
        used: how many are trained on or held out.
        skipped: file, relative to the dataset's folder, and why it is not used.
    """

    used: int
    skipped: tuple[tuple[str, str], ...] = ()


class Progress(TrainerMessage, frozen=True, kw_only=True):
    """How far it is; at most two a second.

    Attributes:
        step: optimiser steps taken.
        steps: optimiser steps in all; an early end may come before.
        loss: mean of the last steps.
        seconds_left: as it looks now.
        device: that it runs on.
    """

    step: int
    steps: int
    loss: float
    seconds_left: float
    device: str


class Finished(TrainerMessage, frozen=True, kw_only=True):
    """Terminal: the LoRA is in the folder ``TrainingSpec.out``.

    Attributes:
        card: what is known of it; its version is 0, as the trainer does not know the others.
        seconds: that this process took.
    """

    card: LoraCard
    seconds: float


class TrainingFailed(TrainerMessage, frozen=True, kw_only=True):
    """Terminal: there is no LoRA, and why."""

    code: ErrorCode
    text: str


FromTrainer = Planned | Prepared | Progress | Finished | TrainingFailed

_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[FromTrainer]] = msgspec.json.Decoder(FromTrainer)


def encode_line(message: TrainerMessage) -> bytes:
    """A message as a line, its end included."""
    return _encoder.encode(message) + b"\n"


def decode_line(line: bytes) -> FromTrainer | None:
    """Read a line; ``None`` if it is no message of the trainer."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
