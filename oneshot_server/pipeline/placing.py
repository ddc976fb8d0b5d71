"""Put a model's parts on a device as a plan says."""

from typing import Any

import torch

from oneshot_server.pipeline.device_plan import DevicePlan


def place_parts(parts: dict[str, Any], device: torch.device, plan: DevicePlan) -> None:
    """Move the networks, in place.

    Attention is computed by ``scaled_dot_product_attention`` everywhere: it is diffusers' default.

    Args:
        parts: ``unet``, ``text_encoder``, ``vae``, on the CPU.
        device: where to.
        plan: how.
    """
    networks = [parts[name] for name in ("text_encoder", "unet", "vae")]
    if device.type == "cuda":  # what its convolutions read fastest
        for network in networks[1:]:
            network.to(memory_format=torch.channels_last)
    if plan.slicing:
        parts["vae"].enable_slicing()
    if plan.tiling:
        parts["vae"].enable_tiling()
    if plan.precision != "fp32":
        for network in networks[:2]:
            _cast_at_the_edges(network)
    if not plan.offload:
        for network in networks:
            network.to(device)
        return
    from accelerate import cpu_offload_with_hook

    # Each takes the place of the one that has worked before it.
    hook = None
    for network in networks:
        _, hook = cpu_offload_with_hook(network, device, prev_module_hook=hook)


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
