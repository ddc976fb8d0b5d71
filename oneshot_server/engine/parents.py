"""A job's parents: read, checked against what its recipe says, and made into where it begins."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from msgspec import structs

from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.domain.reshape import Parent, Reshape
from oneshot_server.errors import BadArgumentsError, NotFoundError
from oneshot_server.library.audio_hash import hash_audio
from oneshot_server.library.parent_files import check_parent_file
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.reshape import ParentSound, Start, start_from, waveform_to_parent
from oneshot_server.pipeline.sound_files import (
    LONGEST_FILE_SECONDS,
    UnusableError,
    read_sound,
    sound_to_waveform,
)

AUDIBLE_SECONDS: Final = 0.05  # a tail so much longer than the model's sounds is not missed
OFFSET: Final = 0.01  # of the peak; what more a recorder has left would hide where the sound begins
MOST_KEPT: Final = 8  # a parent of a large model takes some megabytes


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a job begins from.

    Attributes:
        reshape: with what was read of its parents, for the recipe.
        start: for the pipeline.
        remarks: for the producer.
    """

    reshape: Reshape
    start: Start
    remarks: tuple[str, ...]


class ParentReader:
    """Reads parents and keeps the last ones: a slider asks for the same two again and again.

    Args:
        model: whose autoencoder encodes them.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._kept: OrderedDict[str, tuple[ParentSound, str]] = OrderedDict()

    def read(self, request: GenerateRequest, check: Callable[[], object]) -> Beginning | None:
        """Read the sounds that a request begins from; ``None`` if it begins from noise.

        Args:
            request: what is asked for.
            check: called before each sound is read; may raise to stop.

        Raises:
            NotFoundError: a file is gone, or its audio is not the one that the request names.
            BadArgumentsError: a file cannot be used; the text says why.
            PrecisionError: half precision cannot encode it.
        """
        if request.reshape is None:
            return None
        parents: list[Parent] = []
        sounds: list[ParentSound] = []
        remarks: list[str] = []
        for parent, file in zip(request.reshape.parents, request.parent_files, strict=True):
            check()
            path = Path(file)
            sha256 = _check(path, parent)
            sound, remark = self._sound(path, parent.name, sha256)
            parents.append(structs.replace(parent, sha256=sha256))
            sounds.append(sound)
            if remark:
                remarks.append(f"{parent.name} {remark}")
        reshape = structs.replace(request.reshape, parents=tuple(parents))
        start = start_from(reshape, sounds, self._model)
        return Beginning(reshape=reshape, start=start, remarks=tuple(remarks))

    def _sound(self, path: Path, name: str, sha256: str) -> tuple[ParentSound, str]:
        """A file as the model sees it, and a remark if it does not see all of it."""
        if sha256 in self._kept:
            self._kept.move_to_end(sha256)
            return self._kept[sha256]
        profile = self._model.card.profile
        try:
            audio, sample_rate = read_sound(path, LONGEST_FILE_SECONDS)
            offset = audio.median(dim=1, keepdim=True).values  # what most of a decaying sound is at
            audio = torch.where(offset.abs() > OFFSET * audio.abs().amax(), audio - offset, audio)
            waveform = sound_to_waveform(audio, sample_rate, profile)
        except UnusableError as error:
            raise BadArgumentsError(
                f"{name}: {error}, expected a sound (WAV, AIFF, FLAC, OGG, MP3)"
            ) from None
        seconds = audio.shape[1] / sample_rate
        remark = ""
        if seconds > profile.seconds + AUDIBLE_SECONDS:
            remark = f"has {seconds:.2f} s, the model hears the first {profile.seconds:.2f}"
        self._kept[sha256] = waveform_to_parent(waveform, self._model), remark
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return self._kept[sha256]


def _check(path: Path, parent: Parent) -> str:
    """The hash of a file's audio, if it is the one that is meant."""
    check_parent_file(path, parent.name)
    try:
        with path.open("rb") as file:
            sha256 = hash_audio(file)
    except OSError as error:
        raise NotFoundError(f"{parent.name} cannot be read: {error.strerror}") from None
    if parent.sha256 not in ("", sha256):
        raise NotFoundError(
            f"{parent.name} has audio of SHA-256 {sha256}, expected {parent.sha256}"
        )
    return sha256
