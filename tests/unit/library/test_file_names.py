"""File names from prompts: readable, and harmless on every system."""

import unicodedata
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneshot_server.errors import ForbiddenError
from oneshot_server.library.file_names import (
    check_file_name,
    numbered,
    prompt_to_name,
    prompt_to_words,
)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("punchy kick", "punchy_kick"),
        ("Punchy, KICK!!", "punchy_kick"),
        ("  808 / sub -- 50hz ", "808_sub_50hz"),
        ("große Trommel", "große_trommel"),
        ("Cafe\u0301", "caf\u00e9"),
        ("太鼓 どん", "太鼓_どん"),
        ("ताल", "ताल"),
        ("../../etc/passwd", "etc_passwd"),
        (".hidden", "hidden"),
        ("a\0b\nc", "a_b_c"),
        ("\ud800", "sound"),
        ("🥁", "sound"),
        ("\u0301", "sound"),
        ("", "sound"),
        ("x" * 500, "x" * 40),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_a_prompt_becomes_words_of_letters_and_digits(prompt: str, words: str) -> None:
    assert prompt_to_words(prompt) == words


@settings(deadline=None)  # machines that test are busy
@given(st.text())
def test_whatever_the_prompt_the_name_is_short_plain_and_composed(prompt: str) -> None:
    words = prompt_to_words(prompt)
    assert 1 <= len(words) <= 40
    assert len(words.encode()) <= 120
    assert unicodedata.is_normalized("NFC", words)
    name = f"{words}_7.wav"
    check_file_name(name)
    assert Path(name).name == name


@settings(deadline=None)  # machines that test are busy
@given(st.sampled_from(["con", "NUL", "com1", "lpt9", "aux"]))
def test_names_that_windows_reserves_lose_their_meaning(prompt: str) -> None:
    assert f"{prompt_to_words(prompt)}_1.wav" == f"{prompt.lower()}_1.wav"


def test_taken_names_are_counted_on_from_two() -> None:
    assert list(islice(numbered("kick_7.wav"), 3)) == ["kick_7.wav", "kick_7-2.wav", "kick_7-3.wav"]
    first, second = islice(numbered("é" * 125 + "x.wav"), 2)
    assert len(first.encode()) == 255
    assert second == "é" * 124 + "-2.wav"


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", ".hidden.wav", "a/b.wav", "/etc/x.wav", "a\\b.wav", "c:x.wav", "a:stream"),
        *("a\0.wav", "a\n.wav", "  ", "*.wav", "x" * 300 + ".wav"),
    ],
)
def test_a_name_that_is_a_path_or_hidden_is_forbidden(name: str) -> None:
    with pytest.raises(ForbiddenError, match="expected one like"):
        check_file_name(name)


@pytest.mark.parametrize(
    ("template", "prompt", "name"),
    [
        ("{words}_{seed}", "long fm bass f#1", "long_fm_bass_f_1_7"),
        ("{class}_{words}_{key}_{seed}", "punchy kick", "kick_punchy_7"),
        ("{class}_{words}_{key}_{seed}", "kick", "kick_7"),
        ("{class}_{words}_{key}_{seed}", "long pluck f#1", "pluck_long_F#1_7"),
        ("{class}_{words}_{key}_{seed}", "Bb1 dark closed hi-hat", "closed_hat_dark_Bb1_7"),
        ("{class}_{words}_{key}_{seed}", "weird thing", "weird_thing_7"),
        ("{class}_{words}_{key}_{seed}", "!!!", "sound_7"),
        ("{class} - {words} ({key})", "dark kick c2", "kick - dark (C2)"),
        ("{class} - {words} ({key})", "dark kick", "kick - dark"),
        ("{key}", "dark kick", "sound_7"),
        ("my kit {seed}", "kick", "my kit 7"),
    ],
)
def test_a_template_names_a_sound_by_what_its_prompt_says(template, prompt, name):
    assert prompt_to_name(template, prompt, 7) == name


@pytest.mark.parametrize(
    ("template", "ends"),
    [
        ("{words} {words} {words} {words} - {seed}", "字 - 7"),
        ("音" * 30 + "_{words}_{seed}", "字_7"),
        ("音" * 38 + "_{words}_{seed}", "音_字_7"),
        ("音" * 39 + "_{words}_{seed}", "音_7"),
        ("音" * 100 + "_{words}_{seed}", "音"),
    ],
)
def test_a_name_that_were_too_long_has_fewer_words_and_its_seed(template, ends):
    name = prompt_to_name(template, "字" * 100, 7)
    assert len(name.encode()) <= 120
    assert name.endswith(ends)
    check_file_name(f"{name}.wav")


@given(
    prompt=st.text(max_size=600),
    template=st.sampled_from(
        [
            *("{words}_{seed}", "{class}_{words}_{key}_{seed}", "{key}", "{class}"),
            *("{words}" * 14, "é" * 80 + "{words}{key}"),
        ]
    ),
)
def test_every_name_by_a_template_is_one(prompt, template):
    name = prompt_to_name(template, prompt, 2**31 - 1)
    assert len(name.encode()) <= 120
    check_file_name(f"{name}.wav")
