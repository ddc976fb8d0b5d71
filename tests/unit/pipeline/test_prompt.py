import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneshot_server.pipeline.prompt import (
    Words,
    complete,
    note_to_hertz,
    pitch_word,
    understand,
    with_captions,
)

WORDS = Words(
    classes=("kick", "snare", "closed_hat"),
    phrases={
        "kick": ("kick",),
        "bass drum": ("kick",),
        "bd": ("kick",),
        "drum": (),
        "the": (),
        "snare": ("snare",),
        "hi-hat": ("closed_hat",),
        "closed hi hat": ("closed_hat",),
        "short": ("short",),
        "long": ("long",),
        "punchy": ("punchy",),
        "dark": ("dark",),
    },
    exclusive=(("short", "long"),),
    captions={
        "kick": (("short", "dark", "hz_54"), ("long", "hz_45"), ("punchy", "short")),
        "snare": (("dark", "hz_181"),),
    },
)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("kick", ("kick",)),
        ("Bass Drum!", ("kick",)),
        ("the punchy BD", ("punchy", "kick")),
        ("closed hi hat, short", ("closed_hat", "short")),
        ("hi-hat", ("closed_hat",)),
        ("kick kick", ("kick",)),
        ("kick 50 hz", ("kick", pitch_word(50))),
        ("kick 50Hz", ("kick", pitch_word(50))),
        ("kick 1.2 kHz", ("kick", pitch_word(1200))),
        ("snare a4", ("snare", pitch_word(440))),
        ("snare f#2", ("snare", pitch_word(92.5))),
    ],
)
def test_a_prompt_is_read_in_the_models_words(prompt, expected):
    assert understand(prompt, WORDS) == understand(prompt, WORDS)
    assert understand(prompt, WORDS).words == expected
    assert understand(prompt, WORDS).unknown == ()


def test_unknown_words_are_reported_once_each():
    understood = understand("kick wobbly Wobbly кик dark", WORDS)
    assert understood.words == ("kick", "dark")
    assert understood.unknown == ("wobbly", "кик")


def test_note_names_are_scientific_pitch():
    assert note_to_hertz("a4") == pytest.approx(440.0)
    assert note_to_hertz("c-1") == pytest.approx(8.176, abs=0.001)
    assert note_to_hertz("bb3") == pytest.approx(233.08, abs=0.01)
    assert note_to_hertz("kick") is None


def test_pitches_outside_the_range_go_to_its_ends():
    assert pitch_word(1.0) == "hz_32"
    assert pitch_word(1e9) == pitch_word(8000.0)


def test_what_is_said_is_never_overridden():
    for seed in range(50):
        words = complete(("kick", "long", "hz_76"), WORDS, seed=seed)
        assert words[:3] == ("kick", "long", "hz_76")
        assert "short" not in words
        assert sum(word.startswith("hz_") for word in words) == 1


def test_a_bare_prompt_is_filled_in_differently_by_different_seeds():
    filled = {complete(("kick",), WORDS, seed=seed) for seed in range(30)}
    assert len(filled) == 3
    assert complete(("kick",), WORDS, seed=7) == complete(("kick",), WORDS, seed=7)


def test_words_that_only_some_captions_have_choose_among_those():
    assert all("hz_45" in complete(("kick", "long"), WORDS, seed=seed) for seed in range(20))


def test_without_a_class_one_that_has_such_sounds_is_chosen():
    assert complete(("punchy",), WORDS, seed=3) == ("kick", "punchy", "short")


def test_what_was_learned_is_filled_in_as_its_own_sounds_were_called():
    learned = with_captions(WORDS, ("hard kick", "kick dark", "punchy"))
    filled = {complete(("kick",), learned, seed=seed) for seed in range(30)}
    assert filled == {("kick", "hard"), ("kick", "dark")}
    snares = [complete(("snare",), words, seed=3) for words in (WORDS, learned)]
    assert snares[0] == snares[1]


def test_a_class_without_captions_stays_as_it_was_said():
    assert complete(("closed_hat", "dark"), WORDS, seed=1) == ("closed_hat", "dark")


@given(st.text(max_size=500))
def test_any_text_is_understood_without_an_error(prompt):
    understood = understand(prompt, WORDS)
    complete(understood.words, WORDS, seed=1)
