"""The LoRAs of a job: found, checked, put into the model; and whether its sounds are copies."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import torch

from oneshot_server.domain.lora_card import LoraCard
from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.domain.requests import LoraWeight
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.dsp.prepare import prepare
from oneshot_server.errors import BadArgumentsError, ModelError, NotFoundError, OneshotError
from oneshot_server.pipeline.lora_blend import LoraBlender, check_card
from oneshot_server.pipeline.lora_file import LoraFile, read_lora
from oneshot_server.pipeline.lora_sampling import LoraSampling, read_lora_sampling
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.nearest import (
    TRAINING_SOUNDS_FILE,
    TrainingSounds,
    image_features,
    nearest,
    read_training_sounds,
)
from oneshot_server.pipeline.prompt import with_captions

MOST_FILES: Final = 8
MOST_FILE_BYTES: Final = 512 * 1024**2


class _Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


_Content = TypeVar("_Content", bound=_Sized)


class LoraVersions(Protocol):
    """What is asked of ``library.lora_store.LoraStore``."""

    def adapter(self, name: str, version: int) -> Path:
        """The weights' file.

        Raises:
            NotFoundError: no such LoRA or version.
        """
        ...

    def card(self, name: str, version: int) -> LoraCard | None:
        """What is known of it; ``None`` for a file of another tool."""
        ...


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """The training sound that a sound is nearest to.

    Attributes:
        distance_db: to it.
        copied: the LoRA of which a training sound is nearer than they are to each other.
    """

    distance_db: float
    copied: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class AppliedLoras:
    """What is in the model.

    Attributes:
        hashes: SHA-256 of each LoRA's file.
        training: LoRAs' names and the sounds that they were trained on, as far as known.
        remarks: for the producer.
        sampling: how they want to be sampled.
        captions: of the sounds that those with a weight above 0 were trained on.
    """

    hashes: tuple[str, ...] = ()
    training: tuple[tuple[str, TrainingSounds], ...] = ()
    remarks: tuple[str, ...] = ()
    sampling: tuple[LoraSampling, ...] = ()
    captions: tuple[str, ...] = ()

    def told(self, model: Model) -> Model:
        """The model with its vocabulary as the LoRAs have it: how their sounds were called."""
        if model.words is None or not self.captions:
            return model
        return replace(model, words=with_captions(model.words, self.captions))

    def nearest(self, waveform: torch.Tensor, profile: MelProfile) -> Nearest | None:
        """How near a sound is to the training sounds; ``None`` if none are known.

        Args:
            waveform: (samples,) of the profile, without defect.
            profile: the mel profile.
        """
        if not self.training:
            return None
        # As the training sounds were: neither onset nor level makes a copy another sound.
        prepared = prepare(waveform[None], profile.sample_rate, profile)
        features = image_features(waveform_to_mel(prepared[None], profile))
        distances = [
            (float(nearest(features, sounds.features)), sounds.near, name)
            for name, sounds in self.training
        ]
        copied = [name for distance, near, name in sorted(distances) if distance < near]
        return Nearest(
            distance_db=round(min(distances)[0], 2), copied=copied[0] if copied else None
        )


class JobLoras:
    """Puts each job's LoRAs into the model.

    Args:
        model: the model.
        versions: where LoRAs are; ``None`` if there are none.
    """

    def __init__(self, model: Model, versions: LoraVersions | None) -> None:
        self._model = model
        self._versions = versions
        self._blender = LoraBlender(model)
        self._files = _Cache(read_lora)
        self._training = _Cache(read_training_sounds)

    def apply(self, loras: tuple[LoraWeight, ...]) -> AppliedLoras:
        """Put a blend into the model in place of the last job's.

        Raises:
            NotFoundError: no such LoRA or version.
            ModelError: it cannot be used with this model; the base alone is in the model then.
        """
        try:
            cards = [self._card(lora) for lora in loras]
            files = [self._file(lora) for lora in loras]
            self._blender.apply(
                [(file, lora.weight) for file, lora in zip(files, loras, strict=True)]
            )
        except OneshotError:
            self._blender.apply(())
            raise
        training: list[tuple[str, TrainingSounds]] = []
        remarks: list[str] = []
        sampling: list[LoraSampling] = []
        captions: list[str] = []
        for lora, file, card in zip(loras, files, cards, strict=True):
            if lora.weight == 0.0:
                continue
            if card is not None and lora.weight > 0.0:
                captions.extend(card.captions)
            try:
                sampling.append(read_lora_sampling(file.path, file.metadata))
            except ModelError as error:
                remarks.append(f"how the LoRA wants to be sampled is not known: {error}")
            path = file.path.with_name(TRAINING_SOUNDS_FILE)
            if not path.exists():
                continue
            try:
                training.append((lora.name, self._training.get(path)))
            except ModelError as error:  # the LoRA itself is as good as before
                remarks.append(f"copies of training sounds cannot be told: {error}")
        return AppliedLoras(
            hashes=tuple(file.sha256 for file in files),
            training=tuple(training),
            remarks=tuple(remarks),
            sampling=tuple(sampling),
            captions=tuple(captions),
        )

    def _card(self, lora: LoraWeight) -> LoraCard | None:
        if self._versions is None:
            raise NotFoundError(f'no LoRA is named "{lora.name}": there is no folder of LoRAs')
        if lora.version is None:
            raise BadArgumentsError(f'lora "{lora.name}" came without a version, expected one')
        card = self._versions.card(lora.name, lora.version)
        if card is not None:
            check_card(card, self._model)
        return card

    def _file(self, lora: LoraWeight) -> LoraFile:
        assert self._versions is not None, "checked with the card"
        assert lora.version is not None, "checked with the card"
        return self._files.get(self._versions.adapter(lora.name, lora.version))


class _Cache(Generic[_Content]):
    """Files that were read, the last ones used; one that was changed meanwhile is read again."""

    def __init__(self, read: Callable[[Path], _Content]) -> None:
        self._read: Callable[[Path], _Content] = read
        self._kept: OrderedDict[tuple[Path, int, int], _Content] = OrderedDict()

    def get(self, path: Path) -> _Content:
        """The file's content.

        Raises:
            ModelError: it cannot be read.
        """
        try:
            status = path.stat()
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror or error}") from None
        key = (path, status.st_mtime_ns, status.st_size)
        content = self._kept.get(key)
        if content is None:
            content = self._kept[key] = self._read(path)
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_FILES or (
            len(self._kept) > 1 and self._nbytes() > MOST_FILE_BYTES
        ):
            self._kept.popitem(last=False)
        return content

    def _nbytes(self) -> int:
        return sum(content.nbytes for content in self._kept.values())
