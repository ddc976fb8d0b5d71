"""Answers and events to datagrams: only i, f and s, and short enough for any network."""

from typing import Final

from pythonosc.osc_message_builder import OscMessageBuilder

from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobEvent,
    LoraReady,
    Notice,
    Progress,
    SampleImproved,
    SamplePublished,
    TrainingProgress,
)
from oneshot_server.errors import OneshotError
from oneshot_server.transports.osc.specs import TAGS

LONGEST_TEXT: Final = 400  # characters; with four bytes each and the rest, under 1,400 bytes
LARGEST_INT: Final = 2**31 - 1


def message(address: str, *arguments: float | str) -> bytes:
    """One message as a datagram; ints are held within 32 bits."""
    builder = OscMessageBuilder(address=address)
    for argument in arguments:
        value = argument
        if isinstance(value, int):
            value = max(-LARGEST_INT - 1, min(LARGEST_INT, value))
        builder.add_arg(value, TAGS[type(argument)])
    return bytes(builder.build().dgram)


def error(about: str, problem: OneshotError) -> bytes:
    """``/oneshot/error`` about a request's id."""
    return message("/oneshot/error", about, str(problem.code), short(str(problem)))


def event_to_datagram(event: JobEvent, request_id: str = "") -> bytes:
    """An event of a job; ``request_id`` is the id of the request that began it."""
    match event:
        case Accepted(job=job):
            return message("/oneshot/accepted", request_id, job)
        case Progress(job=job, fraction=fraction, stage=stage):
            return message("/oneshot/progress", job, float(fraction), stage)
        case Notice(job=job, code=code, text=text):
            return message("/oneshot/notice", job, str(code), short(text))
        case SamplePublished() | SampleImproved():
            return _sound(event)
        case TrainingProgress(job=job, fraction=fraction, step=step, loss=loss):
            return message("/oneshot/train/progress", job, float(fraction), step, float(loss))
        case LoraReady(job=job, name=name, version=version):
            return message("/oneshot/lora/ready", job, short(name), version)
        case Done(job=job, count=count, milliseconds=milliseconds):
            return message("/oneshot/done", job, count, milliseconds)
        case Failed(job=job, code=code, text=text):
            return message("/oneshot/error", job, str(code), short(text))
        case Cancelled(job=job):
            return message("/oneshot/cancelled", job)


def _sound(event: SamplePublished | SampleImproved) -> bytes:
    told = (event.job, event.index, event.path, event.seed, float(event.seconds))
    if isinstance(event, SampleImproved):
        return message("/oneshot/sample/better", *told)
    return message("/oneshot/sample", *told, int(event.draft))


def short(text: str) -> str:
    """A text on one line that fits into a datagram."""
    line = " ".join(text.replace("\0", " ").split())
    while len(line.encode(errors="replace")) > LONGEST_TEXT * 3 or len(line) > LONGEST_TEXT:
        line = line[: min(len(line) - 2, LONGEST_TEXT - 1)] + "…"
    return line.encode(errors="replace").decode()
