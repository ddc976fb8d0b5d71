"""Prompts as producers write them, of which no training caption has the words, in any order."""

import re
from collections.abc import Iterable
from typing import Final

from oneshot_server.domain.kinds import text_to_kind, without_kind
from oneshot_server.starter.synth.captions import ADJECTIVES, ORIGINS

PROMPTS: Final = (
    ("subby bd", "kick"),
    ("hard hitting trap kick drum, fat", "kick"),
    ("kick but dull and tight", "kick"),
    ("crunchy lo-fi sd", "snare"),
    ("airy snare with a lot of room", "snare"),
    ("hand claps in a big hall", "clap"),
    ("tight 909 clap", "clap"),
    ("woody side stick", "rim"),
    ("sharp rimshot", "rim"),
    ("crispy hihat, closed", "closed_hat"),
    ("tiny dusty hat", "closed_hat"),
    ("sizzling hi-hat, open", "open_hat"),
    ("washy open hats", "open_hat"),
    ("boomy floor tom", "tom"),
    ("rack tom, high and resonant", "tom"),
    ("clanky cow bell", "cowbell"),
    ("dull retro cowbell", "cowbell"),
    ("huge crash cymbal, dark", "crash"),
    ("sparkly crash", "crash"),
    ("pingy ride cymbal", "ride"),
    ("jazzy ride", "ride"),
    ("egg shaker, gentle", "shaker"),
    ("crisp tambourine hit", "shaker"),
    ("slapped bongo", "conga"),
    ("mellow congas", "conga"),
    ("hollow woodblock, staccato", "perc"),
    ("guiro scrape", "perc"),
    ("shiny chime", "bell"),
    ("little bells, ringing", "bell"),
    ("growling reese bass", "bass"),
    ("warm round sub", "bass"),
    ("muffled guitar pluck", "pluck"),
    ("brilliant koto", "pluck"),
    ("wooden marimba, muffled", "mallet"),
    ("gentle vibes", "mallet"),
    ("dirty rhodes", "keys"),
    ("staccato piano", "keys"),
)
"""Prompt and class: synonyms, other orders of words, adjectives that no caption has."""

FIRST_SEED: Final = 7000


def seen_prompts(prompts: Iterable[str], captions: Iterable[str]) -> list[str]:
    """Those prompts that stand in a training caption, word for word, in any order.

    Args:
        prompts: to look for.
        captions: of recordings; those that the synthesiser can write are known here.
    """
    seen = {_in_order(caption) for caption in captions}
    return [prompt for prompt in prompts if _in_order(prompt) in seen or _synthesised(prompt)]


def _in_order(text: str) -> tuple[str, ...]:
    return tuple(sorted(re.findall(r"[\w-]+", text.lower())))


def _synthesised(prompt: str) -> bool:
    """Whether it has but a class, adjectives of the synthesiser and one origin."""
    words = re.findall(r"[\w-]+", without_kind(re.sub(r"\b\d+ hz\b", "", prompt.lower())))
    return bool(
        text_to_kind(prompt)
        and all(word in ADJECTIVES for word in words)
        and sum(word in ORIGINS for word in words) == 1
    )
