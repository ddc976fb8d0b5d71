"""The recipe inside a WAV: it survives, it harms nobody, and strangers' files cannot hurt."""

import io
import struct
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.library import Mark
from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.domain.recipe import Recipe
from oneshot_server.domain.requests import Batch, LoraWeight
from oneshot_server.domain.reshape import Morph, Parent
from oneshot_server.errors import MetadataError
from oneshot_server.library.riff import assemble, walk
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.library.wav_metadata import (
    embed,
    extract,
    mark_wav,
    read_mark,
    read_recipe,
)

RECIPE = Recipe(
    prompt="punchy kick",
    caption="kick punchy short",
    negative="noisy",
    seed=7,
    steps=20,
    guidance=2.5,
    sampler="dpmpp-2m",
    loras=(LoraWeight(name="mine", weight=0.8),),
    model="starter",
    model_hash="ab" * 32,
    profile=MelProfile(
        name="starter-256",
        sample_rate=44100,
        n_fft=2048,
        window=1024,
        hop=256,
        mels=128,
        frames=256,
        f_min=20.0,
        f_max=20000.0,
        range_db=80.0,
    ),
    batch=Batch(seeds=(7, 8, 9), index=0),
    finish=FinishOptions(),
    subtype="PCM_24",
    software="oneshot-server 0.1.0",
    platform="torch 2.14.1, cpu, 2 threads",
)


def sine(samples: int = 441) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(samples) / 44100)).astype(np.float32)


def with_recipe(content: bytes) -> bytes:
    return assemble([(b"fmt ", b"\0" * 16), (b"data", b"\0\0"), (b"OSHT", content)])


def changed(**values: object) -> bytes:
    return msgspec.json.encode(msgspec.to_builtins(RECIPE) | values)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("samples", [440, 441])
def test_a_recipe_comes_back_and_the_sound_stays(subtype: str, samples: int) -> None:
    wav = encode_wav(sine(samples), 44100, subtype)
    tagged = embed(wav, RECIPE)
    assert extract(tagged) == RECIPE
    before, after = (soundfile.read(io.BytesIO(data)) for data in (wav, tagged))
    np.testing.assert_array_equal(before[0], after[0])
    assert after[1] == 44100
    assert struct.unpack_from("<I", tagged, 4)[0] == len(tagged) - 8


def test_other_programs_see_title_software_and_comment() -> None:
    with soundfile.SoundFile(io.BytesIO(embed(encode_wav(sine(), 44100, "PCM_24"), RECIPE))) as f:
        assert f.title == "punchy kick"
        assert f.software.startswith("oneshot-server 0.1.0")
        assert f.comment == "kick punchy short, seed 7, starter"


def test_the_audio_follows_the_format_as_hardware_samplers_expect() -> None:
    wav = embed(encode_wav(sine(), 44100, "PCM_24"), RECIPE)
    assert [c.id for c in walk(io.BytesIO(wav))] == [b"fmt ", b"data", b"LIST", b"OSHT"]


def test_a_new_recipe_replaces_the_old_one_and_leaves_strangers_chunks() -> None:
    wav = assemble(
        [
            *((b"fmt ", b"\0" * 16), (b"data", b"\0\0\0"), (b"LIST", b"adtlxyz")),
            *((b"smpl", b"loop"), (b"LIST", b"INFOold"), (b"OSHT", b"{}")),
        ]
    )
    tagged = embed(wav, RECIPE)
    assert extract(tagged) == RECIPE
    ids = [chunk.id for chunk in walk(io.BytesIO(tagged))]
    assert ids == [b"fmt ", b"data", b"LIST", b"smpl", b"LIST", b"OSHT"]
    assert b"adtlxyz" in tagged
    assert b"INFOold" not in tagged


def test_what_a_recipe_does_not_say_is_not_written_so_older_files_stay_as_they_were() -> None:
    wav = encode_wav(sine(), 44100, "PCM_24")
    assert b"width" not in embed(wav, RECIPE)
    assert embed(wav, extract(embed(wav, RECIPE))) == embed(wav, RECIPE)
    wide = replace(RECIPE, finish=FinishOptions(sample_rate=48_000, width=0.5))
    assert extract(embed(wav, wide)) == wide


def test_a_recipe_of_a_rate_that_no_file_has_is_refused() -> None:
    wide = replace(RECIPE, finish=FinishOptions(sample_rate=48_000))
    tagged = embed(encode_wav(sine(), 44100, "PCM_24"), wide)
    with pytest.raises(MetadataError, match="recipe cannot be read"):
        extract(tagged.replace(b'"sample_rate":48000', b'"sample_rate":48001'))


def test_embedding_twice_is_embedding_once() -> None:
    once = embed(encode_wav(sine(), 44100, "PCM_24"), RECIPE)
    assert embed(once, RECIPE) == once


@settings(deadline=None)  # machines that test are busy
@given(
    prompt=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=500).filter(
        lambda text: bool(text.strip())
    ),
    samples=st.integers(1, 50),
)
def test_any_prompt_survives_and_leaves_a_readable_file(prompt: str, samples: int) -> None:
    said = replace(RECIPE, prompt=prompt)
    tagged = embed(encode_wav(sine(samples), 44100, "PCM_24"), said)
    assert extract(tagged) == said
    assert len(soundfile.read(io.BytesIO(tagged))[0]) == samples


def test_tags_are_cut_between_characters_where_libsndfile_still_reads_them() -> None:
    recipe = replace(RECIPE, prompt="é" * 500)
    tagged = embed(encode_wav(sine(), 44100, "PCM_24"), recipe)
    with soundfile.SoundFile(io.BytesIO(tagged)) as file:
        assert file.title == "é" * 500
    assert extract(tagged).prompt == "é" * 500


def test_lone_surrogates_are_refused() -> None:
    recipe = replace(RECIPE, prompt="\ud800")
    with pytest.raises(MetadataError, match="surrogates"):
        embed(encode_wav(sine(), 44100, "PCM_24"), recipe)


def test_a_recipe_is_read_without_its_audio(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(embed(encode_wav(np.zeros(2_000_000, np.float32), 44100, "FLOAT"), RECIPE))
    tracemalloc.start()
    try:
        assert read_recipe(path) == RECIPE
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field `format`"),
        (b'{"format": "1"}', "Expected `int`"),
        (b'{"format": 2}', "format 2, this version reads 1: update"),
        (b'{"format": 1}', "missing required field"),
        (b'{"format": 1, "x": ' + b"[" * 100_000, "cannot be read"),
        (changed(seed="7"), "seed"),
        (changed(seed=-1), "seed = -1, expected an int from 0"),
        (changed(prompt=""), "prompt"),
        (changed(prompt="x" * 501), "501 characters"),
        (changed(steps=10**9), "steps = 1000000000"),
        (changed(guidance=1000.0), "guidance"),
        (changed(batch={"seeds": [1], "index": 1}), "batch index = 1"),
        (changed(batch={"seeds": [], "index": 0}), "batch index = 0"),
        (changed(batch={"seeds": list(range(100)), "index": 0}), "count = 100"),
        (changed(batch={"seeds": [2**40], "index": 0}), "seed"),
        (changed(finish={"peak_db": 40}), "peak_db = 40"),
        (changed(profile={"name": "x"}), "profile"),
        (changed().replace(b'"guidance":2.5', b'"guidance":1e999'), "guidance"),
        (b" " * 1_000_001, "1000001 bytes"),
    ],
    ids=range(23),
)
def test_a_broken_recipe_is_refused_with_file_and_trouble(
    content: bytes, trouble: str, tmp_path: Path
) -> None:
    path = tmp_path / "strange.wav"
    path.write_bytes(with_recipe(content))
    with pytest.raises(MetadataError, match=r"strange\.wav") as caught:
        read_recipe(path)
    assert trouble in str(caught.value)


GOOD = embed(encode_wav(sine(11), 44100, "PCM_24"), RECIPE)


@pytest.mark.parametrize(
    ("spoil", "trouble"),
    [
        (lambda _: b"", "no RIFF"),
        (lambda wav: wav[:11], "no RIFF"),
        (lambda wav: b"RF64" + wav[4:], "no RIFF"),
        (lambda wav: wav[:8] + b"AVI " + wav[12:], "no RIFF"),
        (lambda wav: wav[:12], "no recipe inside"),
        (lambda wav: wav[:60], "cut short"),
        (lambda wav: wav[:16] + b"\xff\xff\xff\xff" + wav[20:], "cut short"),
        (lambda wav: wav[:12] + b"junk\0\0\0\0" * 2000, "more than 1000 chunks"),
        (lambda _: encode_wav(sine(), 44100, "PCM_24"), "no recipe inside"),
    ],
    ids=range(9),
)
def test_a_broken_file_is_refused_with_its_name(
    spoil: Callable[[bytes], bytes], trouble: str, tmp_path: Path
) -> None:
    path = tmp_path / "strange.wav"
    path.write_bytes(spoil(GOOD))
    with pytest.raises(MetadataError, match=r"strange\.wav") as caught:
        read_recipe(path)
    assert trouble in str(caught.value)


@settings(deadline=None)  # machines that test are busy
@given(st.binary(max_size=200))
@example(b"\0" * 7)
def test_random_bytes_are_refused_and_nothing_worse(data: bytes) -> None:
    for file in (data, b"RIFF\0\0\0\0WAVE" + data, with_recipe(data)):
        with pytest.raises(MetadataError):
            extract(file)


@settings(deadline=None)  # machines that test are busy
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_one_wrong_byte_gives_a_recipe_or_a_clear_refusal(position: int, value: int) -> None:
    spoiled = bytearray(GOOD)
    spoiled[position] = value
    with suppress(MetadataError):
        assert isinstance(extract(bytes(spoiled)), Recipe)


@settings(deadline=None)  # machines that test are busy
@given(st.integers(0, len(GOOD.rstrip(b"\0")) - 1))  # a last byte that only pads is no loss
def test_a_file_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(MetadataError):
        extract(GOOD[:length])


@settings(deadline=None)  # machines that test are busy
@given(
    st.lists(st.tuples(st.binary(min_size=4, max_size=4), st.binary(max_size=40)), max_size=20),
    st.binary(max_size=7),
)
def test_chunks_survive_assembly_and_junk_at_the_end(
    chunks: list[tuple[bytes, bytes]], junk: bytes
) -> None:
    file = assemble(chunks) + junk
    found = [(c.id, file[c.start : c.start + c.size]) for c in walk(io.BytesIO(file))]
    assert found == chunks


def test_a_missing_file_and_a_folder_are_told_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "none.wav", tmp_path):
        with pytest.raises(MetadataError, match=str(path)):
            read_recipe(path)


MADE_FROM = Morph(t=0.25, parents=(Parent(name="a.wav", sha256="a" * 64, told="kick"),) * 2)


def test_parents_come_back_and_a_sound_without_a_prompt_is_titled_by_its_caption() -> None:
    recipe = replace(RECIPE, prompt="", reshape=MADE_FROM)
    tagged = embed(encode_wav(sine(), 44100, "PCM_24"), recipe)
    assert extract(tagged) == recipe
    assert extract(tagged).parents == MADE_FROM.parents
    assert b"INAM" + (18).to_bytes(4, "little") + b"kick punchy short\0" in tagged


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": ""},
        {"reshape": {"kind": "vary", "strength": 0.5}},
        {"reshape": {"kind": "vary", "strength": 0.5, "parents": [{"name": "a"}]}},
        {
            "reshape": {
                "kind": "vary",
                "strength": 2,
                "parents": [{"name": "a", "sha256": "a" * 64}],
            }
        },
        {"reshape": {"kind": "vary", "strength": 1, "parents": [{"name": "a", "sha256": "../x"}]}},
        {"reshape": {"kind": "morph", "t": 1, "parents": [{"name": "a", "sha256": "a" * 64}]}},
        {"reshape": {"kind": "inpaint", "keep": "middle", "split": 0.1, "parents": []}},
        {"reshape": {"kind": "other"}},
    ],
)
def test_what_no_sound_was_ever_made_from_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(MetadataError, match="cannot be read"):
        extract(with_recipe(changed(**changes)))


MARK = Mark(stars=4, tags=("dusty", "für mich"))


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_mark_comes_back_and_comes_off_to_the_byte(subtype: str) -> None:
    wav = embed(encode_wav(sine(), 44100, subtype), RECIPE)
    marked = mark_wav(wav, MARK)
    assert read_mark(io.BytesIO(marked)) == MARK
    assert read_mark(io.BytesIO(wav)) == Mark()
    assert extract(marked) == RECIPE
    np.testing.assert_array_equal(
        soundfile.read(io.BytesIO(marked))[0], soundfile.read(io.BytesIO(wav))[0]
    )
    again = mark_wav(marked, Mark(stars=1))
    assert read_mark(io.BytesIO(again)) == Mark(stars=1)
    assert mark_wav(again, Mark()) == wav


def test_a_mark_is_where_other_programs_look_for_it() -> None:
    marked = mark_wav(embed(encode_wav(sine(), 44100, "PCM_24"), RECIPE), MARK)
    assert b"IRTD\x02\x00\x00\x004\x00" in marked
    assert b"IKEY" in marked
    assert "dusty; für mich".encode() in marked
    with soundfile.SoundFile(io.BytesIO(marked)) as sound:
        assert sound.title == RECIPE.prompt


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tags: b"INFO" + tags))
@example(b"INFOINAM\x03\x00\x00\x00abc")
@example(b"INFOINAM\xff\xff\xff\xff5")
@example(b"INFO" + bytes(100_001))
@example(b"INFOIRTD\xff\xff\xff\xff5")
@example(b"INFOIRTD\x01\x00\x00\x009\x00IKEY\x05\x00\x00\x00a;\n;b")
def test_whatever_stands_in_a_list_is_a_mark_or_none(content: bytes) -> None:
    wav = assemble([(b"fmt ", b"\0" * 16), (b"data", b"\0\0"), (b"LIST", content)])
    mark = read_mark(io.BytesIO(wav))
    assert 0 <= mark.stars <= 5
    assert read_mark(io.BytesIO(mark_wav(wav, MARK))) == MARK


def test_tags_that_do_not_fit_are_refused() -> None:
    wav = embed(encode_wav(sine(), 44100, "PCM_24"), RECIPE)
    with pytest.raises(MetadataError, match="1000 bytes"):
        mark_wav(wav, Mark(tags=tuple(f"{number}{'x' * 36}" for number in range(30))))
