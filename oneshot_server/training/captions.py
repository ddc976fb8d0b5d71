"""What a sound is said to be while it is trained on, in the words that prompts are put in."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import torch

from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.prompt import Words, complete
from oneshot_server.pipeline.render import prompt_to_words
from oneshot_server.pipeline.sampling import texts_to_embeddings

EMPTY_SHARE: Final = 0.1  # what guidance is measured from
BARE_SHARE: Final = 0.15  # the kind alone
COMPLETED_SHARE: Final = 0.5  # filled in as a bare prompt is: a producer types "kick" and no more
BRACKETS: Final = str.maketrans("()[]", "    ")
MOST_KEPT: Final = 1024  # embeddings; a large text encoder's take a quarter of a megabyte each


@dataclass(frozen=True, kw_only=True)
class Caption:
    """A sound's caption in the model's words.

    Attributes:
        words: known to the model, in the order said.
        kind: the first of them that names a kind of sound; empty if none does.
    """

    words: tuple[str, ...]
    kind: str

    @property
    def text(self) -> str:
        """All of it; empty if the model knows no word of it."""
        return " ".join(self.words)


def read_caption(text: str, model: Model) -> Caption:
    """A caption in the model's words; those it does not know are dropped.

    Brackets weigh nothing here: they come from names like ``kick (2).wav``.
    """
    words = prompt_to_words(text.translate(BRACKETS), model).words
    kinds = model.words.classes if model.words else ()
    return Caption(words=words, kind=next((word for word in words if word in kinds), ""))


def draw_caption(caption: Caption, words: Words | None, draw: random.Random) -> str:
    """A caption as a producer might say it: whole, filled in, the kind alone, or nothing.

    Args:
        caption: of the sound.
        words: the model's vocabulary, or ``None`` for a model that takes any text.
        draw: decides; always asked as often, whatever the caption.
    """
    chance, seed = draw.random(), draw.randrange(2**31)
    if chance < EMPTY_SHARE:
        return ""
    if words is None or not caption.kind:
        return caption.text
    if chance < EMPTY_SHARE + BARE_SHARE:
        return caption.kind
    if chance < EMPTY_SHARE + BARE_SHARE + COMPLETED_SHARE:
        # Half from the kind alone, which is what a producer types beside the LoRA's name.
        said = (caption.kind,) if seed % 2 else caption.words
        return " ".join(complete(said, words, seed=seed))
    return caption.text


@dataclass(kw_only=True)
class Embeddings:
    """Captions to what the UNet attends to, each asked of the text encoder once.

    Attributes:
        model: whose text encoder it is.
        changing: it is trained: it is asked every time, and gradients lead back into it.
    """

    model: Model
    changing: bool = False
    _kept: dict[str, torch.Tensor] = field(default_factory=dict)

    def __call__(self, captions: Sequence[str]) -> torch.Tensor:
        """(batch, tokens, width) on the model's device."""
        if self.changing:
            return texts_to_embeddings(captions, self.model).float()
        return self._remembered(captions)

    @torch.no_grad()
    def _remembered(self, captions: Sequence[str]) -> torch.Tensor:
        new = sorted(set(captions) - self._kept.keys())
        if len(self._kept) + len(new) > MOST_KEPT:
            self._kept.clear()
            new = sorted(set(captions))
        if new:
            made = texts_to_embeddings(new, self.model).float()
            self._kept.update(zip(new, made, strict=True))
        return torch.stack([self._kept[caption] for caption in captions])
