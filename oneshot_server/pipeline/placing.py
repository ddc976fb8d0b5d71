"""Put a model's parts on a device as a plan says."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch

from oneshot_server.pipeline.device import free_memory
from oneshot_server.pipeline.device_plan import DevicePlan


def place_parts(parts: dict[str, Any], device: torch.device, plan: DevicePlan) -> None:
    """Move the networks, in place.

    Attention is computed by ``scaled_dot_product_attention`` everywhere: it is diffusers' default.

    Args:
        parts: ``unet``, ``text_encoder``, ``vae``, perhaps ``distilled_unet``, on the CPU.
        device: where to.
        plan: how.
    """
    unets = [parts[name] for name in ("unet", "distilled_unet") if name in parts]
    networks = [parts["text_encoder"], *unets, parts["vae"]]
    if device.type != "mps":  # what convolutions read fastest: of eight sounds, a tenth
        for network in networks[1:]:
            network.to(memory_format=torch.channels_last)
    if plan.slicing:
        parts["vae"].enable_slicing()
    if plan.tiling:
        parts["vae"].enable_tiling()
    if plan.precision != "fp32":
        for network in networks[:-1]:
            _cast_at_the_edges(network)
    if not plan.offload:
        for network in networks:
            network.to(device)
        return
    for network in networks:
        _offload(network, device, [other for other in networks if other is not network])


def _offload(network: Any, device: torch.device, others: Sequence[Any]) -> None:  # noqa: ANN401
    """Let a network be on the device while it works, in the place of whichever was there.

    Which one that was is not the same for every job: of two UNets one works.
    """
    from accelerate.hooks import ModelHook, add_hook_to_module
    from accelerate.utils import send_to_device

    class TakesThePlace(ModelHook):  # type: ignore[misc]  # accelerate is untyped
        def pre_forward(self, module: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:  # noqa: ANN401
            for other in others:
                if not _is_on(other, torch.device("cpu")):
                    other.to("cpu")
                    free_memory(device)
            if not _is_on(module, device):
                module.to(device)
            return send_to_device(args, device), send_to_device(kwargs, device)

    add_hook_to_module(network, TakesThePlace(), append=True)


def _is_on(network: Any, device: torch.device) -> bool:  # noqa: ANN401
    held = next(chain(network.parameters(), network.buffers()))  # a codec has no parameters
    return bool(held.device.type == device.type)


def _cast_at_the_edges(network: torch.nn.Module) -> None:
    """Let the sampler compute in single precision around a network of half: errors add up there."""

    def before(
        module: torch.nn.Module, positional: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        dtype = next(module.parameters()).dtype
        return (
            tuple(_cast(value, dtype) for value in positional),
            {name: _cast(value, dtype) for name, value in named.items()},
        )

    def after(_module: torch.nn.Module, _inputs: Any, output: Any) -> Any:  # noqa: ANN401
        for name in ("sample", "last_hidden_state"):
            if name in output:
                setattr(output, name, output[name].float())
        return output

    network.register_forward_pre_hook(before, with_kwargs=True)
    network.register_forward_hook(after)


def _cast(value: Any, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """Only what a network computes with: not token numbers, not time steps."""
    if isinstance(value, torch.Tensor) and value.is_floating_point() and value.ndim > 1:
        return value.to(dtype)
    return value
