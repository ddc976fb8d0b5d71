"""What the calls take and what their jobs give."""

from typing import Final, TypedDict, TypeVar, get_args

from oneshot_server.domain.events import (
    JobEvent,
    LoraReady,
    SampleImproved,
    SamplePublished,
    TrainingProgress,
)
from oneshot_server.domain.parameters import Quality, Sampler
from oneshot_server.settings import OscSettings

HOST: Final = OscSettings().host
PORT: Final = OscSettings().port

Sound = SamplePublished | SampleImproved
"""A finished sound: ``path``, ``seed``, ``seconds`` and ``index`` in its job. With the quality
``draft-then-best`` each comes twice: as a ``SamplePublished`` with ``draft``, and as a
``SampleImproved`` when the better one is in the same file."""

Training = TrainingProgress | LoraReady
"""How far a training is; at its end the LoRA's ``name`` and ``version``, if it went live."""

SOUNDS: Final[tuple[type[Sound], ...]] = get_args(Sound)
TRAININGS: Final[tuple[type[Training], ...]] = get_args(Training)
ALL: Final[tuple[type[JobEvent], ...]] = get_args(JobEvent)


Item = TypeVar("Item", bound=JobEvent)
"""What iterating over a job gives."""


class GenerateKeys(TypedDict, total=False):
    """The keys of ``/oneshot/generate``; ranges and defaults are in ``domain.parameters``."""

    count: int
    seed: int
    steps: int
    guidance: float
    sampler: Sampler
    quality: Quality
    negative: str
    lora: str
    seconds: float
    tune: float
    level: float
    width: float
    walk: int
    novelty: float
    pad: int


def generate_arguments(prompt: str, keys: GenerateKeys) -> list[float | str]:
    """What follows the id of ``/oneshot/generate``: the prompt, then keys and values."""
    return [prompt, *key_arguments(keys)]


def key_arguments(keys: GenerateKeys) -> list[float | str]:
    """Keys and values, one after the other."""
    arguments: list[float | str] = []
    for key, value in keys.items():
        assert isinstance(value, int | float | str)
        arguments += [key, value]
    return arguments
