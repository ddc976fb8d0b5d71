"""Pads and kits: recipes that wait under a producer's fingers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final

from oneshot_server.domain import parameters
from oneshot_server.domain.parameters import Parameter
from oneshot_server.domain.requests import GenerateRequest, parse_loras
from oneshot_server.domain.touch import LEAST_GAIN_DB, MOST_LOW_PASS_HZ, Touch
from oneshot_server.errors import BadArgumentsError

PADS: Final = 64
PADS_IN_BANK: Final = 16
SEED_POLICIES: Final = ("new", "fixed", "walk")
WALK_STEPS: Final = 8
"""Neighbours from one seed's sound to the next one's, with ``seed_policy = "walk"``."""

PAD_KEYS: Final = (
    Parameter(
        name="name", kind=str, low=0, high=40, default='""', help="the pad's role: kick, closed hat"
    ),
    Parameter(
        name="prompt",
        kind=str,
        low=0,
        high=500,
        default='""',
        help="what to play, in words; a pad without a prompt is empty",
    ),
    Parameter(
        name="negative", kind=str, low=0, high=500, default='""', help="what to keep away from"
    ),
    Parameter(
        name="lora",
        kind=str,
        low=0,
        high=200,
        default='""',
        help='LoRAs: "name:0.8,other:0.3"; empty for the standing blend',
    ),
    Parameter(
        name="seed_policy",
        kind=str,
        low=1,
        high=10,
        default='"new"',
        help="new: every hit another sound; fixed: always the same; walk: each like the last one",
        choices=SEED_POLICIES,
    ),
    Parameter(
        name="seed",
        kind=int,
        low=0,
        high=parameters.SEED.high,
        default="0",
        help="the sound of fixed, the first one of walk",
    ),
    Parameter(name="steps", kind=int, low=0, high=200, default="0", help="0 for the model's"),
    Parameter(
        name="guidance",
        kind=float,
        low=0,
        high=30,
        default="0",
        help="how strictly the prompt is followed; 0 for the model's, 1 is off",
    ),
    replace(
        parameters.QUALITY,
        default='"quick"',
        help=f"{parameters.QUALITY.help}; what is in reserve is best then",
    ),
    Parameter(
        name="seconds",
        kind=float,
        low=0,
        high=30,
        default="0",
        help="longest duration; 0 for the model's",
    ),
    replace(parameters.TUNE, default="0"),
    replace(parameters.LEVEL, default="0"),
    replace(
        parameters.WIDTH,
        low=-1,
        default="-1",
        help=f"{parameters.WIDTH.help}; -1 for the setting's",
    ),
    replace(parameters.NOVELTY, help=f'{parameters.NOVELTY.help}; with seed_policy "new"'),
    Parameter(
        name="choke",
        kind=int,
        low=0,
        high=16,
        default="0",
        help="group of pads of which a hit cancels the others' that wait; 0 for none",
    ),
    Parameter(
        name="velocity_curve",
        kind=float,
        low=0.1,
        high=8,
        default="1",
        help="exponent on the velocity; above 1 soft hits are softer yet",
    ),
    Parameter(
        name="velocity_level",
        kind=float,
        low=0,
        high=-LEAST_GAIN_DB,
        default="24",
        help="how much quieter the softest hit is, dB",
    ),
    Parameter(
        name="velocity_brightness",
        kind=float,
        low=0,
        high=8,
        default="3",
        help="how far down its low-pass is, octaves from 20 kHz",
    ),
    Parameter(
        name="velocity_seconds",
        kind=float,
        low=0,
        high=0.95,
        default="0.3",
        help="how much shorter it is, as a share of its length",
    ),
)
"""The keys of a pad, as ``/oneshot/pad/set`` and a kit's file have them."""

_KEYS: Final[Mapping[str, Parameter]] = {key.name: key for key in PAD_KEYS}

Value = int | float | str


@dataclass(frozen=True, kw_only=True)
class Pad:
    """The recipe of a pad; the fields are ``PAD_KEYS``.

    Raises:
        BadArgumentsError: a value out of its range; the text names it.
    """

    name: str = ""
    prompt: str = ""
    negative: str = ""
    lora: str = ""
    seed_policy: str = "new"
    seed: int = 0
    steps: int = 0
    guidance: float = 0.0
    quality: parameters.Quality = "quick"
    seconds: float = 0.0
    tune: float = 0.0
    level: float = 0.0
    width: float = -1.0
    novelty: float = 0.0
    choke: int = 0
    velocity_curve: float = 1.0
    velocity_level: float = 24.0
    velocity_brightness: float = 3.0
    velocity_seconds: float = 0.3

    def __post_init__(self) -> None:
        for info in fields(self):
            _KEYS[info.name].check(getattr(self, info.name))
        parse_loras(self.lora)
        if self.seconds and self.seconds < parameters.SECONDS.low:
            raise BadArgumentsError(
                f"seconds = {self.seconds:g}, expected 0 or {parameters.SECONDS.expected}"
            )
        if -1.0 < self.width < 0.0:
            raise BadArgumentsError(
                f"width = {self.width:g}, expected -1 or {parameters.WIDTH.expected}"
            )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to play."""
        return not self.prompt

    @property
    def label(self) -> str:
        """How it is called: by its name, else by its prompt."""
        return self.name or self.prompt

    def with_value(self, key: str, value: Value) -> "Pad":
        """The pad with one key changed.

        Raises:
            BadArgumentsError: no such key, or a value of another type or out of its range.
        """
        if key not in _KEYS:
            raise BadArgumentsError(
                f"unknown key {parameters.shown(key)}, expected one of {', '.join(_KEYS)}"
            )
        # The table's types are the fields', a test says so.
        return replace(self, **{key: _KEYS[key].check(value)})  # type: ignore[arg-type]

    def request(self, *, seed: int, count: int = 1) -> GenerateRequest:
        """What to render for it.

        Raises:
            BadArgumentsError: the pad is empty.
        """
        return GenerateRequest(
            prompt=self.prompt,
            negative=self.negative,
            count=count,
            seed=seed,
            steps=self.steps or None,
            guidance=self.guidance or None,
            quality=self.quality,
            seconds=self.seconds or None,
            loras=parse_loras(self.lora),
            tune=self.tune or None,
            level=self.level or None,
            width=None if self.width == -1.0 else self.width,
            walk=WALK_STEPS if self.seed_policy == "walk" else None,
            novelty=self.novelty if self.novelty and self.seed_policy == "new" else None,
        )

    def touch(self, velocity: float) -> Touch | None:
        """What a hit does to the finished sound; ``None`` if it leaves it as it is.

        Args:
            velocity: 0 to 1; 1 leaves every sound as it is.
        """
        softness = 1.0 - velocity**self.velocity_curve
        octaves = softness * self.velocity_brightness
        # Rounded, so that the recipe in the file is short and says all that there is.
        touch = Touch(
            gain_db=round(-softness * self.velocity_level, 2) + 0.0,
            low_pass_hz=round(MOST_LOW_PASS_HZ / 2.0**octaves, 1) if octaves > 0.0 else None,
            length=round(1.0 - softness * self.velocity_seconds, 4),
        )
        return None if touch == Touch() else touch


@dataclass(frozen=True, kw_only=True)
class Kit:
    """A set of pads.

    Attributes:
        name: that of its file.
        about: a line for people.
        pads: by number, 0 to 63; those that are not there are empty.

    Raises:
        BadArgumentsError: a number out of its range.
    """

    name: str
    about: str = ""
    pads: Mapping[int, Pad] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number in self.pads:
            parameters.PAD.check(number)

    def pad(self, number: int) -> Pad:
        """A pad by its number; an empty one if the kit does not name it."""
        return self.pads.get(number, Pad())
