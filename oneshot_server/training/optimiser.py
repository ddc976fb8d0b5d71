"""The optimiser by its name."""

from typing import Any

import torch

from oneshot_server.errors import BadArgumentsError


def optimiser_kind(name: str) -> Any:  # noqa: ANN401 - bitsandbytes is untyped
    """The class of an optimiser: ``adamw``, or ``adamw8bit`` with its states in 8 bits.

    Raises:
        BadArgumentsError: bitsandbytes is not installed, or cannot be used here.
    """
    if name == "adamw":
        return torch.optim.AdamW
    try:
        from bitsandbytes.optim import AdamW8bit
    except Exception as error:  # noqa: BLE001 - its import fails in many ways, by driver and platform
        raise BadArgumentsError(
            'training.optimiser = "adamw8bit" needs bitsandbytes, which cannot be loaded '
            f"({type(error).__name__}: {error}): "
            'pip install "oneshot-server[train8bit]", or take "adamw"'
        ) from None
    return AdamW8bit
