"""Weights in a prompt: ``(punchy:1.3)``, ``((x))`` and ``[x]``, as producers know them from A1111.

Reference: AUTOMATIC1111's stable-diffusion-webui, wiki page "Features", "Attention/emphasis", for
the notation; Damian Stewart's compel, ``EmbeddingsProvider``, for moving an embedding away from
that of the empty prompt, or towards it, where a plain product would change its size too.
"""

import re
from dataclasses import dataclass
from typing import Final

import torch

from oneshot_server.domain.parameters import shown
from oneshot_server.errors import BadArgumentsError
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.sampling import texts_to_embeddings, tokens_to_embeddings

BRACKET: Final = 1.1
MOST: Final = 4.0
_OPENING: Final = {")": "(", "]": "["}
_PART: Final = re.compile(r"\\[()\[\]\\]|:\s*\d*\.?\d+\s*\)|[^\\()\[\]:]+|.", re.DOTALL | re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """A piece of a prompt, and how much of it; 1 is as it is, 0 leaves it out."""

    text: str
    weight: float


def parse_weights(prompt: str) -> tuple[Fragment, ...]:
    r"""Read a prompt; a bracket without its partner, and one behind a backslash, is a character.

    Raises:
        BadArgumentsError: a weight is more than 4.
    """
    pieces: list[tuple[str, float]] = []
    opened: list[tuple[str, int]] = []
    for part in _PART.findall(prompt):
        closing = part[-1] if len(part) == 1 or part[0] == ":" else ""
        if part in {"(", "["}:
            opened.append((part, len(pieces)))
        elif closing in _OPENING and any(_OPENING[closing] == bracket for bracket, _ in opened):
            bracket, begin = opened.pop()
            while bracket != _OPENING[closing]:  # what was opened within and not closed
                pieces.insert(begin, (bracket, 1.0))
                bracket, begin = opened.pop()
            if part[0] == ":":
                factor = float(part[1:-1])
            else:
                factor = BRACKET if closing == ")" else 1.0 / BRACKET
            pieces[begin:] = [(text, weight * factor) for text, weight in pieces[begin:]]
        else:
            pieces.append((part[1:] if part[0] == "\\" and len(part) > 1 else part, 1.0))
    for bracket, begin in reversed(opened):
        pieces.insert(begin, (bracket, 1.0))
    return _joined(pieces)


def _joined(pieces: list[tuple[str, float]]) -> tuple[Fragment, ...]:
    fragments: list[Fragment] = []
    for text, weight in pieces:
        if weight > MOST:
            raise BadArgumentsError(
                f"the weight of {shown(text)} in the prompt is {weight:.3g}, expected 0 to {MOST:g}"
            )
        if fragments and fragments[-1].weight == weight:
            fragments[-1] = Fragment(text=fragments[-1].text + text, weight=weight)
        else:
            fragments.append(Fragment(text=text, weight=weight))
    return tuple(fragments)


def without_weights(prompt: str) -> str:
    """The text alone.

    Raises:
        BadArgumentsError: a weight is more than 4.
    """
    return "".join(fragment.text for fragment in parse_weights(prompt))


def prompt_to_embedding(prompt: str, model: Model) -> torch.Tensor:
    """What the UNet attends to for a prompt with weights.

    Args:
        prompt: free text with weights.
        model: one that takes any text.

    Returns:
        (1, tokens, width); the same as that of the text alone if all weights are 1.

    Raises:
        BadArgumentsError: a weight is more than 4.
    """
    fragments = parse_weights(prompt)
    if all(fragment.weight == 1.0 for fragment in fragments):
        return texts_to_embeddings(["".join(fragment.text for fragment in fragments)], model)
    tokenizer, length = model.tokenizer, model.text_encoder.config.max_position_embeddings
    numbers: list[int] = [tokenizer.bos_token_id]
    weights = [1.0]
    for fragment in fragments:
        found = tokenizer(fragment.text, add_special_tokens=False).input_ids
        numbers += found
        weights += [fragment.weight] * len(found)
    numbers = [*numbers[: length - 1], tokenizer.eos_token_id]
    numbers += [tokenizer.pad_token_id] * (length - len(numbers))
    weights = [*weights[: length - 1], *([1.0] * length)][:length]
    embedding = tokens_to_embeddings(torch.tensor([numbers]), model)
    empty = texts_to_embeddings([""], model)
    factors = torch.tensor(weights, dtype=embedding.dtype, device=embedding.device)[:, None]
    return empty + factors * (embedding - empty)
