"""What a producer asks for."""

from dataclasses import dataclass

from oneshot_server.domain import parameters
from oneshot_server.errors import BadArgumentsError


@dataclass(frozen=True, kw_only=True)
class LoraWeight:
    """One LoRA and how much of it, -2 to 2."""

    name: str
    weight: float


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The sounds that were rendered together.

    A float's last bits depend on the shape of the batch that it was computed in, so a file made as
    number 5 of 8 is the same again only as number 5 of the same 8.

    Attributes:
        seeds: seed of each sound.
        index: which of them is meant.
    """

    seeds: tuple[int, ...]
    index: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < len(self.seeds):
            raise BadArgumentsError(
                f"batch index = {self.index}, expected 0 to {len(self.seeds) - 1}"
            )


@dataclass(frozen=True, kw_only=True)
class GenerateRequest:
    """Make ``count`` sounds from a prompt. ``None`` leaves a value to the model.

    Attributes:
        prompt: free text.
        negative: free text to keep away from.
        count: sounds to make; their seeds are ``seed``, ``seed + 1``, …
        seed: seed of the first sound.
        steps: sampler steps.
        guidance: classifier-free guidance scale.
        seconds: longest duration.
        loras: LoRAs and their weights.
        replay: make one sound of this batch again, instead of ``count`` sounds from ``seed``.

    Raises:
        BadArgumentsError: a value out of its range; the text names it.
    """

    prompt: str
    negative: str = ""
    count: int = 1
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    seconds: float | None = None
    loras: tuple[LoraWeight, ...] = ()
    replay: Batch | None = None

    def __post_init__(self) -> None:
        for parameter, value in (
            (parameters.PROMPT, self.prompt),
            (parameters.NEGATIVE, self.negative),
            (parameters.COUNT, self.count),
            (parameters.SEED, self.seed),
            (parameters.STEPS, self.steps),
            (parameters.GUIDANCE, self.guidance),
            (parameters.SECONDS, self.seconds),
        ):
            if value is not None:
                parameter.check(value)

    def seed_of(self, index: int) -> int:
        """Seed of sound ``index``; wraps around at the largest seed."""
        return (self.seed + index) % (int(parameters.SEED.high) + 1)


def parse_loras(text: str) -> tuple[LoraWeight, ...]:
    """Read ``"name:0.8,other:0.3"``; a name alone weighs 1.

    Raises:
        BadArgumentsError: a weight that is no number from -2 to 2, or a name twice.
    """
    loras: list[LoraWeight] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, colon, weight_text = part.rpartition(":")
        if not colon:
            name, weight_text = part, "1"
        try:
            weight = float(weight_text)
        except ValueError:
            weight = float("nan")
        if not -2.0 <= weight <= 2.0:
            raise BadArgumentsError(
                f"lora = {parameters.shown(part)}, expected name:weight with a weight from -2 to 2"
            )
        if not name.strip() or any(name.strip() == lora.name for lora in loras):
            raise BadArgumentsError(f"lora = {parameters.shown(text)}, expected each name once")
        loras.append(LoraWeight(name=name.strip(), weight=weight))
    return tuple(loras)
