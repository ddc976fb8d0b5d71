"""Few steps with a UNet that was distilled to them: what can be asked of it."""

from typing import Final

from oneshot_server.domain import parameters
from oneshot_server.errors import BadArgumentsError
from oneshot_server.pipeline.model_folder import ModelCard

GUIDANCE: Final = 1.0
"""It is in the weights: a guidance of 1 and below is none."""


def check_distilled(
    card: ModelCard,
    *,
    steps: int | None = None,
    guidance: float | None = None,
    negative: str = "",
    from_sounds: bool = False,
) -> None:
    """Make sure that the sampler ``distilled`` can do what is asked for.

    Args:
        card: of the model.
        steps: sampler steps; ``None`` for the model's.
        guidance: guidance scale; ``None`` for none.
        negative: what to keep away from.
        from_sounds: whether it begins from latents instead of noise alone.

    Raises:
        BadArgumentsError: the model has no such UNet, or it cannot do that; the text says what.
    """
    having = "sampler = distilled"
    if not card.distilled_steps:
        others = [name for name in parameters.SAMPLERS if name != "distilled"]
        raise BadArgumentsError(
            f"{having}: the model {card.name} has no UNet for few steps, expected one of "
            f"{', '.join(others)}"
        )
    only = f"which the model {card.name} does in {card.distilled_steps} steps without guidance"
    if steps not in (None, card.distilled_steps):
        raise BadArgumentsError(f"steps = {steps} with {having}, {only}: expected no steps")
    if guidance is not None and guidance > GUIDANCE:
        raise BadArgumentsError(
            f"guidance = {guidance:g} with {having}, {only}: expected no guidance, or at most 1"
        )
    if negative:
        raise BadArgumentsError(
            f"negative = {parameters.shown(negative)} with {having}, {only}: expected no negative"
        )
    if from_sounds:
        raise BadArgumentsError(
            f"{having} begins from noise alone: expected another one for sounds"
        )
