"""What is known of a LoRA version: ``oneshot.json`` beside its weights."""

from dataclasses import dataclass

from oneshot_server.domain.mel_profile import MelProfile


@dataclass(frozen=True, kw_only=True)
class TrainingFigures:
    """How good a LoRA is; lower is better everywhere.

    Attributes:
        held_out: how far its sounds are from the dataset's held-out ones: mean energy score of
            log-mel spectrograms, dB, from seeds that are always the same.
        held_out_base: the same with the base model alone.
        held_out_live: the same with the version that is live now; ``None`` if there is none.
        others: mean loss of the UNet's prediction on the base model's own sounds (other prompts),
            at fixed noise, with the new version.
        others_base: the same with the base model alone.
    """

    held_out: float
    held_out_base: float
    held_out_live: float | None
    others: float
    others_base: float


@dataclass(frozen=True, kw_only=True)
class LoraCard:
    """``oneshot.json`` of a LoRA version.

    Attributes:
        name: of the LoRA, as the producer says it.
        version: 1, 2, …
        base_model: name of the model that it was trained on.
        base_hash: SHA-256 of that model.
        profile: mel profile of that model.
        dataset_hash: ``Manifest.hash`` of what it was trained on.
        sounds: trained on.
        rank: of the matrices.
        alpha: their scale is alpha / rank.
        steps: optimiser steps of the weights that were kept.
        seed: of the training.
        figures: how good it is.
        software: that trained it.
        captions: of the sounds, in the model's words: what a bare prompt leaves open is filled in
            from them.
    """

    name: str
    version: int
    base_model: str
    base_hash: str
    profile: MelProfile
    dataset_hash: str
    sounds: int
    rank: int
    alpha: float
    steps: int
    seed: int
    figures: TrainingFigures
    software: str
    captions: tuple[str, ...] = ()
