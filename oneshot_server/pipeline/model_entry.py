"""Models that were added: a small folder that says where the weights are, and how they sound.

Nothing is copied, and nothing is written into the producer's own folders.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.errors import BadArgumentsError, NotFoundError
from oneshot_server.library.atomic_file import write_atomically
from oneshot_server.library.named_folders import find_folder
from oneshot_server.pipeline.model_folder import (
    CARD_FILE,
    STARTER_NAME,
    ModelCard,
    distilled_of,
    read_card,
)
from oneshot_server.pipeline.stable_diffusion.hub import fetch_model, is_hub_name
from oneshot_server.pipeline.stable_diffusion.recognise import (
    Prediction,
    recognise_file,
    recognise_folder,
)

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,63}", re.ASCII)


def add_model(
    source: str,
    models: Path,
    *,
    name: str | None,
    profile: MelProfile | None,
    default_profile: MelProfile,
    prediction: Prediction | None,
) -> Path:
    """Add a model; returns its folder.

    Args:
        source: a folder in diffusers' layout, a ``.safetensors`` file, or a hub's name.
        models: the home's folder of models.
        name: to call it by; ``None`` for the source's own.
        profile: how its images become sound; ``None`` to go by its ``oneshot.json``.
        default_profile: where there is none.
        prediction: what its UNet predicts; ``None`` to find out.

    Raises:
        NotFoundError: there is nothing of that name.
        BadArgumentsError: the name is taken or cannot be one.
        ModelError: it cannot be used; the text says why.
        EngineFailedError: the hub cannot be reached.
        DiskFullError: no space left.
        ForbiddenError: the folder of models cannot be written.
    """
    path, revision = Path(source).expanduser(), ""
    own = _own_name(source, path) if name is None else name
    _check_name(own, models)
    if not path.exists() and is_hub_name(source):
        fetched = fetch_model(source)
        path, revision = fetched.folder, fetched.revision
    path = path.absolute()
    if path.is_dir():
        recognise_folder(path)
        if prediction is not None:
            raise BadArgumentsError(
                f"--prediction is for a file: {path / 'scheduler'} says it for a folder"
            )
    elif path.is_file():
        from oneshot_server.pipeline.stable_diffusion.prediction import file_prediction

        recognise_file(path)
        prediction = prediction or file_prediction(path)
    else:
        raise NotFoundError(
            f'"{source}" is not there, expected a folder in diffusers\' layout, a .safetensors '
            "file, or a hub's name as in stable-diffusion-v1-5/stable-diffusion-v1-5"
        )
    card = ModelCard(name=own, profile=profile or default_profile)
    if profile is None and (path / CARD_FILE).is_file():
        card = read_card(path)
    card = replace(card, name=own, source=str(path), revision=revision, prediction=prediction)
    distilled_of(path, card)
    folder = models / own
    write_atomically(
        folder / CARD_FILE, msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n"
    )
    return folder


def _own_name(source: str, path: Path) -> str:
    """The file's, the folder's or the hub's own name, without what no name may have."""
    if path.exists():
        stem = path.stem if path.is_file() else path.absolute().name
    else:
        stem = source.partition("@")[0].rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9 ._+-]+", "-", stem).strip(" .-_")[:64]


def _check_name(name: str, models: Path) -> None:
    if not _NAME.fullmatch(name):
        raise BadArgumentsError(
            f'"{name[:80]}" cannot be the name of a model, expected up to 64 letters, digits, '
            "spaces and ._+-: choose another with --name"
        )
    if name == STARTER_NAME or find_folder(models, name) is not None:
        raise BadArgumentsError(
            f'there is a model "{name}" already: choose another with --name, or take it away '
            f"from {models}"
        )
