"""Spectrograms as PNG files with their mel profile inside, to be painted in any image editor.

The profile is JSON in the text ``Comment``, the one that GIMP and its kin keep when they save. The
images of Riffusion carry theirs as EXIF tags.
"""

import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.errors import BadArgumentsError, NotFoundError

LARGEST_BYTES: Final = 100_000_000
MOST_ROWS: Final = 1024  # what a profile can have
MOST_COLUMNS: Final = 4096
COMMENT: Final = "Comment"
MARK: Final = '{"oneshot_profile":'
FORMATS: Final = ("PNG", "JPEG")
DEEP_MODES: Final = ("I;16", "I;16B", "I;16L", "I;16N", "I")

# riffusion/spectrogram_params.py of riffusion 0.3, class ExifTags
RIFFUSION_RATE: Final = 11000
RIFFUSION_STEREO: Final = 11005
RIFFUSION_STEP_MS: Final = 11010
RIFFUSION_WINDOW_MS: Final = 11020
RIFFUSION_PADDED_MS: Final = 11030
RIFFUSION_MELS: Final = 11040
RIFFUSION_F_MIN: Final = 11050
RIFFUSION_F_MAX: Final = 11060
RIFFUSION_POWER: Final = 11070


class _Comment(msgspec.Struct):
    oneshot_profile: MelProfile


@dataclass(frozen=True, kw_only=True)
class SpectrogramImage:
    """An image file's pixels.

    Attributes:
        levels: (channels, rows, columns), 0 to 1.
        opacity: (rows, columns), 0 to 1; what was erased has none.
        profile: what the file says of itself, ``None`` if nothing. Its frames may differ
            from the columns.
    """

    levels: npt.NDArray[np.float32]
    opacity: npt.NDArray[np.float32]
    profile: MelProfile | None


def encode_spectrogram(level: npt.NDArray[Any], profile: MelProfile) -> bytes:
    """A PNG of a spectrogram.

    Args:
        level: (rows, columns), 0 to 1; what lies outside is cut.
        profile: what is written into the file.
    """
    deep = profile.image_mode == "grey16"
    steps = 65_535 if deep else 255
    pixels = np.round(np.clip(level, 0.0, 1.0) * steps).astype(np.uint16 if deep else np.uint8)
    if profile.image_mode == "rgb8":
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    text = PngInfo()
    text.add_text(COMMENT, msgspec.json.encode(_Comment(oneshot_profile=profile)).decode())
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", pnginfo=text)
    return stream.getvalue()


def read_spectrogram(path: Path) -> SpectrogramImage:
    """Read a PNG or JPEG of any depth and mode.

    Raises:
        NotFoundError: there is no such file, or it cannot be opened.
        BadArgumentsError: it is no image, damaged, too large, or carries a broken profile; the text
            names the file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise NotFoundError(f"{path}: {error.strerror or error}") from None
    if len(content) > LARGEST_BYTES:
        raise BadArgumentsError(f"{path}: more than {LARGEST_BYTES} bytes, expected a spectrogram")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is checked
            image = Image.open(BytesIO(content), formats=FORMATS)
        _check_size(image)
        image.load()
        return _read(image)
    except BadArgumentsError as error:
        raise BadArgumentsError(f"{path}: {error}") from None
    except Image.DecompressionBombError:
        raise BadArgumentsError(f"{path}: too many pixels, {_size_limit()}") from None
    except UnidentifiedImageError:
        raise BadArgumentsError(f"{path}: no image, expected {' or '.join(FORMATS)}") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        # Pillow's own kinds for whatever a damaged file makes it stumble on.
        raise BadArgumentsError(f"{path}: damaged: {error}") from None


def _check_size(image: Image.Image) -> None:
    if image.width > MOST_COLUMNS or image.height > MOST_ROWS:
        raise BadArgumentsError(f"{image.width} by {image.height} pixels, {_size_limit()}")


def _size_limit() -> str:
    return f"expected at most {MOST_COLUMNS} by {MOST_ROWS}"


def _read(image: Image.Image) -> SpectrogramImage:
    exif = dict(image.getexif()) if RIFFUSION_RATE in image.getexif() else {}
    profile = _commented(image) or (_riffusions(exif) if exif else None)
    if image.mode in DEEP_MODES:
        deep = np.asarray(image).astype(np.float32) / 65_535.0
        return SpectrogramImage(levels=deep[None], opacity=np.ones_like(deep), profile=profile)
    pixels = np.asarray(image.convert("RGBA")).transpose(2, 0, 1).astype(np.float32) / 255.0
    # A stereo image of Riffusion has nothing in red, and its channels in green and blue.
    first = 1 if exif.get(RIFFUSION_STEREO) else 0
    return SpectrogramImage(levels=pixels[first:3], opacity=pixels[3], profile=profile)


def _commented(image: Image.Image) -> MelProfile | None:
    for text in (*getattr(image, "text", {}).values(), *image.info.values()):
        content = text.encode(errors="replace") if isinstance(text, str) else text
        if isinstance(content, bytes) and content.startswith(MARK.encode()):
            try:
                return msgspec.json.decode(content, type=_Comment).oneshot_profile
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise BadArgumentsError(f"its mel profile cannot be read: {error}") from None
    return None


def _riffusions(exif: dict[int, Any]) -> MelProfile:
    try:
        rate = int(exif[RIFFUSION_RATE])
        window, hop, n_fft = (
            int(float(exif[tag]) / 1000.0 * rate)
            for tag in (RIFFUSION_WINDOW_MS, RIFFUSION_STEP_MS, RIFFUSION_PADDED_MS)
        )
        values = {
            "name": "riffusion",
            "sample_rate": rate,
            "n_fft": n_fft,
            "window": window,
            "hop": hop,
            "mels": int(exif[RIFFUSION_MELS]),
            "frames": 512,
            "f_min": float(exif[RIFFUSION_F_MIN]),
            "f_max": float(exif[RIFFUSION_F_MAX]),
            "range_db": 120.0,
            "pad_mode": "reflect",
            "image_curve": "power",
            "image_power": float(exif[RIFFUSION_POWER]),
            "image_inverted": True,
            "image_low_row": "bottom",
            "image_mode": "rgb8",
        }
        return msgspec.convert(values, MelProfile)
    except KeyError as error:
        raise BadArgumentsError(f"its EXIF of Riffusion lacks tag {error}") from None
    except (TypeError, ValueError, ArithmeticError, msgspec.ValidationError) as error:
        raise BadArgumentsError(f"its EXIF of Riffusion cannot be read: {error}") from None
