"""Free text to the words that a model knows, and what a bare prompt leaves open filled in.

A model that was trained on a small vocabulary brings it along as ``words.json``. Words that it does
not know are reported, never swallowed; what the producer says is never overridden.
"""

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

PITCH_WORDS_PER_OCTAVE: Final = 4
LOWEST_PITCH_HZ: Final = 32.0
HIGHEST_PITCH_HZ: Final = 8_000.0
LONGEST_PHRASE: Final = 3

_NOTE: Final = re.compile(r"([a-g])([#b]?)(-?\d)")
_SEMITONES: Final = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_TOKEN: Final = re.compile(r"\d+(?:\.\d+)?\s*k?hz\b|[^\W_]+(?:['#&/.-][^\W_]+)*#?\d*", re.UNICODE)
_PITCH_WORD: Final = re.compile(r"hz_\d+")
_HERTZ: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(k?)hz")


@dataclass(frozen=True, kw_only=True)
class Words:
    """The vocabulary of a model, as in its ``words.json``.

    Attributes:
        classes: words that name a kind of sound.
        phrases: phrase of one to three words to the model's words; synonyms, and words that mean
            nothing here as an empty tuple.
        exclusive: groups of words of which a caption has at most one.
        captions: class to captions that were seen for it, each a tuple of words without the class.
    """

    classes: tuple[str, ...]
    phrases: dict[str, tuple[str, ...]]
    exclusive: tuple[tuple[str, ...], ...]
    captions: dict[str, tuple[tuple[str, ...], ...]]


@dataclass(frozen=True, kw_only=True)
class Understood:
    """A prompt in the model's words, and what of it the model does not know."""

    words: tuple[str, ...]
    unknown: tuple[str, ...]


def pitch_word(hertz: float) -> str:
    """The word for a pitch, a quarter of an octave wide: ``hz_50``."""
    clipped = min(max(hertz, LOWEST_PITCH_HZ), HIGHEST_PITCH_HZ)
    step = round(PITCH_WORDS_PER_OCTAVE * math.log2(clipped / LOWEST_PITCH_HZ))
    return f"hz_{LOWEST_PITCH_HZ * 2 ** (step / PITCH_WORDS_PER_OCTAVE):.0f}"


def note_to_hertz(note: str) -> float | None:
    """Frequency of a note name in scientific pitch notation, A4 = 440 Hz; None if it is none."""
    match = _NOTE.fullmatch(note)
    if match is None:
        return None
    accidental = {"#": 1, "b": -1, "": 0}[match[2]]
    midi = _SEMITONES[match[1]] + accidental + 12 * (int(match[3]) + 1)
    return float(440.0 * 2 ** ((midi - 69) / 12))


def understand(prompt: str, words: Words) -> Understood:
    """Read a prompt: the longest known phrases first, then pitches, then single words.

    Args:
        prompt: free text; case, punctuation and order do not matter.
        words: the model's vocabulary.
    """
    tokens = _TOKEN.findall(prompt.lower())
    known: list[str] = []
    unknown: list[str] = []
    position = 0
    while position < len(tokens):
        for length in range(min(LONGEST_PHRASE, len(tokens) - position), 0, -1):
            phrase = " ".join(tokens[position : position + length])
            if phrase in words.phrases:
                known.extend(words.phrases[phrase])
                position += length
                break
        else:
            token = tokens[position]
            position += 1
            hertz = _HERTZ.fullmatch(token)
            pitch = float(hertz[1]) * (1000 if hertz[2] else 1) if hertz else note_to_hertz(token)
            if pitch is not None:
                known.append(pitch_word(pitch))
            else:
                unknown.append(token)
    return Understood(words=tuple(dict.fromkeys(known)), unknown=tuple(dict.fromkeys(unknown)))


def recall(text: str, words: Words | None) -> str:
    """What was once told to a model, or the words of a file's name, as this one is told it.

    Args:
        text: a caption as ``complete`` wrote it is taken word by word, any other understood.
        words: the model's vocabulary; one without takes any text.
    """
    if words is None:
        return text
    known = {word for said in words.phrases.values() for word in said}
    if all(word in known or _PITCH_WORD.fullmatch(word) for word in text.split()):
        return text
    return " ".join(understand(text, words).words)


def complete(said: tuple[str, ...], words: Words, *, seed: int) -> tuple[str, ...]:
    """Fill in what a prompt leaves open, from a caption of the same class drawn by the seed.

    Args:
        said: the model's words as the producer said them; kept, all of them.
        words: the model's vocabulary.
        seed: the sound's seed; the same seed fills in the same words.

    Returns:
        ``said`` with the drawn words behind it; the class first where it was left open.
    """
    draw = random.Random(seed)  # noqa: S311 - a musical choice, not a secret
    named = [word for word in said if word in words.classes]
    if named:
        candidates = words.captions.get(named[0], ())
        chosen: tuple[str, ...] = ()
    else:
        # "short, bright": any class has such sounds; take one that has most of the words.
        pairs = [
            (name, caption) for name, captions in words.captions.items() for caption in captions
        ]
        best = max((len(set(said) & set(caption)) for _, caption in pairs), default=0)
        pairs = [pair for pair in pairs if len(set(said) & set(pair[1])) == best]
        if not pairs:
            return said
        name, caption = draw.choice(pairs)
        candidates, chosen = (caption,), (name,)
    best = max((len(set(said) & set(caption)) for caption in candidates), default=0)
    candidates = tuple(c for c in candidates if len(set(said) & set(c)) == best)
    caption = draw.choice(candidates) if candidates else ()
    filled = (*chosen, *said)
    for word in caption:
        if word not in filled and not any(_excludes(word, other, words) for other in filled):
            filled = (*filled, word)
    return filled


def with_captions(words: Words, texts: Sequence[str]) -> Words:
    """A vocabulary after sounds with such captions were learned: their kinds are filled in so.

    Args:
        words: of the base model.
        texts: captions in the model's words.
    """
    learned: dict[str, list[tuple[str, ...]]] = {}
    for text in texts:
        kind, *rest = sorted(text.split(), key=lambda word: word not in words.classes) or [""]
        if kind in words.classes:
            learned.setdefault(kind, []).append(tuple(rest))
    captions = {kind: tuple(seen) for kind, seen in learned.items()}
    return replace(words, captions={**words.captions, **captions})


def _excludes(word: str, other: str, words: Words) -> bool:
    if word.startswith("hz_") and other.startswith("hz_"):
        return True
    return any(word in group and other in group for group in words.exclusive)
