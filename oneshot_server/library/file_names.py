"""File names made from what a producer types."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Final

from oneshot_server.domain.kinds import text_to_kind, without_kind
from oneshot_server.domain.sound_name import FIELD
from oneshot_server.errors import ForbiddenError

LONGEST_CHARACTERS: Final = 40
LONGEST_BYTES: Final = 120  # of UTF-8; a whole name must stay under 143 on eCryptfs
LONGEST_NAME_BYTES: Final = 255  # on every other file system
NAMELESS: Final = "sound"
# Separators and what Windows gives a meaning, so that a folder can move between machines.
FORBIDDEN: Final = frozenset('/\\:*?"<>|')
_NOTE: Final = re.compile(r"(?<![^\W_])[a-g][#b]?-?\d(?![^\W_])", re.IGNORECASE | re.ASCII)
_EMPTY: Final = re.compile(r"\(\s*\)|\[\s*\]")
SEPARATORS: Final = "_-. "


def prompt_to_words(prompt: str) -> str:
    """A prompt as the beginning of a file name: letters and digits of any script, and ``_``."""
    characters: list[str] = []
    for character in unicodedata.normalize("NFC", prompt.lower()):
        after_a_letter = bool(characters) and characters[-1] != "_"
        # Marks are the vowels of many scripts; one that follows no letter stands for nothing.
        mark = after_a_letter and unicodedata.category(character).startswith("M")
        if character.isalnum() or mark:
            characters.append(character)
        elif after_a_letter:
            characters.append("_")
    words = "".join(characters[:LONGEST_CHARACTERS])
    return shortened(words, LONGEST_BYTES).strip("_") or NAMELESS


def shortened(text: str, most_bytes: int) -> str:
    """The beginning of a text, of so many bytes of UTF-8 at the most."""
    return text.encode()[:most_bytes].decode(errors="ignore")


def prompt_to_name(template: str, prompt: str, seed: int) -> str:
    """The name of a sound, without its suffix; at most ``LONGEST_BYTES`` long.

    Of one that were longer the words are cut, so that the seed stays.

    Args:
        template: text with ``{class}``, ``{words}``, ``{key}`` and ``{seed}``. What the prompt does
            not say is left out with the separator before it; what stands in a field of its own is
            not among the words.
        prompt: free text.
        seed: of the sound.
    """
    fields = set(FIELD.findall(template))
    note = _NOTE.search(prompt) if "key" in fields else None
    rest = f"{prompt[: note.start()]} {prompt[note.end() :]}" if note else prompt
    kind = text_to_kind(rest) if "class" in fields else ""
    words = without_kind(rest) if kind else rest
    said = {
        "class": kind,
        "words": prompt_to_words(words) if prompt_to_words(words) != NAMELESS or not kind else "",
        "key": note[0].capitalize() if note else "",
        "seed": str(seed),
    }
    name = _fill(template, said)
    excess = len(name.encode()) - LONGEST_BYTES
    if excess > 0:
        times = max(1, template.count("{words}"))
        left = max(0, len(said["words"].encode()) + -excess // times)
        said["words"] = shortened(said["words"], left).strip("_")
        name = shortened(_fill(template, said), LONGEST_BYTES).rstrip(SEPARATORS)
    return name or f"{NAMELESS}_{seed}"


def _fill(template: str, said: Mapping[str, str]) -> str:
    name = ""
    for place, part in enumerate(FIELD.split(template)):  # what stands between, and fields, in turn
        is_field = place % 2
        text = said[part] if is_field else part
        name = name + text if text or not is_field else name.rstrip(SEPARATORS)
    return _EMPTY.sub("", name).strip(SEPARATORS)


def numbered(name: str) -> Iterator[str]:
    """``kick_7.wav``, ``kick_7-2.wav``, ``kick_7-3.wav`` and so on, for ever.

    Where a number would make the name longer than a file system takes, it is cut before it.
    """
    yield name
    stem, dot, suffix = name.rpartition(".")
    for number in count(2):
        end = f"-{number}{dot}{suffix}"
        yield shortened(stem, LONGEST_NAME_BYTES - len(end.encode())) + end


def check_file_name(name: str) -> None:
    """Refuse a name that is not just the name of a visible file in a folder.

    Raises:
        ForbiddenError: a path, a hidden file, or characters that some system cannot store.
    """
    plain = name.isprintable() and not FORBIDDEN.intersection(name)
    if (
        not plain
        or not name.strip(". ")
        or name.startswith(".")
        or len(name.encode()) > LONGEST_NAME_BYTES
    ):
        raise ForbiddenError(f"{name[:60]!r} is no name for a file, expected one like kick_7.wav")
