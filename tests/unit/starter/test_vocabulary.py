import pytest

from oneshot_server.pipeline.prompt import complete, understand
from oneshot_server.starter.vocabulary import (
    CLASS_PHRASES,
    SYNONYMS,
    caption_words,
    collect_words,
    model_words,
    plain_words,
)

CAPTIONS = [
    ("kick", "short bright acoustic bass drum"),
    ("kick", "kick, long, dark, 50 hz, electronic"),
    ("closed_hat", "closed hi-hat"),
    ("pluck", "long steel string guitar note C4, hard velocity"),
    ("mallet", "short marimba note C4, soft velocity"),
    ("mallet", "long vibes note C4"),
] * 3


@pytest.fixture(scope="module")
def words():
    return collect_words(CAPTIONS)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("bass drum", ("kick",)),
        ("BD", ("kick",)),
        ("kik", ("kick",)),
        ("hh", ("closed_hat",)),
        ("hihat", ("closed_hat",)),
        ("open hat", ("open_hat",)),
        ("hi-hat, open", ("open_hat",)),
        ("open hats", ("open_hat",)),
        ("hats closed", ("closed_hat",)),
        ("marimba", ("mallet", "marimba")),
        ("vibraphone", ("mallet", "vibraphone")),
        ("xylophone", ("mallet",)),
        ("side stick", ("rim",)),
        ("tight crisp handclap", ("short", "bright", "clap")),
    ],
)
def test_producers_words_are_understood(words, prompt, expected):
    understood = understand(prompt, words)
    assert understood.words == expected
    assert understood.unknown == ()


def test_a_word_that_no_caption_teaches_is_unknown_and_not_swallowed(words):
    assert understand("distorted kick", words).unknown == ("distorted",)


def test_captions_are_in_the_models_words_the_class_first(words):
    assert caption_words("kick", CAPTIONS[0][1], words) == ("kick", "short", "bright", "acoustic")
    assert caption_words("kick", CAPTIONS[1][1], words)[-2:] == ("hz_54", "electronic")
    assert caption_words("pluck", CAPTIONS[3][1], words)[0] == "pluck"


def test_notes_become_pitches_not_words(words):
    assert "hz_256" in caption_words("pluck", CAPTIONS[3][1], words)
    assert "c4" not in list(plain_words("guitar note C4"))


def test_every_known_word_has_an_embedding(words):
    known = set(model_words(words))
    assert all(set(targets) <= known for targets in words.phrases.values())
    assert len(known) == len(model_words(words))


def test_no_phrase_means_two_things():
    phrases = [
        p for text in (*CLASS_PHRASES.values(), *SYNONYMS.values()) for p in text.split(", ")
    ]
    assert len(phrases) == len(set(phrases))


def test_what_is_filled_in_names_no_second_instrument(words):
    for seed in range(20):
        told = complete(understand("vibraphone, soft, short", words).words, words, seed=seed)
        assert "marimba" not in told
