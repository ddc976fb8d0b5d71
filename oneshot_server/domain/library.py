"""The library: what is known of every sound in the samples folder, and how to ask for it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from oneshot_server.errors import BadArgumentsError

MOST_STARS: Final = 5
MOST_TAGS: Final = 32
LONGEST_TAG: Final = 40  # characters

Sort = Literal[
    "newest", "oldest", "name", "stars", "plays", "shortest", "longest", "darkest", "brightest"
]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a listener thinks of a sound; it is kept with the file, never in the index alone.

    Attributes:
        stars: 0 to 5; 0 for none.
        tags: short texts, without semicolons and control characters, each once.

    Raises:
        BadArgumentsError: a value out of its range.
    """

    stars: int = 0
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.stars <= MOST_STARS:
            raise BadArgumentsError(f"stars = {self.stars}, expected 0 to {MOST_STARS}")
        if len(self.tags) > MOST_TAGS:
            raise BadArgumentsError(f"{len(self.tags)} tags, expected {MOST_TAGS} at most")
        for number, tag in enumerate(self.tags):
            plain = tag.isprintable() and ";" not in tag and tag == tag.strip()
            if not plain or not 1 <= len(tag) <= LONGEST_TAG or tag in self.tags[:number]:
                raise BadArgumentsError(
                    f"tag {tag[:LONGEST_TAG]!r}, expected 1 to {LONGEST_TAG} printable characters "
                    "without semicolons, each tag once"
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """A sound in the samples folder.

    Attributes:
        number: of its row; another one after the index was made anew.
        path: relative to the samples folder, with forward slashes.
        content: SHA-256 of its audio, hexadecimal; stars and tags do not change it.
        kind: ``kick``, ``closed_hat`` …; empty if nothing says so.
        key: the note that is heard, ``F1``; empty if it has no pitch.
        seconds: duration.
        level_db: RMS of the loudest 50 ms, dBFS.
        brightness_hz: centroid of its spectrum.
        stars: 0 to 5.
        tags: of a listener.
        plays: how often it was auditioned.
        changed: when the file was written, seconds since 1970.
        size: bytes.
        rendered: whether it carries a recipe; what follows is empty otherwise.
        prompt: as the producer said it.
        caption: what the model was told.
        seed: of the render; ``None`` without a recipe.
        model: name of the model.
        parent: file names of the sounds that this one came from, with commas between.
    """

    number: int
    path: str
    content: str
    kind: str
    key: str
    seconds: float
    level_db: float
    brightness_hz: float
    stars: int
    tags: tuple[str, ...]
    plays: int
    changed: float
    size: int
    rendered: bool
    prompt: str
    caption: str
    seed: int | None
    model: str
    parent: str


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which sounds, in which order. Everything that is said must be met.

    Attributes:
        text: words, or their beginnings, of name, prompt, caption, kind and tags.
        kind: one of ``domain.kinds``; empty for any.
        key: a note without its octave (``F#``) or with it (``F#1``); empty for any.
        tag: one of its tags; empty for any.
        stars: at least so many.
        rendered: with a recipe, without one; ``None`` for both.
        shortest: seconds.
        longest: seconds.
        darkest: Hz, of the brightness.
        brightest: Hz.
        sort: order.
        limit: sounds at the most.
        offset: sounds to leave out at the beginning.
    """

    text: str = ""
    kind: str = ""
    key: str = ""
    tag: str = ""
    stars: int = 0
    rendered: bool | None = None
    shortest: float | None = None
    longest: float | None = None
    darkest: float | None = None
    brightest: float | None = None
    sort: Sort = "newest"
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, kw_only=True)
class Found:
    """The answer to a query: how many there are in all, and those that were asked for."""

    total: int
    sounds: tuple[Sound, ...]


@dataclass(frozen=True, kw_only=True)
class Near:
    """A sound, and how far it is from another; two of one kind are usually about 1 apart."""

    sound: Sound
    distance: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a sound is on the map: two axes of about -1 to 1, near is alike."""

    number: int
    x: float
    y: float
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A sound, where it comes from, and what came of it.

    Attributes:
        sounds: the one that was asked for first, then the others, as far as they are there.
        links: numbers of a parent and of its child.
    """

    sounds: tuple[Sound, ...]
    links: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many sounds are known, and how many files are named as sounds and cannot be used."""

    sounds: int
    unusable: int


@dataclass(frozen=True, kw_only=True)
class LibraryChange:
    """What became of some sounds.

    Attributes:
        now: those that are new or changed, as they are now.
        gone: numbers of those that are there no longer.
    """

    now: tuple[Sound, ...] = ()
    gone: tuple[int, ...] = ()


class Sounds(Protocol):
    """What is known of the sounds. Methods take milliseconds, and any thread may call them.

    A ``path`` is absolute, or relative to the samples folder; one that leads outside is refused.
    """

    def search(self, query: Query) -> Found:
        """The sounds that a query asks for.

        Raises:
            BadArgumentsError: the query cannot be understood.
        """
        ...

    def every(self, query: Query) -> Iterator[Sound]:
        """All sounds that a query asks for, whatever its limit.

        Raises:
            BadArgumentsError: the query cannot be understood.
        """
        ...

    def sound(self, number: int) -> Sound:
        """A sound by its number.

        Raises:
            NotFoundError: none has it.
        """
        ...

    def sound_at(self, path: str) -> Sound:
        """A sound by its path.

        Raises:
            NotFoundError: it is not in the index.
            ForbiddenError: the path leads outside of the samples folder.
        """
        ...

    def file(self, number: int) -> Path:
        """Where the file of a sound is.

        Raises:
            NotFoundError: no sound has this number, or its file is gone.
        """
        ...

    def recipe(self, number: int) -> str:
        """The recipe of a sound as JSON; empty if it has none."""
        ...

    def similar(self, number: int, count: int) -> Sequence[Near]:
        """The sounds most like one, without it, the nearest first.

        Raises:
            NotFoundError: none has this number.
            BadArgumentsError: the count is out of its range.
        """
        ...

    def family(self, number: int) -> Family:
        """Its ancestors and descendants, by their recipes; the nearest two hundred.

        Raises:
            NotFoundError: none has this number.
        """
        ...

    def places(self) -> Iterator[Place]:
        """The map: every sound on the plane of the two main components of all embeddings.

        One after the other, by ascending numbers: as objects all of them would be a hundred
        megabytes of a large library.
        """
        ...

    def kinds(self) -> dict[str, int]:
        """Kinds and how many sounds each has; those of no known kind have the empty name."""
        ...

    def tags(self) -> dict[str, int]:
        """Tags and how many sounds each has."""
        ...

    def counts(self) -> Counts:
        """How many there are."""
        ...


class Library(Protocol):
    """What transports see of the library; called on the event loop."""

    @property
    def sounds(self) -> Sounds:
        """What is known of them. It may wait for a disk: ask in a thread."""
        ...

    @property
    def waiting(self) -> int:
        """Files that are still to be looked at, as far as that is known."""
        ...

    async def mark(
        self, path: str, *, stars: int | None = None, tags: Sequence[str] | None = None
    ) -> Sound:
        """Rate or tag a sound; what is ``None`` stays. It is safe in the file when this returns.

        Raises:
            BadArgumentsError: stars or tags out of their range.
            NotFoundError: no such file, or it is no sound.
            ForbiddenError: the path leads outside of the samples folder, or it cannot be written.
            DiskFullError: no space left.
        """
        ...

    async def played(self, path: str) -> Sound:
        """Count that a sound was auditioned; raises as ``mark``."""
        ...

    def subscribe(self, listener: Callable[[LibraryChange], None]) -> Callable[[], None]:
        """Call ``listener`` with every change from now on; the returned function ends it."""
        ...
