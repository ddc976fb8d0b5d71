"""Every error that this package raises on purpose.

::

    OneshotError
    ├── BadArgumentsError          a request that cannot be understood       bad_arguments
    │   └── UnknownAddressError    no such OSC address                       unknown_address
    ├── BusyError                  the queue is full                         busy
    ├── NotFoundError              no such job, model, LoRA or file          not_found
    │   └── NoMidiError            this machine has no MIDI, or no such port
    ├── ForbiddenError             no permission, or outside the folders     forbidden
    ├── DiskFullError              no space left where samples go            disk_full
    ├── EngineFailedError          the engine died, or could not render      engine_failed
    │   ├── ModelError             a model folder that cannot be used
    │   │   └── ProfileMismatchError   mel profiles differ
    │   ├── DefectError            a render that must not be published
    │   ├── PrecisionError         half precision broke down; single may do
    │   └── OutOfMemoryError       the device's memory does not suffice
    ├── ShutdownError              the daemon is going down                  cancelled_by_shutdown
    ├── NoAnswerError              no daemon answers
    ├── JobCancelledError          a job that somebody else cancelled
    ├── RenderCancelledError       a render stopped between two sampler steps
    ├── SettingsError              a broken config file or environment       bad_arguments
    ├── AlreadyRunningError        another daemon has this home or this port
    └── MetadataError              a WAV without a recipe, or with a broken one

The third column is the code that a client is told.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Final


class ErrorCode(StrEnum):
    """What ``/oneshot/error`` says, word by word."""

    UNKNOWN_ADDRESS = "unknown_address"
    BAD_ARGUMENTS = "bad_arguments"
    BUSY = "busy"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    ENGINE_FAILED = "engine_failed"
    DISK_FULL = "disk_full"
    CANCELLED_BY_SHUTDOWN = "cancelled_by_shutdown"


class OneshotError(Exception):
    """The root of the tree; ``code`` is what a client is told."""

    code: ClassVar[ErrorCode] = ErrorCode.ENGINE_FAILED


class BadArgumentsError(OneshotError):
    """A request that cannot be understood; the text says what was expected and what came."""

    code = ErrorCode.BAD_ARGUMENTS


class UnknownAddressError(BadArgumentsError):
    """No such OSC address."""

    code = ErrorCode.UNKNOWN_ADDRESS


class BusyError(OneshotError):
    """The queue is full; try again when a job has ended."""

    code = ErrorCode.BUSY


class NotFoundError(OneshotError):
    """No such job, model, LoRA or file."""

    code = ErrorCode.NOT_FOUND


class NoMidiError(NotFoundError):
    """There is no MIDI that could be used; the text says why, ``advice`` what to do about it."""

    def __init__(self, text: str, advice: str) -> None:
        super().__init__(f"{text}: {advice}")
        self.text = text
        self.advice = advice


class ForbiddenError(OneshotError):
    """A path outside the configured folders, or a folder that may not be written."""

    code = ErrorCode.FORBIDDEN


class DiskFullError(OneshotError):
    """No space left where the samples go."""

    code = ErrorCode.DISK_FULL


class EngineFailedError(OneshotError):
    """The engine died, cannot start, or could not render."""

    code = ErrorCode.ENGINE_FAILED


class ModelError(EngineFailedError):
    """A model folder that cannot be used; the text names the file."""


class ProfileMismatchError(ModelError):
    """A mel or a LoRA of one profile met a model of another."""


class DefectError(EngineFailedError):
    """A render that must not be published: silent, not finite, clipped or late."""


class PrecisionError(EngineFailedError):
    """A model in half precision gave no image; in single precision it may."""


class OutOfMemoryError(EngineFailedError):
    """The device's memory does not suffice; the text says what helps."""


class ShutdownError(OneshotError):
    """The daemon went down before the job could end."""

    code = ErrorCode.CANCELLED_BY_SHUTDOWN


class NoAnswerError(OneshotError):
    """No daemon answers where one was expected, or it has stopped doing so."""


class JobCancelledError(OneshotError):
    """A job was cancelled by somebody else than who waits for it."""


class RenderCancelledError(OneshotError):
    """A render was stopped between two sampler steps, as asked."""


class SettingsError(OneshotError):
    """A broken config file or environment; names file, key, value and what is expected."""

    code = ErrorCode.BAD_ARGUMENTS


class AlreadyRunningError(OneshotError):
    """Another daemon has this home, or another program has this port."""


class MetadataError(OneshotError):
    """A WAV that carries no recipe, or one that cannot be read."""


_BY_CODE: Final[Mapping[str, type[OneshotError]]] = {
    kind.code: kind
    for kind in (
        BadArgumentsError,
        UnknownAddressError,
        BusyError,
        NotFoundError,
        ForbiddenError,
        DiskFullError,
        EngineFailedError,
        ShutdownError,
    )
}


def error_of(code: str, text: str) -> OneshotError:
    """The error that a client was told; an unknown code is that of a newer daemon."""
    return _BY_CODE.get(code, EngineFailedError)(text)
