"""Spectrograms as image files, whoever made them."""

import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from oneshot_server.errors import BadArgumentsError, NotFoundError
from oneshot_server.library.spectrogram_png import (
    LARGEST_BYTES,
    encode_spectrogram,
    read_spectrogram,
)
from tests.unit.dsp.profiles import built_in

PROFILE = built_in("sd15-oneshot", mels=8, frames=6, hop=512)
LEVEL = np.arange(48, dtype=np.float32).reshape(8, 6) / 47.0
GREY = np.round(LEVEL * 255).astype(np.uint8)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("mode", "step"), [("grey8", 1 / 255), ("grey16", 1 / 65535), ("rgb8", 1 / 255)]
)
def test_a_spectrogram_comes_back_to_half_a_step_with_its_profile(tmp_path, mode, step):
    profile = structs.replace(PROFILE, image_mode=mode)
    path = tmp_path / "kick.png"
    path.write_bytes(encode_spectrogram(LEVEL, profile))
    found = read_spectrogram(path)
    assert found.profile == profile
    assert np.abs(found.levels.mean(axis=0) - LEVEL).max() <= step / 2 + 1e-6
    assert found.opacity.min() == 1.0


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK", "YCbCr"])
def test_images_of_every_mode_have_the_same_levels(tmp_path, mode):
    grey = Image.fromarray(GREY)
    image = grey.convert("P") if mode == "P" else grey.convert("RGB").convert(mode)
    file = save(tmp_path / "x.img", image, format="JPEG" if mode in {"CMYK", "YCbCr"} else "PNG")
    found = read_spectrogram(file)
    assert found.profile is None
    assert np.abs(found.levels - LEVEL).mean() < (0.05 if mode in {"CMYK", "YCbCr"} else 0.003)


def test_black_and_white_and_transparent_pixels_are_read(tmp_path):
    found = read_spectrogram(save(tmp_path / "1.png", Image.fromarray(GREY > 127)))
    assert set(np.unique(found.levels)) == {0.0, 1.0}
    erased = Image.fromarray(GREY).convert("RGBA")
    erased.putpixel((2, 1), (255, 255, 255, 0))
    found = read_spectrogram(save(tmp_path / "erased.png", erased))
    assert found.opacity[1, 2] == 0.0
    assert found.opacity.sum() == 47.0


def riffusion_exif(**changes: object) -> Image.Exif:
    """As riffusion/spectrogram_params.py's to_exif says it."""
    tags = {
        "rate": (11000, 44100), "stereo": (11005, False), "step": (11010, 10),
        "window": (11020, 100), "padded": (11030, 400), "mels": (11040, 512),
        "low": (11050, 0), "high": (11060, 10000), "power": (11070, 0.25), "max": (11080, 3e7),
    }  # fmt: skip
    exif = Image.Exif()
    for name, (tag, value) in tags.items():
        if (value := changes.get(name, value)) is not None:
            exif[tag] = value
    return exif


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_riffusions_images_say_their_profile_by_their_exif(tmp_path, kind):
    image = Image.new("RGB", (700, 512), "white")
    found = read_spectrogram(save(tmp_path / "a", image, format=kind, exif=riffusion_exif()))
    assert found.profile == built_in("riffusion")


def test_of_riffusions_stereo_images_the_empty_channel_is_left_out(tmp_path):
    image = Image.merge("RGB", [Image.new("L", (9, 512), grey) for grey in (0, 100, 200)])
    found = read_spectrogram(save(tmp_path / "a.png", image, exif=riffusion_exif(stereo=True)))
    assert found.levels.shape == (2, 512, 9)
    assert found.levels.mean() == pytest.approx(150 / 255)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"mels": None}, "lacks tag 11040"),
        ({"mels": "many"}, "cannot be read"),
        ({"rate": 10}, "cannot be read"),
        ({"step": 10**9}, "cannot be read"),
        ({"power": float("nan")}, "cannot be read"),
    ],
)
def test_broken_exif_is_told(tmp_path, changes, text):
    image = Image.new("RGB", (5, 512))
    file = save(tmp_path / "a.png", image, exif=riffusion_exif(**changes))
    with pytest.raises(BadArgumentsError, match=text):
        read_spectrogram(file)


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content)) + kind + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )  # fmt: skip


def bomb(width: int, height: int, *extra: bytes) -> bytes:
    """A PNG that claims a size and holds a thousandth of it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(extra) + chunk(b"IDAT", pixels)


HOSTILE = {
    "huge": (bomb(2**31 - 1, 2**31 - 1), "too many pixels, expected at most 4096 by 1024"),
    "wide": (bomb(9_000, 8_000), "9000 by 8000 pixels, expected at most 4096 by 1024"),
    "tall": (bomb(512, 1025), "512 by 1025 pixels"),
    "short": (bomb(512, 512), "damaged"),
    "text": (
        bomb(8, 8, chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 200_000_000, 9))),
        "damaged",
    ),
    "empty": (b"", "no image, expected PNG or JPEG"),
    "gif": (b"GIF89a\1\0\1\0\0\0\0;", "no image, expected PNG or JPEG"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_images_are_refused_before_they_are_unpacked(tmp_path, name):
    content, text = HOSTILE[name]
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(BadArgumentsError, match=rf"x\.png: .*{text}"):
        read_spectrogram(tmp_path / "x.png")


def test_files_that_are_too_large_or_not_there_are_told(tmp_path):
    with (tmp_path / "big.png").open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(BadArgumentsError, match="more than"):
        read_spectrogram(tmp_path / "big.png")
    with pytest.raises(NotFoundError, match=r"none\.png: No such file"):
        read_spectrogram(tmp_path / "none.png")
    with pytest.raises(NotFoundError, match="directory"):
        read_spectrogram(tmp_path)


def test_a_broken_profile_inside_is_told_and_a_strangers_comment_is_not_read(tmp_path):
    for comment, text in (
        ('{"oneshot_profile":{"name":"x"}}', "its mel profile cannot be read.*sample_rate"),
        ('{"oneshot_profile":' + "[" * 5000, "its mel profile cannot be read"),
    ):
        info = PngInfo()
        info.add_text("Comment", comment)
        file = save(tmp_path / "x.png", Image.fromarray(GREY), pnginfo=info)
        with pytest.raises(BadArgumentsError, match=text):
            read_spectrogram(file)
    info = PngInfo()
    info.add_text("Comment", "Created with GIMP")
    assert (
        read_spectrogram(save(tmp_path / "y.png", Image.fromarray(GREY), pnginfo=info)).profile
        is None
    )


def test_whatever_bytes_are_broken_the_answer_is_an_image_or_one_of_our_errors(tmp_path):
    whole, draw = encode_spectrogram(LEVEL, PROFILE), random.Random(1)
    file = tmp_path / "x.png"
    read = 0
    for _ in range(500):
        broken = bytearray(whole[: draw.choice((len(whole), draw.randrange(len(whole))))])
        for _ in range(draw.randrange(4)):
            if len(broken) > 8:
                broken[draw.randrange(8, len(broken))] = draw.randrange(256)
        file.write_bytes(broken)
        try:
            read += float(read_spectrogram(file).levels.max()) <= 1.0
        except BadArgumentsError:
            continue
    assert read < 500
