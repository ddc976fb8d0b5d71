"""OSC messages from the daemon back to the events that they tell of."""

from collections.abc import Sequence
from contextlib import suppress

from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobEvent,
    JobId,
    LoraReady,
    Notice,
    NoticeCode,
    Progress,
    SampleImproved,
    SamplePublished,
    TrainingProgress,
)
from oneshot_server.errors import ErrorCode

Message = tuple[str, tuple[float | str, ...]]
"""Address and arguments."""


def message_to_event(message: Message, request: str, job: JobId) -> JobEvent | None:
    """The event that a message tells of a job.

    Args:
        message: address and arguments.
        request: the id of our request.
        job: our job, empty until it is accepted.

    Returns:
        The event; ``None`` if the message is about something else, or makes no sense.
    """
    address, arguments = message
    ours = {request, job} - {""}
    if not arguments or arguments[0] not in ours:
        return None
    with suppress(TypeError, ValueError):
        return _event(address, arguments, job)
    return None


def _event(address: str, arguments: tuple[float | str, ...], job: JobId) -> JobEvent | None:
    match address, arguments:
        case "/oneshot/accepted", [_, str(accepted)]:
            return Accepted(job=JobId(accepted))
        case "/oneshot/progress", [_, float(fraction), str(stage)]:
            return Progress(job=job, fraction=fraction, stage=stage)
        case "/oneshot/notice", [_, str(code), str(text)]:
            return Notice(job=job, code=NoticeCode(code), text=text)
        case "/oneshot/sample" | "/oneshot/sample/better", [_, *told]:
            return _sound(address, told, job)
        case "/oneshot/train/progress", [_, float(fraction), int(step), float(loss)]:
            return TrainingProgress(job=job, fraction=fraction, step=step, loss=loss)
        case "/oneshot/lora/ready", [_, str(name), int(version)]:
            return LoraReady(job=job, name=name, version=version)
        case "/oneshot/done", [_, int(count), int(milliseconds)]:
            return Done(job=job, count=count, milliseconds=milliseconds)
        case "/oneshot/error", [_, str(code), str(text)]:
            known = code in {known.value for known in ErrorCode}
            failed = ErrorCode(code) if known else ErrorCode.ENGINE_FAILED
            return Failed(job=job, code=failed, text=text)
        case "/oneshot/cancelled", [_]:
            return Cancelled(job=job)
    return None


def _sound(address: str, told: Sequence[float | str], job: JobId) -> JobEvent | None:
    match address, told:
        case "/oneshot/sample", [int(index), str(path), int(seed), float(seconds), *more]:
            draft = more[:1] == [1]
            return SamplePublished(
                job=job, index=index, path=path, seed=seed, seconds=seconds, draft=draft
            )
        case "/oneshot/sample/better", [int(index), str(path), int(seed), float(seconds), *_]:
            return SampleImproved(job=job, index=index, path=path, seed=seed, seconds=seconds)
    return None
