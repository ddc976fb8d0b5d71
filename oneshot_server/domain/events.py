"""What happens to a job, in the order in which it can happen."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType

from oneshot_server.errors import ErrorCode

JobId = NewType("JobId", str)

SPARE: Final = "spare-"
"""Begins the ids of what is rendered while nobody waits, which is told to no client."""


class EngineState(StrEnum):
    """What ``/oneshot/welcome``, ``/oneshot/pong`` and ``/oneshot/state`` say."""

    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    BUSY = "busy"
    FAILED = "failed"


class NoticeCode(StrEnum):
    """Remarks on a job; never its end."""

    UNKNOWN_WORDS = "unknown_words"
    RETRIED = "retried"
    RESERVE_MISS = "reserve_miss"
    FALLBACK = "fallback"
    NEAR_COPY = "near_copy"
    HELD = "held"
    SKIPPED = "skipped"
    MEMORY = "memory"
    DRAFT_STAYS = "draft_stays"
    STARS = "stars"


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The job is in the journal and will end with exactly one terminal event.

    Attributes:
        job: its id.
        pad: the pad that was hit, 0 to 63; ``None`` for any other job.
    """

    job: JobId
    pad: int | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the job is, 0 to 1, and at which stage."""

    job: JobId
    fraction: float
    stage: str


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A remark."""

    job: JobId
    code: NoticeCode
    text: str


@dataclass(frozen=True, kw_only=True)
class SamplePublished:
    """A sound is in the samples folder.

    Attributes:
        job: whose.
        index: which of its sounds.
        path: of the file.
        seed: of the sound.
        seconds: its duration.
        draft: whether a better one of the same seed is to take its place.
    """

    job: JobId
    index: int
    path: str
    seed: int
    seconds: float
    draft: bool = False

    def improved(self, seconds: float) -> "SampleImproved":
        """What is told when a better sound of so many seconds has taken the draft's place."""
        return SampleImproved(
            job=self.job, index=self.index, path=self.path, seed=self.seed, seconds=seconds
        )


@dataclass(frozen=True, kw_only=True)
class SampleImproved:
    """A draft was replaced: in the same file is the same seed's sound in its best quality."""

    job: JobId
    index: int
    path: str
    seed: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """How far a training is.

    Attributes:
        job: the training.
        fraction: 0 to 1.
        step: optimiser step.
        loss: mean of the last steps.
        seconds_left: as it looks now; ``None`` for who hears of it by OSC.
        device: that it runs on; empty for who hears of it by OSC.
        dataset: that it trains on; empty for who hears of it by OSC.
    """

    job: JobId
    fraction: float
    step: int
    loss: float
    seconds_left: float | None = None
    device: str = ""
    dataset: str = ""


@dataclass(frozen=True, kw_only=True)
class LoraReady:
    """A LoRA version is in the store and live."""

    job: JobId
    name: str
    version: int


@dataclass(frozen=True, kw_only=True)
class Done:
    """Terminal: all sounds are published. ``milliseconds`` since the job was accepted."""

    job: JobId
    count: int
    milliseconds: int


@dataclass(frozen=True, kw_only=True)
class Failed:
    """Terminal: the job ended with an error."""

    job: JobId
    code: ErrorCode
    text: str


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """Terminal: the job was cancelled as asked."""

    job: JobId


TerminalEvent = Done | Failed | Cancelled
JobEvent = (
    Accepted
    | Progress
    | Notice
    | SamplePublished
    | SampleImproved
    | TrainingProgress
    | LoraReady
    | TerminalEvent
)
