"""Noise to latents: the sampler's loop, with guidance in the middle and a way to stop it."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from oneshot_server.pipeline.draw import Draw
from oneshot_server.pipeline.model import Model

OnStep = Callable[[int, int], None]
"""Called before each step with its number and how many there are; raises to stop the loop."""


def seeds_to_noise(seeds: Sequence[int], model: Model) -> torch.Tensor:
    """Standard normal noise, each sound's from its own seed alone.

    Returns:
        (batch, channels, rows, columns), drawn on the CPU so that every device starts alike.
    """
    return torch.stack(
        [
            torch.randn(model.latent_shape, generator=torch.Generator().manual_seed(seed))
            for seed in seeds
        ]
    ).to(model.device)


def draws_to_noise(draws: Sequence[Draw], model: Model) -> torch.Tensor:
    """Standard normal noise for each draw: its seed's, or on a walk what lies between two seeds'.

    Returns:
        (batch, channels, rows, columns).
    """
    first = seeds_to_noise([draw.independent[0] for draw in draws], model)
    second = seeds_to_noise([draw.independent[1] for draw in draws], model)
    weights = first.new_tensor([draw.weights for draw in draws])[:, :, None, None, None]
    between: torch.Tensor = weights[:, 0] * first + weights[:, 1] * second
    return between


def texts_to_embeddings(texts: Sequence[str], model: Model) -> torch.Tensor:
    """Captions to what the UNet attends to.

    Returns:
        (batch, tokens, width).
    """
    tokens = model.tokenizer(
        list(texts),
        padding="max_length",
        max_length=model.text_encoder.config.max_position_embeddings,
        truncation=True,
        return_tensors="pt",
    ).input_ids.to(model.device)
    embeddings: torch.Tensor = model.text_encoder(tokens).last_hidden_state
    return embeddings


def noise_to_latents(
    noise: torch.Tensor,
    embeddings: torch.Tensor,
    negative: torch.Tensor,
    model: Model,
    *,
    steps: int,
    guidance: float,
    on_step: OnStep,
) -> torch.Tensor:
    """Denoise a batch.

    Args:
        noise: (batch, channels, rows, columns), standard normal.
        embeddings: (batch, tokens, width) of the captions.
        negative: (batch, tokens, width) of what to keep away from.
        model: the model.
        steps: sampler steps, one or two UNet calls' worth each.
        guidance: classifier-free guidance scale (Ho and Salimans, 2022); 1 and below is off.
        on_step: told before each step; may raise to stop.

    Returns:
        (batch, channels, rows, columns), denoised.
    """
    scheduler = make_scheduler(model)
    scheduler.set_timesteps(steps, device=model.device)
    latents = noise * scheduler.init_noise_sigma
    both = torch.cat([negative, embeddings])
    trained_steps = scheduler.config.num_train_timesteps
    for number, timestep in enumerate(scheduler.timesteps):
        on_step(number, len(scheduler.timesteps))
        scaled = scheduler.scale_model_input(latents, timestep)
        share = float(timestep) / trained_steps
        guided = guidance > 1.0 and model.card.guidance_to <= share <= model.card.guidance_from
        if guided:
            away, towards = model.unet(torch.cat([scaled, scaled]), timestep, both).sample.chunk(2)
            predicted = away + guidance * (towards - away)
        else:
            predicted = model.unet(scaled, timestep, embeddings).sample
        latents = scheduler.step(predicted, timestep, latents).prev_sample
    return torch.as_tensor(latents)


def make_scheduler(model: Model) -> Any:  # noqa: ANN401 - diffusers is untyped
    """The sampler that the model's card names, on the model's own noise schedule."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    samplers = {"ddim": DDIMScheduler, "dpmpp-2m": DPMSolverMultistepScheduler}
    return samplers[model.card.sampler].from_config(
        model.scheduler_config, timestep_spacing="trailing"
    )
