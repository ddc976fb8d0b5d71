"""The recipe inside a WAV: a chunk of its own, and tags that DAWs and file managers show.

The recipe is JSON in a chunk ``OSHT``; title, software and comment are in a standard ``LIST``
chunk. Both follow the audio, so that samplers that expect it right after the format find it there.
A listener's stars and tags are in that ``LIST``, too, as ``IRTD`` (rating) and ``IKEY`` (keywords),
before the others, whose last one another program may have left without its padding. Taken away
again, the file is the one that was rendered, to the byte.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from oneshot_server.domain import parameters
from oneshot_server.domain.library import MOST_STARS, MOST_TAGS, Mark
from oneshot_server.domain.recipe import Recipe
from oneshot_server.errors import BadArgumentsError, MetadataError
from oneshot_server.library.riff import CHUNK, Chunk, assemble, read_content, walk

RECIPE_CHUNK: Final = b"OSHT"
LIST_CHUNK: Final = b"LIST"
INFO: Final = b"INFO"
FORMAT: Final = 1
LONGEST_TAG_BYTES: Final = 1000  # libsndfile skips tags of 2048 and more
RATING: Final = b"IRTD"
KEYWORDS: Final = b"IKEY"
LONGEST_LIST: Final = 100_000  # bytes
_NEW_IN_FINISH: Final = {"sample_rate": None, "width": 0.0}


class _Version(msgspec.Struct):
    format: int


def embed(wav: bytes, recipe: Recipe) -> bytes:
    """Put a recipe into a WAV; one that is there, and its tags, are replaced.

    Raises:
        MetadataError: ``wav`` is no RIFF WAVE file, or the recipe holds no proper text.
    """
    stream = BytesIO(wav)
    kept = [
        (chunk.id, wav[chunk.start : chunk.start + chunk.size])
        for chunk in walk(stream)
        if chunk.id != RECIPE_CHUNK
        and (chunk.id, wav[chunk.start : chunk.start + 4]) != (LIST_CHUNK, INFO)
    ]
    try:
        content = msgspec.json.encode(_without_what_is_new(recipe))
    except UnicodeEncodeError:
        raise MetadataError("the prompt holds lone surrogates, expected text") from None
    return assemble([*kept, (LIST_CHUNK, INFO + _tags(recipe)), (RECIPE_CHUNK, content)])


def _without_what_is_new(recipe: Recipe) -> dict[str, Any]:
    """A recipe without those keys that came later and say nothing.

    So a file of a version that did not know them is made again to the byte.
    """
    content: dict[str, Any] = msgspec.to_builtins(recipe)
    for key, nothing in _NEW_IN_FINISH.items():
        # What was decoded has none of those that were not there.
        if content["finish"].get(key, nothing) == nothing:
            content["finish"].pop(key, None)
    return content


def extract(data: bytes) -> Recipe:
    """The recipe inside a WAV in memory.

    Raises:
        MetadataError: there is none, or it cannot be read.
    """
    stream = BytesIO(data)
    return recipe_in(stream, walk(stream))


def read_recipe(path: Path) -> Recipe:
    """The recipe inside a WAV file; its audio is skipped.

    Raises:
        MetadataError: there is none, or it cannot be read; the text names the file.
    """
    try:
        with path.open("rb") as file:
            return recipe_in(file, walk(file))
    except MetadataError as error:
        raise MetadataError(f"{path}: {error}") from None
    except OSError as error:
        raise MetadataError(f"{path}: {error.strerror or error}") from None


def mark_wav(wav: bytes, mark: Mark) -> bytes:
    """Put a listener's stars and tags into a WAV in place of those in it; nothing else changes.

    Raises:
        MetadataError: ``wav`` is no RIFF WAVE file, or the tags are too long together.
    """
    keywords = "; ".join(mark.tags)
    if len(keywords.encode()) > LONGEST_TAG_BYTES:
        raise MetadataError(f"its tags have more than {LONGEST_TAG_BYTES} bytes together")
    own = _tag(RATING, str(mark.stars)) if mark.stars else b""
    own += _tag(KEYWORDS, keywords) if mark.tags else b""
    chunks = []
    for chunk in walk(BytesIO(wav)):
        content = wav[chunk.start : chunk.start + chunk.size]
        readable = chunk.size <= LONGEST_LIST
        if chunk.id == LIST_CHUNK and readable and content.startswith(INFO):
            kept = (tag for name, tag in _tags_in(content) if name not in {RATING, KEYWORDS})
            content, own = b"".join((INFO, own, *kept)), b""
        chunks.append((chunk.id, content))
    if own:
        chunks.append((LIST_CHUNK, INFO + own))
    return assemble(chunks)


def read_mark(stream: BinaryIO) -> Mark:
    """The stars and tags in a WAV; what makes no sense is no mark.

    Raises:
        MetadataError: no RIFF WAVE file, or it is cut short.
    """
    return mark_in(stream, walk(stream))


def mark_in(stream: BinaryIO, chunks: Iterable[Chunk]) -> Mark:
    """The stars and tags in a WAV whose chunks are known; see ``read_mark``."""
    texts = {}
    for chunk in chunks:
        if chunk.id == LIST_CHUNK and chunk.size <= LONGEST_LIST:
            content = read_content(stream, chunk)
            if content.startswith(INFO):
                texts.update({name: tag[CHUNK.size :] for name, tag in _tags_in(content)})
    rating, keywords = (
        texts.get(name, b"").split(b"\0")[0].decode(errors="replace").strip()
        for name in (RATING, KEYWORDS)
    )
    stars = int(rating) if len(rating) == 1 and rating in "012345" else 0
    return Mark(stars=min(stars, MOST_STARS), tags=readable_tags(keywords.split(";")))


def readable_tags(texts: Iterable[str]) -> tuple[str, ...]:
    """Those of some texts that can be tags, each once."""
    tags: list[str] = []
    for text in texts:
        tag = text.strip()
        with suppress(BadArgumentsError):
            if tag not in tags:
                Mark(tags=(tag,))
                tags.append(tag)
    return tuple(tags[:MOST_TAGS])


def _tags_in(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names of the tags in a ``LIST`` chunk, and each with its header and padding."""
    position = len(INFO)
    while position + CHUNK.size <= len(content):
        name, size = CHUNK.unpack_from(content, position)
        end = position + CHUNK.size + size + size % 2
        yield name, content[position:end]
        position = end


def recipe_in(stream: BinaryIO, chunks: Iterable[Chunk]) -> Recipe:
    """The recipe inside a WAV whose chunks are known.

    Raises:
        MetadataError: there is none, or it cannot be read.
    """
    for chunk in chunks:
        if chunk.id == RECIPE_CHUNK:
            return decode_recipe(read_content(stream, chunk))
    raise MetadataError("no recipe inside, expected a WAV that oneshot made")


def decode_recipe(content: bytes) -> Recipe:
    """The content of a recipe's chunk.

    Raises:
        MetadataError: it cannot be read.
    """
    try:
        version = msgspec.json.decode(content, type=_Version).format
        if version != FORMAT:
            raise MetadataError(
                f"its recipe has format {version}, this version reads {FORMAT}: update oneshot"
            )
        recipe = msgspec.json.decode(content, type=Recipe)
        _check(recipe)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadArgumentsError) as error:
        raise MetadataError(f"its recipe cannot be read: {error}") from None
    return recipe


def _check(recipe: Recipe) -> None:
    """Refuse what no sound was ever made with; a stranger's file must not ask for years of work."""
    if recipe.prompt or recipe.reshape is None:
        parameters.PROMPT.check(recipe.prompt)
    hashes = [parent.sha256 for parent in recipe.parents]
    if recipe.reshape is not None and not (hashes and all(hashes)):
        raise BadArgumentsError("no SHA-256 of a parent, expected one of each")
    parameters.NEGATIVE.check(recipe.negative)
    parameters.STEPS.check(recipe.steps)
    parameters.GUIDANCE.check(recipe.guidance)
    parameters.COUNT.check(len(recipe.batch.seeds))
    if recipe.walk is not None:
        parameters.WALK.check(recipe.walk)
    for seed in (recipe.seed, *recipe.batch.seeds):
        parameters.SEED.check(seed)


def _tags(recipe: Recipe) -> bytes:
    return b"".join(
        _tag(name, text)
        for name, text in (
            (b"INAM", recipe.prompt or recipe.caption),
            (b"ISFT", recipe.software),
            (b"ICMT", f"{recipe.caption}, seed {recipe.seed}, {recipe.model}"),
        )
    )


def _tag(name: bytes, text: str) -> bytes:
    """A text as UTF-8, which is what players expect of a tag, ended by a zero."""
    content = text.replace("\0", " ").encode()[:LONGEST_TAG_BYTES]
    content = content.decode(errors="ignore").encode() + b"\0"
    return CHUNK.pack(name, len(content)) + content + b"\0" * (len(content) % 2)
