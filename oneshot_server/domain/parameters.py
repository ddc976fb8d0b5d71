"""The parameters of a sound: name, type, range and help, said once for OSC, CLI and docs."""

import math
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from oneshot_server.errors import BadArgumentsError

ManyStepSampler = Literal["dpmpp-2m", "unipc", "euler", "ddim", "lcm"]
"""DPM-Solver++ 2M (Lu et al., 2022), UniPC (Zhao et al., 2023), Euler (Karras et al., 2022, without
churn), DDIM (Song et al., 2021), LCM (Luo et al., 2023)."""

Sampler = Literal[ManyStepSampler, "distilled"]
"""Any of these; distilled is DDIM in few steps on the model's UNet that was made for them."""

SAMPLERS: Final[tuple[str, ...]] = get_args(Sampler)
Quality = Literal["quick", "best", "draft-then-best"]
"""Which of a model's ways is taken where a request leaves the sampling open."""
Part = Literal["attack", "tail"]
"""Of a sound; attack is its beginning."""

TYPE_WORDS: Final = {int: "an int", float: "a float", str: "a string"}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One named value that a request may carry.

    Attributes:
        name: the OSC key and, with dashes, the CLI option.
        kind: ``int``, ``float`` or ``str``; an int is taken where a float is meant.
        low: smallest value, or shortest text in characters.
        high: largest value, or longest text in characters.
        default: what silence means, in words, for the help.
        help: one line.
        choices: the only texts that are taken, if any.
    """

    name: str
    kind: type[int] | type[float] | type[str]
    low: float
    high: float
    default: str
    help: str
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """The range in words, for errors and docs."""
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.kind is str:
            return f"a string of {self.low:.0f} to {self.high:.0f} characters"
        return f"{TYPE_WORDS[self.kind]} from {self.low:g} to {self.high:.12g}"

    def check(self, value: object) -> int | float | str:
        """Return ``value`` in the parameter's type.

        Raises:
            BadArgumentsError: wrong type, out of range, or not finite.
        """
        if self.kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, self.kind) or isinstance(value, bool):
            raise BadArgumentsError(f"{self.name} = {shown(value)}, expected {self.expected}")
        if isinstance(value, str):
            if self.choices and value not in self.choices:
                raise BadArgumentsError(f"{self.name} = {shown(value)}, expected {self.expected}")
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise BadArgumentsError(f"{self.name} = {shown(value)}, expected text in UTF-8")
            if not self.low <= len(value.strip()) <= self.high:
                raise BadArgumentsError(
                    f"{self.name} has {len(value.strip())} characters, expected {self.expected}"
                )
            if self.choices and value.strip() not in self.choices:
                raise BadArgumentsError(f"{self.name} = {shown(value)}, expected {self.expected}")
            return value.strip()
        if not math.isfinite(value) or not self.low <= value <= self.high:
            raise BadArgumentsError(f"{self.name} = {shown(value)}, expected {self.expected}")
        return value


def shown(value: object) -> str:
    """A value as an error shows it: never longer than a line."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


PROMPT: Final = Parameter(
    name="prompt",
    kind=str,
    low=1,
    high=500,
    default="",
    help="what to play, in words: punchy kick, short bright snare 200 hz",
)
COUNT: Final = Parameter(
    name="count", kind=int, low=1, high=64, default="1", help="sounds to make, seeds ascending"
)
SEED: Final = Parameter(
    name="seed", kind=int, low=0, high=2**31 - 1, default="random", help="seed of the first sound"
)
STEPS: Final = Parameter(
    name="steps",
    kind=int,
    low=1,
    high=200,
    default="the LoRA's or the model's",
    help="sampler steps",
)
GUIDANCE: Final = Parameter(
    name="guidance",
    kind=float,
    low=0,
    high=30,
    default="the LoRA's or the model's",
    help="how strictly the prompt is followed; 1 and below is off",
)
SAMPLER: Final = Parameter(
    name="sampler",
    kind=str,
    low=0,
    high=20,
    default="the LoRA's or the model's",
    help="how noise becomes a sound; lcm is for LoRAs of few steps, distilled for models of few",
    choices=SAMPLERS,
)
NEGATIVE: Final = Parameter(
    name="negative", kind=str, low=0, high=500, default="empty", help="what to keep away from"
)
LORA: Final = Parameter(
    name="lora", kind=str, low=0, high=200, default="none", help='LoRAs: "name:0.8,other:0.3"'
)
QUALITY: Final = Parameter(
    name="quality",
    kind=str,
    low=0,
    high=20,
    default="quick",
    help="quick: in few steps, if the model can and steps, guidance, sampler and negative are left "
    "open; best: in many; draft-then-best: quick at once, then best in the same file",
    choices=get_args(Quality),
)
SECONDS: Final = Parameter(
    name="seconds",
    kind=float,
    low=0.05,
    high=30,
    default="the model's",
    help="longest duration; a sound is cut there with a fade",
)
TUNE: Final = Parameter(
    name="tune",
    kind=float,
    low=-24,
    high=24,
    default="0",
    help="semitones up or down; a sound gets shorter or longer by it, as with tape",
)
LEVEL: Final = Parameter(
    name="level", kind=float, low=-40, high=0, default="0", help="dB below the usual level"
)
WIDTH: Final = Parameter(
    name="width",
    kind=float,
    low=0,
    high=1,
    default="the setting's",
    help="stereo: 0 makes a mono file, 1 the widest; the sum of left and right is the mono sound",
)
WALK: Final = Parameter(
    name="walk",
    kind=int,
    low=2,
    high=64,
    default="none",
    help="seeds from one sound to the next independent one: neighbouring seeds sound alike",
)
NOVELTY: Final = Parameter(
    name="novelty",
    kind=float,
    low=0,
    high=1,
    default="0",
    help="of up to eight renders the one least like all that the library has; 0 takes the first",
)
PAD: Final = Parameter(
    name="pad",
    kind=int,
    low=0,
    high=63,
    default="none",
    help="a pad whose values are taken for the keys that are not given",
)
SPLIT_SECONDS: Final = 0.05
STRENGTH: Final = Parameter(
    name="strength",
    kind=float,
    low=0,
    high=1,
    default="0.5",
    help="how far from the sound: 0 gives it back, 1 makes a new one",
)
MORPH_T: Final = Parameter(
    name="t",
    kind=float,
    low=0,
    high=1,
    default="0.5",
    help="how far from the first sound to the second: 0 gives the first back, 1 the second",
)
KEEP: Final = Parameter(
    name="keep",
    kind=str,
    low=1,
    high=10,
    default="attack",
    help="the part that stays: attack, with a new tail; or tail, with a new attack",
    choices=get_args(Part),
)
SPLIT: Final = Parameter(
    name="split",
    kind=float,
    low=0.005,
    high=10,
    default=f"{SPLIT_SECONDS}",
    help="of inpaint: seconds of the attack, to the nearest step of the model's latents",
)
OWN_PROMPT: Final = replace(PROMPT, default="what the sound was made with, else its file's name")

VELOCITY: Final = Parameter(
    name="velocity",
    kind=float,
    low=0,
    high=1,
    default="1",
    help="how hard; 1 is the sound as it is",
)

GENERATE_KEYS: Final = (
    COUNT,
    SEED,
    STEPS,
    GUIDANCE,
    SAMPLER,
    QUALITY,
    NEGATIVE,
    LORA,
    SECONDS,
    TUNE,
    LEVEL,
    WIDTH,
    WALK,
    NOVELTY,
    PAD,
)

RESHAPE_KEYS: Final = (OWN_PROMPT, *(key for key in GENERATE_KEYS if key is not PAD))
INPAINT_KEYS: Final = (SPLIT, *RESHAPE_KEYS)
