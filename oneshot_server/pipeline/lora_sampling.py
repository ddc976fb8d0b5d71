"""How a LoRA wants to be sampled: those of few steps (LCM, Hyper, DMD) need a sampler of their own.

Said in ``style.json`` beside ``style.safetensors``, as in ``{"sampler": "lcm", "steps": 4,
"guidance": 1.0}``, or as that text under ``oneshot_sampling`` in the file's own metadata. Other
keys are other tools'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from oneshot_server.domain import parameters
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import ModelError
from oneshot_server.pipeline.distilled import GUIDANCE, check_distilled
from oneshot_server.pipeline.model_folder import ModelCard

METADATA_KEY: Final = "oneshot_sampling"
LARGEST_BYTES: Final = 1_000_000


class LoraSampling(msgspec.Struct, frozen=True, kw_only=True):
    """What stands where a request leaves it open; ``None`` is left to the model.

    Attributes:
        sampler: name of the sampler.
        steps: sampler steps.
        guidance: classifier-free guidance scale.
    """

    sampler: parameters.ManyStepSampler | None = None
    steps: Annotated[int, Meta(ge=parameters.STEPS.low, le=parameters.STEPS.high)] | None = None
    guidance: (
        Annotated[float, Meta(ge=parameters.GUIDANCE.low, le=parameters.GUIDANCE.high)] | None
    ) = None


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a job is sampled, nothing left open."""

    sampler: parameters.Sampler
    steps: int
    guidance: float


def choose_sampling(
    request: GenerateRequest, wishes: Sequence[LoraSampling], card: ModelCard
) -> Sampling:
    """What the request says, else the first LoRA that says something, else the model.

    Where both leave all of it open, the model's UNet for few steps is taken if it has one, unless
    the request wants the best.

    Raises:
        BadArgumentsError: the request asks for those few steps and for what they cannot do.
    """
    if request.sampler == "distilled" or _is_quick(request, wishes, card):
        check_distilled(
            card,
            steps=request.steps,
            guidance=request.guidance,
            negative=request.negative,
            from_sounds=request.reshape is not None,
        )
        return Sampling(sampler="distilled", steps=card.distilled_steps, guidance=GUIDANCE)
    sources = (request, *wishes, card)

    def first(key: str) -> Any:  # noqa: ANN401 - of the key's type
        return next(v for source in sources if (v := getattr(source, key)) is not None)

    return Sampling(sampler=first("sampler"), steps=first("steps"), guidance=first("guidance"))


def _is_quick(request: GenerateRequest, wishes: Sequence[LoraSampling], card: ModelCard) -> bool:
    asked = (request.steps, request.guidance, request.sampler, request.reshape)
    left_open = not request.negative and all(value is None for value in asked)
    wished = any(wish != LoraSampling() for wish in wishes)
    return bool(card.distilled_steps) and request.quality != "best" and left_open and not wished


def read_lora_sampling(path: Path, metadata: Mapping[str, str]) -> LoraSampling:
    """What a LoRA wants; nothing, if it does not say.

    Args:
        path: of the LoRA; the file beside it comes before what it says itself.
        metadata: of the LoRA.

    Raises:
        ModelError: what it says cannot be understood; the text names the file and the key.
    """
    beside = path.with_suffix(".json")
    try:
        with beside.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        where = str(beside)
    except OSError:
        content, where = metadata.get(METADATA_KEY, "{}").encode(), f"{path}: {METADATA_KEY}"
    try:
        return msgspec.json.decode(content, type=LoraSampling)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{where} cannot be read: {error}") from None
