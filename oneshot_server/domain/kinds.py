"""Kinds of one-shots, and how a text names one: a prompt, a caption or a file's name."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

CLASS_PHRASES: Final[Mapping[str, str]] = {
    "kick": "kick, kicks, kik, bd, bass drum, bassdrum, kick drum, kickdrum, kck, bombo",
    "snare": "snare, snares, sd, snare drum, snaredrum, snr, sn",
    "clap": "clap, claps, handclap, hand clap, hand claps, clp, cp",
    "rim": "rim, rimshot, rim shot, side stick, sidestick, rim click, rs",
    "closed_hat": "closed hat, closed hats, closed hi hat, closed hi-hat, closed hi-hats, "
    "closed hihat, closed hihats, hat closed, hats closed, hi hat closed, hi-hat closed, "
    "hihat closed, hat, hats, hh, hi hat, hi-hat, hihat, hihats, hi-hats, chh, ch, closed_hat, "
    "pedal hi-hat, pedal hat",
    "open_hat": "open hat, open hats, open hi hat, open hi-hat, open hi-hats, open hihat, "
    "open hihats, hat open, hats open, hi hat open, hi-hat open, hihat open, ohh, oh, open_hat",
    "tom": "tom, toms, tom tom, tom-tom, tomtom, floor tom, timpani, surdo",
    "cowbell": "cowbell, cow bell, cb, cowbells",
    "crash": "crash, crash cymbal, crashes, cymbals, splash cymbal, china cymbal",
    "ride": "ride, ride cymbal, rides, ride bell",
    "shaker": "shaker, shakers, maracas, cabasa, tambourine, shk, egg shaker",
    "conga": "conga, congas, bongo, bongos, tabla, djembe, hand drum",
    "perc": "perc, percussion, percussive, woodblock, wood block, claves, clave, guiro, agogo, "
    "castanets",
    "cymbal": "cymbal, china, splash, cym",
    "zap": "zap, laser, lazer, lazergun, laser zap, pew",
    "noise": "noise hit, noise, white noise, noise burst",
    "bass": "bass, sub bass, fm bass, bass note, sub, 808 bass, reese",
    "pluck": "pluck, plucked, plucks, guitar, harp, koto, banjo, sitar, pizzicato",
    "stab": "stab, stabs, chord, chord stab, orchestra hit, hit",
    "pad": "pad, pads, drone, ambient pad, ambience",
    "keys": "keys, piano, organ, rhodes, ep, clavinet, harpsichord, electric piano, keyboard",
    "lead": "lead, synth lead, leads",
    "brass": "brass, trumpet, trombone, horn, horns, tuba",
    "wind": "wind, flute, sax, clarinet, oboe, woodwind, recorder, whistle",
    "strings": "strings, violin, viola, cello, string section, fiddle",
    "mallet": "mallet, mallets, marimba, xylophone, vibraphone, vibes, glockenspiel, kalimba",
    "bell": "bell, bells, chime, chimes, tubular bells, triangle",
    "vocal": "vocal, vocals, voice, voices, choir, vox",
    "fx": "fx, effect, effects, sfx, sound effect, whoosh, sweep, riser, impact, glitch, blip, pop",
}
"""Kinds of sounds, each with the phrases that producers name it by; the starter's classes."""

# Where words begin: "KickLong_01" is kick, long. Numbers of three digits are names: 808, 909.
_WORDS: Final = re.compile(r"[^\W\d_]+|\d{3,}")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def text_to_words(text: str) -> list[str]:
    """The words of a name or a prompt, in lower case."""
    return [word.lower() for word in _WORDS.findall(_CAMEL.sub(" ", text))]


def text_to_kind(text: str) -> str:
    """The kind that a text names first, by its longest phrase; empty if it names none."""
    return _phrases().get(_phrase_in(text), "")


def without_kind(text: str) -> str:
    """A text without the phrase that ``text_to_kind`` went by."""
    phrase = r"[\W_]*".join(map(re.escape, _phrase_in(text)))
    found = rf"(?<![^\W_]){phrase}(?![^\W_])"
    return re.sub(found, " ", text, count=1, flags=re.IGNORECASE) if phrase else text


def _phrase_in(text: str) -> tuple[str, ...]:
    words, phrases = text_to_words(text), _phrases()
    for length in range(min(_longest(), len(words)), 0, -1):
        for start in range(len(words) - length + 1):
            phrase = tuple(words[start : start + length])
            if phrase in phrases:
                return phrase
    return ()


@cache
def _longest() -> int:
    return max(map(len, _phrases()))


@cache
def _phrases() -> Mapping[tuple[str, ...], str]:
    return dict(_named_phrases())


def _named_phrases() -> Iterator[tuple[tuple[str, ...], str]]:
    for kind, text in CLASS_PHRASES.items():
        for phrase in (kind, *text.split(", ")):
            if words := tuple(text_to_words(phrase)):
                yield words, kind
