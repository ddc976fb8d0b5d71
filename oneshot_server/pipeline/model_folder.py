"""A model folder: ``oneshot.json`` beside weights, or pointing to them; read before loading."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.domain.parameters import ManyStepSampler
from oneshot_server.errors import ModelError, NotFoundError
from oneshot_server.library.hash_cache import hash_file
from oneshot_server.library.named_folders import find_folder, visible_folders
from oneshot_server.pipeline.prompt import Words
from oneshot_server.pipeline.stable_diffusion.recognise import DISTILLED, PARTS, Prediction

CARD_FILE: Final = "oneshot.json"
WORDS_FILE: Final = "words.json"
SUMS_FILE: Final = "SHA256SUMS"
_Kind = TypeVar("_Kind")
STARTER_NAME: Final = "starter"
STARTER: Final = Path(__file__).parent.parent / "starter" / "weights"


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What ``oneshot.json`` says of a model.

    Attributes:
        name: for people, files and events.
        profile: the mel profile that its images were made with.
        image_channels: channels of its autoencoder's images; a mel is repeated in each.
        steps: sampler steps where a request leaves them open.
        guidance: guidance scale where a request leaves it open.
        guidance_from: guidance begins at this share of the noise, 0 to 1. At first it only narrows
            what can still become of the noise (Kynkäänniemi et al., 2024).
        guidance_to: guidance ends at this share of the noise.
        sampler: sampler where a request leaves it open.
        distilled_steps: of the UNet in ``unet_distilled``, which was distilled to so many steps of
            DDIM with trailing time steps, guidance and an empty negative prompt being in it; 0
            without one.
        source: the folder or file that holds the weights; empty if they are beside the card.
        revision: what was taken of a hub's model; empty for what is the producer's own.
        prediction: what the UNet of a checkpoint in one file predicts; a folder says it itself.
        format: version of this layout.
    """

    name: str
    profile: MelProfile
    image_channels: int = 3
    steps: int = 20
    guidance: float = 7.5
    guidance_from: float = 1.0
    guidance_to: float = 0.0
    sampler: ManyStepSampler = "dpmpp-2m"
    distilled_steps: int = 0
    source: str = ""
    revision: str = ""
    prediction: Prediction | None = None
    format: int = 1

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("format", self.format, 1, 1),
            ("image_channels", self.image_channels, 1, 4),
            ("steps", self.steps, 1, 200),
            ("guidance", self.guidance, 0, 30),
            ("guidance_from", self.guidance_from, 0, 1),
            ("guidance_to", self.guidance_to, 0, 1),
            ("distilled_steps", self.distilled_steps, 0, 200),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} = {value}, expected {low} to {high}")


def find_model(name: str, models: Path) -> Path:
    """The folder of a model: ``starter``, a folder's name in ``models``, or a path.

    Raises:
        NotFoundError: there is none; the text says what was looked for and where.
    """
    if name == STARTER_NAME:
        return STARTER
    for folder in (models / name, Path(name).expanduser()):
        if (folder / CARD_FILE).is_file():
            return folder
    if Path(name).expanduser().exists():
        raise NotFoundError(
            f'model "{name}" has no {CARD_FILE}: add it first, with: oneshot model add "{name}"'
        )
    raise NotFoundError(
        f'model "{name[:80]}" not found: expected "{STARTER_NAME}", or a folder with {CARD_FILE} '
        f"in {models} or by its path"
    )


def find_named_model(name: str, models: Path) -> Path:
    """The folder of a model by its name alone, for whoever must not lead us out of ``models``.

    Raises:
        NotFoundError: there is none; the text names those there are.
    """
    if name == STARTER_NAME:
        return STARTER
    folder = find_folder(models, name)
    if folder is None or not (folder / CARD_FILE).is_file():
        known = ", ".join(model_names(models))
        raise NotFoundError(f'no model is named "{name[:80]}", expected one of: {known}')
    return folder


def model_names(models: Path) -> list[str]:
    """The starter, and every model in the folder, sorted."""
    found = (folder for folder in visible_folders(models) if (folder / CARD_FILE).is_file())
    return [STARTER_NAME, *(folder.name for folder in found)]


def weights_of(folder: Path, card: ModelCard) -> Path:
    """The folder, or the file, that holds a model's weights.

    Raises:
        ModelError: it is gone.
    """
    weights = Path(card.source) if card.source else folder
    if not weights.exists():
        raise ModelError(
            f"{weights}, the weights of the model {folder.name}, is gone: put it back, or add "
            f"the model again with: oneshot model add … --name {folder.name}"
        )
    return weights


def distilled_of(weights: Path, card: ModelCard) -> Path | None:
    """The folder of a model's UNet for few steps; ``None`` for a model without one.

    Args:
        weights: as ``weights_of`` says.
        card: of the model.

    Raises:
        ModelError: it should be there and is not; the text names it.
    """
    if not card.distilled_steps:
        return None
    folder = weights / DISTILLED
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{folder} has no weights, but {CARD_FILE} of {card.name} says distilled_steps = "
            f"{card.distilled_steps}: expected a UNet for so many steps there, or 0"
        )
    return folder


def read_card(folder: Path) -> ModelCard:
    """Read ``oneshot.json``.

    Raises:
        ModelError: missing or broken; the text names the file.
    """
    return _read_json(folder / CARD_FILE, ModelCard)


def read_words(weights: Path) -> Words | None:
    """Read ``words.json`` beside the weights; ``None`` for a model that takes any text.

    Raises:
        ModelError: broken; the text names the file.
    """
    path = weights / WORDS_FILE
    return _read_json(path, Words) if path.is_file() else None


def hash_model(folder: Path) -> str:
    """SHA-256 over everything of a model that shapes a sound, hexadecimal.

    Names and contents of its files; of a card that points elsewhere, what it says but where and
    under which name.

    Raises:
        ModelError: a file differs from what the folder's ``SHA256SUMS`` says, or is gone.
    """
    card = read_card(folder)
    weights = weights_of(folder, card)
    whole = hashlib.sha256()
    if card.source:
        told = msgspec.json.encode(_told(card))
        whole.update(f"{hashlib.sha256(told).hexdigest()}  {CARD_FILE}\n".encode())
    try:
        for name, digest in _hashes(weights, card):
            whole.update(f"{digest}  {name}\n".encode())
    except OSError as error:
        raise ModelError(f"{weights} cannot be read: {error.strerror or error}") from None
    return whole.hexdigest()


def hash_part(folder: Path, part: str) -> str:
    """SHA-256 over one part of a model, as in ``vae``, hexadecimal.

    Raises:
        ModelError: the weights are gone or cannot be read.
    """
    weights = weights_of(folder, read_card(folder))
    if weights.is_file():  # all parts in one
        return hash_model(folder)
    whole = hashlib.sha256()
    try:
        for path in _files_in(weights / part):
            whole.update(f"{hash_file(path)}  {path.name}\n".encode())
    except OSError as error:
        raise ModelError(f"{weights} cannot be read: {error.strerror or error}") from None
    return whole.hexdigest()


def _told(card: ModelCard) -> dict[str, Any]:
    """What a card says but where the weights are and under which name."""
    told: dict[str, Any] = msgspec.to_builtins(replace(card, name="", source="", revision=""))
    if not card.distilled_steps:  # hashes of before there was such a key stay
        del told["distilled_steps"]
    return told


def _hashes(weights: Path, card: ModelCard) -> Iterator[tuple[str, str]]:
    """Name and SHA-256 of each file, checked against the folder's own sums."""
    if weights.is_file():
        yield weights.suffix, hash_file(weights)
        return
    own_card = not card.source
    expected = _read_sums(weights)
    found: set[str] = set()
    for path in _model_files(weights, card):
        name = path.relative_to(weights).as_posix()
        digest = hash_file(path)
        if expected and digest != expected.get(name, digest):
            raise ModelError(
                f"{path} is damaged: expected SHA-256 {expected[name]}, found {digest}. "
                "Install the model again."
            )
        found.add(name)
        yield name, digest
    listed = (name for name in expected.keys() - found if own_card or "/" in name)
    # A part that is listed and there, but not used, is no fault.
    if missing := sorted(name for name in listed if not (weights / name).is_file()):
        raise ModelError(
            f"{weights / missing[0]} is missing: expected SHA-256 {expected[missing[0]]}. "
            "Install the model again."
        )


def write_sums(folder: Path) -> None:
    """Write ``SHA256SUMS`` over the model's files, as ``sha256sum --check`` reads it.

    Raises:
        ModelError: the folder has no card, or not all that the card says.
    """
    card = read_card(folder)
    lines = [
        f"{hash_file(path)}  {path.relative_to(folder).as_posix()}\n"
        for path in _model_files(folder, card)
    ]
    (folder / SUMS_FILE).write_text("".join(lines), encoding="utf-8")


def _model_files(folder: Path, card: ModelCard) -> Iterator[Path]:
    """Everything that shapes a sound, in a fixed order.

    Not pictures and prose, nor what a hub's folder has beside the parts: the same weights once
    more in one file, a safety checker.
    """
    top = [WORDS_FILE] if card.source else [CARD_FILE, WORDS_FILE]
    files = [folder / name for name in top if (folder / name).is_file()]
    for part in PARTS:
        files += _files_in(folder / part)
    if (distilled := distilled_of(folder, card)) is not None:
        files += _files_in(distilled)
    yield from sorted(files)


def _files_in(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in {".json", ".safetensors", ".txt"}
    ]


def _read_sums(folder: Path) -> dict[str, str]:
    path = folder / SUMS_FILE
    if not path.exists():
        return {}
    pairs = (line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines())
    return {name: digest for digest, name in pairs}


def _read_json(path: Path, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise ModelError(f"{path} not found: a model folder needs it") from None
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
