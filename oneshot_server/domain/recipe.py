"""The recipe that a WAV carries: everything needed to make the same bytes again."""

from dataclasses import dataclass

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.domain.parameters import Sampler
from oneshot_server.domain.requests import Batch, LoraWeight
from oneshot_server.domain.reshape import Parent, Reshape
from oneshot_server.domain.touch import Touch


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one sound was made.

    Attributes:
        prompt: as the producer said it.
        caption: what the model was told: known words, and what the seed filled in.
        negative: as the producer said it.
        seed: of this sound.
        steps: sampler steps.
        guidance: classifier-free guidance scale.
        sampler: name of the sampler.
        loras: LoRAs, their versions and weights.
        model: name of the model.
        model_hash: SHA-256 over the model's files, hexadecimal.
        profile: the mel profile.
        batch: the sounds that were rendered together.
        finish: level, tail and length.
        subtype: sample format of the file, ``PCM_24`` …
        software: product and version.
        platform: what else the last bit depends on: torch's version, device, threads.
        lora_hashes: SHA-256 of each LoRA's file, hexadecimal, in the order of ``loras``.
        nearest_db: how far the sound is from the nearest one that a LoRA of the blend was trained
            on, dB; ``None`` without such a LoRA.
        near_copy: whether that is nearer than those sounds are to each other.
        walk: seeds from one independent sound to the next; ``None`` if each is independent.
        touch: what a hit's velocity did to the finished sound; ``None`` for nothing.
        reshape: the sounds that it was made from and how; ``None`` for noise alone.
        format: version of this layout.
    """

    prompt: str
    caption: str
    negative: str
    seed: int
    steps: int
    guidance: float
    sampler: Sampler
    loras: tuple[LoraWeight, ...]
    model: str
    model_hash: str
    profile: MelProfile
    batch: Batch
    finish: FinishOptions
    subtype: str
    software: str
    platform: str
    lora_hashes: tuple[str, ...] = ()
    nearest_db: float | None = None
    near_copy: bool = False
    walk: int | None = None
    touch: Touch | None = None
    reshape: Reshape | None = None
    format: int = 1

    @property
    def sample_rate(self) -> int:
        """Of the file, Hz."""
        return self.finish.rate_of(self.profile.sample_rate)

    @property
    def parents(self) -> tuple[Parent, ...]:
        """The sounds that it was made from."""
        return self.reshape.parents if self.reshape else ()
