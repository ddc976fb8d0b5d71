"""A request that begins from sounds, with what their files say of themselves filled in."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from oneshot_server.domain.recipe import Recipe
from oneshot_server.domain.requests import GenerateRequest, LoraWeight
from oneshot_server.library.parent_files import read_parent


def describe_parents(
    request: GenerateRequest,
    files: Sequence[Path],
    *,
    has_lora: Callable[[LoraWeight], bool],
    base_hash: str = "",
) -> GenerateRequest:
    """Fill in the parents, and the LoRAs that they were made with if the request names none.

    A variation of a LoRA's sound is to have its colour too. Parents that were made with different
    LoRAs, with another base model or with what is not there any more leave it to the standing
    blend.

    Args:
        request: with ``reshape`` and without its parents.
        files: the parents', readable.
        has_lora: whether there is such a LoRA, of that version.
        base_hash: SHA-256 of the base model; empty where it is not known yet.
    """
    assert request.reshape is not None
    parents, recipes = zip(*map(read_parent, files), strict=True)
    return replace(
        request,
        reshape=structs.replace(request.reshape, parents=parents),
        parent_files=tuple(map(str, files)),
        loras=request.loras or _common_loras(recipes, has_lora, base_hash),
    )


def _common_loras(
    recipes: Sequence[Recipe | None], has_lora: Callable[[LoraWeight], bool], base_hash: str
) -> tuple[LoraWeight, ...]:
    known = [recipe for recipe in recipes if recipe is not None]
    blends = {recipe.loras for recipe in known}
    if len(known) < len(recipes) or len(blends) != 1:
        return ()
    loras = blends.pop()
    once = len({lora.name for lora in loras}) == len(loras)  # a stranger's file may say anything
    same_base = all(base_hash in ("", recipe.model_hash) for recipe in known)
    return loras if once and same_base and all(map(has_lora, loras)) else ()
