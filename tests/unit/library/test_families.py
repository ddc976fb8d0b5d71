"""Families: told by recipes, whatever the files are called now."""

from dataclasses import replace
from io import BytesIO

import pytest

from oneshot_server.domain.reshape import Morph, Parent, Vary
from oneshot_server.errors import NotFoundError
from oneshot_server.library.audio_hash import hash_audio
from oneshot_server.library.families import MOST
from oneshot_server.library.wav_metadata import embed, extract
from tests.unit.library.sounds import follow, foreign, library, render


def made_from(seed: int, *parents: bytes) -> bytes:
    """A render whose recipe names its parents."""
    known = tuple(
        Parent(name="as it was called.wav", sha256=hash_audio(BytesIO(wav))) for wav in parents
    )
    made = Vary(strength=0.5, parents=known) if len(known) == 1 else Morph(t=0.5, parents=known)
    wav = render(seed)
    return embed(wav, replace(extract(wav), reshape=made))


@pytest.fixture
def home(tmp_path):
    samples = tmp_path / "samples"
    samples.mkdir()
    root, other = foreign(100), render(1)
    child = made_from(2, root)
    grandchild = made_from(3, child, other)
    for name, wav in {
        "root.wav": root,
        "other.wav": other,
        "child.wav": child,
        "sister.wav": made_from(4, root),
        "grandchild.wav": grandchild,
        "stranger.wav": render(9),
    }.items():
        (samples / name).write_bytes(wav)
    return tmp_path


def test_a_family_is_all_ancestors_and_descendants(home):
    with library(home) as opened:
        follow(opened)
        number = {
            name: opened.sound_at(f"{name}.wav").number for name in ("root", "child", "other")
        }
        grandchild = opened.sound_at("grandchild.wav").number
        family = opened.family(number["child"])
        assert family.sounds[0].path == "child.wav"
        names = {"child.wav", "root.wav", "sister.wav", "grandchild.wav", "other.wav"}
        assert {sound.path for sound in family.sounds} == names
        assert (number["root"], number["child"]) in family.links
        assert (number["child"], grandchild) in family.links
        assert (number["other"], grandchild) in family.links
        assert opened.sound_at("child.wav").parent == "as it was called.wav"


def test_a_family_outlives_moves_and_a_lost_parent(home):
    samples = home / "samples"
    with library(home) as opened:
        follow(opened)
        (samples / "root.wav").rename(samples / "moved.wav")
        (samples / "child.wav").unlink()
        follow(opened)
        family = opened.family(opened.sound_at("sister.wav").number)
        assert {sound.path for sound in family.sounds} == {"sister.wav", "moved.wav"}
        alone = opened.family(opened.sound_at("stranger.wav").number)
        assert [sound.path for sound in alone.sounds] == ["stranger.wav"]
        assert alone.links == ()
        with pytest.raises(NotFoundError):
            opened.family(12345)


def test_a_large_family_is_told_of_in_part(tmp_path):
    samples = tmp_path / "samples"
    samples.mkdir()
    root = foreign(100)
    (samples / "root.wav").write_bytes(root)
    for seed in range(MOST + 10):
        (samples / f"{seed}.wav").write_bytes(made_from(seed, root))
    with library(tmp_path) as opened:
        follow(opened)
        family = opened.family(opened.sound_at("root.wav").number)
        assert len(family.sounds) == MOST
        assert len(family.links) == MOST - 1
