"""What is done to sounds that are there: vary one, morph between two, keep a part of one."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from oneshot_server.domain import parameters
from oneshot_server.domain.parameters import Part
from oneshot_server.errors import BadArgumentsError


class Parent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sound that another one is made from.

    Attributes:
        name: of its file, without folders; for people, who may have moved or renamed it since.
        sha256: of its audio (``library.audio_hash.hash_audio``), hexadecimal; empty until the
            engine has read it.
        told: what the model is told of it where a request has no prompt; empty for nothing.
    """

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    sha256: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")] = ""
    told: Annotated[str, Meta(max_length=int(parameters.PROMPT.high))] = ""


class _Reshape(Struct, frozen=True, kw_only=True, tag_field="kind"):
    parents: tuple[Parent, ...] = ()

    takes: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.parents and len(self.parents) != self.takes:
            raise BadArgumentsError(f"{len(self.parents)} parents, expected {self.takes}")


class Vary(_Reshape, frozen=True, kw_only=True, tag="vary"):
    """Noise a sound and denoise it again.

    Attributes:
        parents: the sound; empty until it was looked for.
        strength: 0 gives it back, 1 makes a new one.

    Raises:
        BadArgumentsError: the strength is out of its range, or not one parent.
    """

    strength: float

    def __post_init__(self) -> None:
        _Reshape.__post_init__(self)
        parameters.STRENGTH.check(self.strength)


class Morph(_Reshape, frozen=True, kw_only=True, tag="morph"):
    """Make what lies between two sounds.

    Attributes:
        parents: both; empty until they were looked for.
        t: 0 gives the first back, 1 the second.

    Raises:
        BadArgumentsError: t is out of its range, or not two parents.
    """

    takes: ClassVar[int] = 2

    t: float

    def __post_init__(self) -> None:
        _Reshape.__post_init__(self)
        parameters.MORPH_T.check(self.t)


class Inpaint(_Reshape, frozen=True, kw_only=True, tag="inpaint"):
    """Keep one part of a sound and make the other anew.

    Attributes:
        parents: the sound; empty until it was looked for.
        keep: the part that stays.
        split: where the attack ends and the tail begins, seconds.

    Raises:
        BadArgumentsError: a value is out of its range, or not one parent.
    """

    keep: Part
    split: float = parameters.SPLIT_SECONDS

    def __post_init__(self) -> None:
        _Reshape.__post_init__(self)
        parameters.KEEP.check(self.keep)
        parameters.SPLIT.check(self.split)


Reshape = Vary | Morph | Inpaint
