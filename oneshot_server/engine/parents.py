"""A job's parents: read, checked against what its recipe says, and made into where it begins."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.domain.reshape import Parent, Reshape
from oneshot_server.errors import BadArgumentsError, NotFoundError
from oneshot_server.library.parent_files import check_parent_file, hash_audio
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.reshape import ParentSound, Start, start_from, waveform_to_parent
from oneshot_server.pipeline.sound_files import (
    LONGEST_FILE_SECONDS,
    UnusableError,
    read_sound,
    sound_to_waveform,
)

AUDIBLE_SECONDS: Final = 0.05  # a tail so much longer than the model's sounds is not missed


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


def read_parents(request: GenerateRequest, model: Model) -> Beginning | None:
    """Read the sounds that a request begins from; ``None`` if it begins from noise.

    Raises:
        NotFoundError: a file is gone, or its audio is not the one that the request names.
        BadArgumentsError: a file cannot be used; the text says why.
    """
    if request.reshape is None:
        return None
    parents: list[Parent] = []
    sounds: list[ParentSound] = []
    remarks: list[str] = []
    for parent, file in zip(request.reshape.parents, request.parent_files, strict=True):
        path = Path(file)
        check_parent_file(path, parent.name)
        try:
            sha256 = hash_audio(path.read_bytes())
        except OSError as error:
            raise NotFoundError(f"{parent.name} cannot be read: {error.strerror}") from None
        if parent.sha256 not in ("", sha256):
            raise NotFoundError(
                f"{parent.name} holds other audio than that of SHA-256 {parent.sha256}: {sha256}"
            )
        sound, remark = _read(path, parent, model)
        parents.append(replace(parent, sha256=sha256))
        sounds.append(sound)
        remarks += filter(None, [remark])
    reshape = replace(request.reshape, parents=tuple(parents))
    return Beginning(
        reshape=reshape,
        start=start_from(reshape, tuple(sounds), model),
        remarks=tuple(remarks),
    )


def _read(path: Path, parent: Parent, model: Model) -> tuple[ParentSound, str]:
    """A file as the model sees it, and a remark if it does not see all of it."""
    profile = model.card.profile
    try:
        audio, sample_rate = read_sound(path, LONGEST_FILE_SECONDS)
        waveform = sound_to_waveform(audio, sample_rate, profile)
    except UnusableError as error:
        raise BadArgumentsError(
            f"{parent.name}: {error}, expected a sound (WAV, AIFF, FLAC, OGG, MP3)"
        ) from None
    seconds = audio.shape[1] / sample_rate
    remark = ""
    if seconds > profile.seconds + AUDIBLE_SECONDS:
        remark = (
            f"{parent.name} has {seconds:.2f} s, the model hears the first {profile.seconds:.2f}"
        )
    return waveform_to_parent(waveform, parent.told, model), remark
