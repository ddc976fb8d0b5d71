"""The starter's vocabulary: synonyms, words that mean nothing, words that exclude each other."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from oneshot_server.domain.kinds import CLASS_PHRASES
from oneshot_server.pipeline.prompt import Words, note_to_hertz, pitch_word, understand

SYNONYMS: Final[Mapping[str, str]] = {
    "short": "short, tight, staccato, clipped, snappy short",
    "long": "long, sustained, lasting, ringing",
    "bright": "bright, brilliant, crisp, sharp, shiny, airy, sparkly, sizzling, sizzly",
    "dark": "dark, dull, muffled, warm, dusty, mellow",
    "deep": "deep, subby, low end",
    "punchy": "punchy, punch, hard hitting, knocking, thumpy, fat, phat",
    "clicky": "clicky, click, clicking",
    "noisy": "noisy, hissy, gritty noise, hissing",
    "electronic": "electronic, electro, digital, analog, analogue, synthetic, drum machine, "
    "techno, house, edm",
    "tr-808": "tr-808, 808, tr808, tr 808, trap, eight oh eight",
    "acoustic": "acoustic, real, natural, live, organic, unplugged",
    "metallic": "metallic, metal, tinny, clanging",
    "distorted": "distorted, dirty, overdriven, crunchy, saturated, driven, distortion, overdrive",
    "roomy": "roomy, room, reverb, reverberant, ambient room, spacious, wet",
    "dry": "dry, dead, close",
    "soft": "soft, gentle, quiet, ghost",
    "hard": "hard, loud, aggressive, strong",
    "lofi": "lofi, lo-fi, lo fi, low fi, crushed, bitcrushed, 8-bit, vintage, retro, old school",
    "low": "low, lower",
    "high": "high, higher",
    "mid": "mid, middle, medium",
    "synth": "synth, synthesizer, synthesiser",
    "snappy": "snappy, snap, cracking, crack",
    "muted": "muted, damped, choked, mute",
}
"""Words of the captions, each with what else producers say for it."""

MEANINGLESS: Final = (
    "a an the and with of in on for to some any very really quite more my your one shot one-shot "
    "oneshot oneshots sample samples sound sounds drum drums note velocity style hit-type nice "
    "good cool please make me give new another like type kind section number beat"
)
"""Words that say nothing about a sound: dropped without a remark."""

INSTRUMENTS: Final[Mapping[str, str]] = {
    "timpani": "timpani",
    "surdo": "surdo",
    "splash": "splash, splash cymbal",
    "china": "china, china cymbal",
    "maracas": "maracas",
    "cabasa": "cabasa",
    "tambourine": "tambourine",
    "bongo": "bongo, bongos",
    "tabla": "tabla",
    "djembe": "djembe",
    "woodblock": "woodblock, wood block",
    "claves": "claves, clave",
    "guiro": "guiro",
    "agogo": "agogo",
    "castanets": "castanets",
    "tubular": "tubular bells",
    "triangle": "triangle",
    "chime": "chime, chimes",
    "marimba": "marimba",
    "xylophone": "xylophone",
    "vibraphone": "vibraphone, vibes",
    "glockenspiel": "glockenspiel",
    "kalimba": "kalimba",
    "piano": "piano",
    "rhodes": "rhodes, ep, electric piano",
    "organ": "organ",
    "harpsichord": "harpsichord",
    "clavinet": "clavinet",
    "guitar": "guitar",
    "harp": "harp",
    "koto": "koto",
    "banjo": "banjo",
    "sitar": "sitar",
    "pizzicato": "pizzicato",
    "trumpet": "trumpet",
    "trombone": "trombone",
    "horn": "horn, horns",
    "tuba": "tuba",
    "flute": "flute",
    "sax": "sax",
    "clarinet": "clarinet",
    "oboe": "oboe",
    "recorder": "recorder",
    "whistle": "whistle",
    "violin": "violin",
    "viola": "viola",
    "cello": "cello",
    "fiddle": "fiddle",
    "choir": "choir",
    "sweep": "sweep",
    "whoosh": "whoosh",
    "riser": "riser",
    "impact": "impact",
    "glitch": "glitch",
    "blip": "blip",
    "pop": "pop",
}
"""Names of a class that mean one of its instruments and no other: such a name stands for the class
and for a word of its own, where the captions have it."""

EXCLUSIVE: Final = (
    ("short", "long"),
    ("bright", "dark"),
    ("deep", "high", "low", "mid"),
    ("electronic", "acoustic"),
    ("soft", "hard"),
    ("roomy", "dry"),
    ("noisy", "clean"),
    ("acoustic", "tr-808"),
    ("acoustic", "synth"),
)

RAREST_WORD: Final = 3
"""A word must stand in this many captions to be learnt."""


def collect_words(
    captions: Sequence[tuple[str, str]], *, recorded: int | None = None, per_class: int = 200
) -> Words:
    """Build the vocabulary from the training captions.

    Args:
        captions: (class, caption) of every training sound.
        recorded: the first so many are of recordings; a bare prompt of a class that has any is
            filled in from those, as they are what producers know by its name.
        per_class: captions kept for each class to fill in bare prompts, spread over all of them.

    Returns:
        The vocabulary; classes are those of ``CLASS_PHRASES``.
    """
    phrases: dict[str, tuple[str, ...]] = dict.fromkeys(MEANINGLESS.split(), ())
    counts = Counter(word for _, caption in captions for word in plain_words(caption))
    for word, count in counts.items():
        if count >= RAREST_WORD and len(word) > 1 and word not in phrases:
            phrases[word] = (word,)
    for target, text in SYNONYMS.items():
        if counts[target] >= RAREST_WORD:  # a word that no caption teaches would be swallowed
            phrases.update(dict.fromkeys(text.split(", "), (target,)))
    instruments = _instruments(captions)
    exclusive: list[tuple[str, ...]] = list(EXCLUSIVE)
    for kind, text in CLASS_PHRASES.items():
        named = {phrase: instruments.get(phrase, ()) for phrase in text.split(", ")}
        phrases.update({phrase: (kind, *word) for phrase, word in named.items()})
        exclusive.append(tuple(sorted({word for said in named.values() for word in said})))
    words = Words(
        classes=tuple(CLASS_PHRASES),
        phrases=phrases,
        exclusive=tuple(group for group in exclusive if len(group) > 1),
        captions={},
    )
    grouped: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for name, caption in captions[:recorded]:
        grouped[name].append(caption_words(name, caption, words)[1:])
    only_synthesised = {name for name, _ in captions} - grouped.keys()
    for name, caption in captions:
        if name in only_synthesised:
            grouped[name].append(caption_words(name, caption, words)[1:])
    return Words(
        classes=words.classes,
        phrases=phrases,
        exclusive=words.exclusive,
        captions={name: _spread(grouped[name], per_class) for name in sorted(grouped)},
    )


def _instruments(captions: Sequence[tuple[str, str]]) -> dict[str, tuple[str]]:
    """Phrase to word of each instrument that enough captions name."""
    counts = Counter(caption.lower() for _, caption in captions)
    found: dict[str, tuple[str]] = {}
    for word, text in INSTRUMENTS.items():
        phrases = text.split(", ")
        names = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, phrases))})(?![\w-])")
        if sum(n for caption, n in counts.items() if names.search(caption)) >= RAREST_WORD:
            found.update(dict.fromkeys(phrases, (word,)))
    return found


def caption_words(name: str, caption: str, words: Words) -> tuple[str, ...]:
    """A training caption in the model's words, the class first and no other class behind it."""
    understood = understand(caption, words).words
    return (name, *(word for word in understood if word not in words.classes))


def plain_words(caption: str) -> Iterable[str]:
    """The caption's own words; notes and numbers left out, as pitches have words of their own."""
    for word in re.findall(r"[a-z][a-z0-9-]*", caption.lower()):
        if note_to_hertz(word) is None and word != "hz":
            yield word


def pitch_words() -> tuple[str, ...]:
    """Every word that ``pitch_word`` can return, from low to high."""
    return tuple(dict.fromkeys(pitch_word(32.0 * 2 ** (step / 8)) for step in range(8 * 8 + 1)))


def model_words(words: Words) -> tuple[str, ...]:
    """Everything the text encoder has an embedding for, in a fixed order."""
    targets = {target for found in words.phrases.values() for target in found}
    return tuple(sorted(targets | set(words.classes))) + pitch_words()


def _spread(captions: Sequence[tuple[str, ...]], most: int) -> tuple[tuple[str, ...], ...]:
    step = max(1, len(captions) / most)
    return tuple(captions[int(i * step)] for i in range(min(most, len(captions))))
