"""A model folder: diffusers layout plus ``oneshot.json``, checked before anything is loaded."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.domain.parameters import Sampler
from oneshot_server.errors import ModelError, NotFoundError
from oneshot_server.pipeline.prompt import Words

CARD_FILE: Final = "oneshot.json"
WORDS_FILE: Final = "words.json"
SUMS_FILE: Final = "SHA256SUMS"
_Kind = TypeVar("_Kind")
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
        format: version of this layout.
    """

    name: str
    profile: MelProfile
    image_channels: int = 3
    steps: int = 20
    guidance: float = 7.5
    guidance_from: float = 1.0
    guidance_to: float = 0.0
    sampler: Sampler = "dpmpp-2m"
    format: int = 1

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("format", self.format, 1, 1),
            ("image_channels", self.image_channels, 1, 4),
            ("steps", self.steps, 1, 200),
            ("guidance", self.guidance, 0, 30),
            ("guidance_from", self.guidance_from, 0, 1),
            ("guidance_to", self.guidance_to, 0, 1),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} = {value}, expected {low} to {high}")


def find_model(name: str, models: Path) -> Path:
    """The folder of a model: ``starter``, a folder's name in ``models``, or a path.

    Raises:
        NotFoundError: there is none; the text says what was looked for and where.
    """
    if name == "starter":
        return STARTER
    for folder in (models / name, Path(name)):
        if (folder / CARD_FILE).is_file():
            return folder
    raise NotFoundError(
        f'model "{name}" not found: expected "starter", or a folder with {CARD_FILE} '
        f"in {models} or by its path"
    )


def read_card(folder: Path) -> ModelCard:
    """Read ``oneshot.json``.

    Raises:
        ModelError: missing or broken; the text names the file.
    """
    return _read_json(folder / CARD_FILE, ModelCard)


def read_words(folder: Path) -> Words | None:
    """Read ``words.json``; ``None`` for a model that takes any text.

    Raises:
        ModelError: broken; the text names the file.
    """
    path = folder / WORDS_FILE
    return _read_json(path, Words) if path.exists() else None


def hash_model(folder: Path) -> str:
    """SHA-256 over the names and contents of the model's files, hexadecimal.

    Raises:
        ModelError: a file differs from what the folder's ``SHA256SUMS`` says.
    """
    expected = _read_sums(folder)
    whole = hashlib.sha256()
    found: set[str] = set()
    for path in _model_files(folder):
        name = path.relative_to(folder).as_posix()
        digest = _hash_file(path)
        if expected and digest != expected.get(name, digest):
            raise ModelError(
                f"{path} is damaged: expected SHA-256 {expected[name]}, found {digest}. "
                "Install the model again."
            )
        found.add(name)
        whole.update(f"{digest}  {name}\n".encode())
    if missing := sorted(expected.keys() - found):
        raise ModelError(
            f"{folder / missing[0]} is missing: expected SHA-256 {expected[missing[0]]}. "
            "Install the model again."
        )
    return whole.hexdigest()


def write_sums(folder: Path) -> None:
    """Write ``SHA256SUMS`` over the model's files, as ``sha256sum --check`` reads it."""
    lines = [
        f"{_hash_file(path)}  {path.relative_to(folder).as_posix()}\n"
        for path in _model_files(folder)
    ]
    (folder / SUMS_FILE).write_text("".join(lines), encoding="utf-8")


def _model_files(folder: Path) -> Iterator[Path]:
    """Everything that shapes a sound, in a fixed order; pictures and prose do not."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in {".json", ".safetensors", ".txt"}:
            yield path


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
