"""The optimiser by its name."""

from typing import Any

import torch

from oneshot_server.errors import BadArgumentsError


def optimiser_kind(name: str, device: torch.device) -> Any:  # noqa: ANN401 - bitsandbytes is untyped
    """The class of an optimiser: ``adamw``, or ``adamw8bit`` with its states in 8 bits.

    Raises:
        BadArgumentsError: the device is none of NVIDIA's, or bitsandbytes is not installed.
    """
    if name == "adamw":
        return torch.optim.AdamW
    if device.type != "cuda":
        raise BadArgumentsError(
            f'training.optimiser = "adamw8bit" on the device {device.type}, expected cuda: '
            'take "adamw"'
        )
    try:
        from bitsandbytes.optim import AdamW8bit
    except Exception as error:  # noqa: BLE001 - its import fails in many ways, by driver and platform
        raise BadArgumentsError(
            'training.optimiser = "adamw8bit" needs bitsandbytes, which cannot be loaded '
            f"({type(error).__name__}: {error}): "
            'pip install "oneshot-server[train8bit]", or take "adamw"'
        ) from None
    return AdamW8bit
