"""What a trainer is told: a file of JSON."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import msgspec
from msgspec import Meta

from oneshot_server.errors import BadArgumentsError
from oneshot_server.library.atomic_file import write_atomically

SPEC_FILE: Final = "spec.json"
CHECKPOINT_FILE: Final = "checkpoint.pt"
MOST_STEPS: Final = 3000
STEPS_PER_SOUND: Final = 6
STEPS_BESIDE: Final = 600


class TrainingPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of a training; the defaults are good for the starter.

    Attributes:
        rank: of the LoRA's matrices.
        alpha: their scale is alpha / rank.
        targets: endings of the names of the modules that are adapted; with ``up_blocks.`` in
            front only in the UNet's upper blocks. Empty for the default.
        steps: optimiser steps; 0 goes by the number of sounds.
        learning_rate: highest; it falls along a cosine. 0 goes by the model's size.
        batch: sounds a step, the base model's own included.
        micro_batch: sounds between two looks at the pause file; 0 goes by the memory.
        reuse: steps that each noised sound is used in, where part of the UNet can be left out for
            that: with adapters in the upper blocks alone.
        seed: all randomness comes from it and the step.
        prior_share: share of a batch that is the base model's own sounds, 0 to less than 1.
        prior_weight: weight of their loss; 0 trains without.
        max_seconds: what sounds longer is a loop and is skipped.
        variants: of each sound, the first as it is; more than one with the three changes below.
        pitch_semitones: each way.
        shift_seconds: silence in front, up to so much.
        mixed_precision: ``no``, ``fp16``, ``bf16``; empty as ``accelerate`` was configured, and
            where it was not, by the model's size and the device.
        checkpointing: forget the UNet's activations and compute them again: a third slower, for a
            fraction of the memory.
        optimiser: ``adamw``, or with states of 8 bits, which needs bitsandbytes.
        text_encoder: adapt the text encoder too; embeddings are then computed at every step.
    """

    rank: Annotated[int, Meta(ge=1, le=256)] = 16
    alpha: Annotated[float, Meta(gt=0.0, le=1024.0)] = 16.0
    targets: tuple[str, ...] = ()
    steps: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    learning_rate: Annotated[float, Meta(ge=0.0, le=1.0)] = 2e-3
    batch: Annotated[int, Meta(ge=1, le=4096)] = 16
    micro_batch: Annotated[int, Meta(ge=0, le=4096)] = 8
    reuse: Annotated[int, Meta(ge=1, le=64)] = 4
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 1
    prior_share: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.25
    prior_weight: Annotated[float, Meta(ge=0.0, le=100.0)] = 1.0
    max_seconds: Annotated[float, Meta(gt=0.0, le=60.0)] = 8.0
    variants: Annotated[int, Meta(ge=1, le=64)] = 1
    pitch_semitones: Annotated[float, Meta(ge=0.0, le=12.0)] = 0.0
    shift_seconds: Annotated[float, Meta(ge=0.0, le=0.05)] = 0.0
    mixed_precision: Literal["", "no", "fp16", "bf16"] = ""
    checkpointing: Literal["auto", "on", "off"] = "auto"
    optimiser: Literal["adamw", "adamw8bit"] = "adamw"
    text_encoder: bool = False

    def steps_for(self, sounds: int) -> int:
        """Optimiser steps for so many sounds."""
        if self.steps:
            return self.steps
        return min(MOST_STEPS, STEPS_BESIDE + STEPS_PER_SOUND * sounds)


class TrainingSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One training. Folders and files are absolute paths.

    Attributes:
        name: of the LoRA.
        dataset: folder of sounds; only read.
        model: folder of the base model.
        work: what makes a broken training go on: latents, checkpoint; made if missing.
        out: where everything is put that belongs to the new version; made if missing.
        live: weights of the version that is live now, or ``None``.
        pause_file: while it is there, the trainer waits.
        parent: number of the process without which the trainer ends; 0 for none.
        device: ``auto`` as ``accelerate`` chooses, ``cpu``, ``cuda:1``, …
        threads: of the CPU; 0 leaves the choice to the trainer.
        plan: numbers.
    """

    name: str
    dataset: str
    model: str
    work: str
    out: str
    live: str | None = None
    pause_file: str = ""
    parent: int = 0
    device: str = "auto"
    threads: Annotated[int, Meta(ge=0, le=1024)] = 0
    plan: TrainingPlan = msgspec.field(default_factory=TrainingPlan)

    def write(self) -> Path:
        """Write it into the work folder; returns where it is.

        Raises:
            DiskFullError: no space left.
            ForbiddenError: the folder cannot be written.
        """
        path = Path(self.work) / SPEC_FILE
        write_atomically(path, msgspec.json.encode(self))
        return path

    def forget_checkpoint(self) -> None:
        """What ends well is not gone on with: asked again, it is trained again."""
        with suppress(OSError):
            (Path(self.work) / CHECKPOINT_FILE).unlink()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what ``write`` wrote.

        Raises:
            BadArgumentsError: there is none, or it says what cannot be.
        """
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadArgumentsError(f"{path} is no specification of a training: {error}") from None
