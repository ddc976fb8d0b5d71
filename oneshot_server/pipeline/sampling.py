"""Noise to latents: the sampler's loop, with guidance in the middle and a way to stop it."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch

from oneshot_server.domain.parameters import Sampler
from oneshot_server.errors import BadArgumentsError
from oneshot_server.pipeline.distilled import check_distilled
from oneshot_server.pipeline.draw import Draw
from oneshot_server.pipeline.model import Model

OnStep = Callable[[int, int], None]
"""Called before each step with its number and how many there are; raises to stop the loop."""

DRAWING: Final = ("lcm",)
"""Samplers that draw new noise at every step."""


def seeds_to_generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """A generator for each sound, on the CPU so that every device draws alike."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def generators_to_noise(generators: Sequence[torch.Generator], model: Model) -> torch.Tensor:
    """Standard normal noise, each sound's from its own generator alone.

    Returns:
        (batch, channels, rows, columns).
    """
    return torch.stack(
        [torch.randn(model.latent_shape, generator=generator) for generator in generators]
    ).to(model.device)


def seeds_to_noise(seeds: Sequence[int], model: Model) -> torch.Tensor:
    """Standard normal noise, each sound's from its own seed alone.

    Returns:
        (batch, channels, rows, columns).
    """
    return generators_to_noise(seeds_to_generators(seeds), model)


def draws_to_noise(
    draws: Sequence[Draw], generators: Sequence[torch.Generator], model: Model
) -> torch.Tensor:
    """Standard normal noise for each draw: its seed's, or on a walk what lies between two seeds'.

    Args:
        draws: what is drawn from.
        generators: of the first independent seed of each draw.
        model: the model.

    Returns:
        (batch, channels, rows, columns).
    """
    first = generators_to_noise(generators, model)
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
    ).input_ids
    return tokens_to_embeddings(tokens, model)


def tokens_to_embeddings(tokens: torch.Tensor, model: Model) -> torch.Tensor:
    """Token numbers of (batch, tokens) to what the UNet attends to, (batch, tokens, width)."""
    embeddings: torch.Tensor = model.text_encoder(tokens.to(model.device)).last_hidden_state
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
    sampler: Sampler | None = None,
    generators: Sequence[torch.Generator] = (),
    start: torch.Tensor | None = None,
    strength: float = 1.0,
    kept: torch.Tensor | None = None,
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
        sampler: the model's own if ``None``.
        generators: one for each sound, for the samplers in ``DRAWING``.
        start: (batch, channels, rows, columns), latents to begin from instead of noise alone
            (Meng et al., 2022, SDEdit).
        strength: 0 to 1, the share of the steps that are done from ``start``; 0 returns it as it
            is, 1 keeps next to nothing of it.
        kept: (columns,), bool, the columns of ``start`` that come out as they are; the others are
            made to fit them, as they are seen at every step with the noise that belongs to it
            (Lugmayr et al., 2022, RePaint, without its resampling).

    Returns:
        (batch, channels, rows, columns), denoised.

    Raises:
        BadArgumentsError: more steps than the sampler can do, or strength is not 0 to 1; what the
            model's UNet for few steps cannot do.
    """
    name = sampler or model.card.sampler
    unet = _unet_for(name, model, steps=steps, guidance=guidance, from_sounds=start is not None)
    if name in DRAWING and len(generators) != len(noise):
        raise BadArgumentsError(
            f"{len(generators)} generators, expected {len(noise)} for the sampler {name}"
        )
    scheduler = make_scheduler(model, name)
    set_timesteps(scheduler, steps, model, name)
    timesteps = scheduler.timesteps
    if start is None:
        latents = noise * scheduler.init_noise_sigma
    else:
        if not 0.0 <= strength <= 1.0:
            raise BadArgumentsError(f"strength = {strength}, expected 0 to 1")
        # Few steps know few strengths; but who asks for another sound gets one.
        done = round(strength * len(timesteps)) or int(strength > 0.0)
        skipped = len(timesteps) - done
        timesteps = timesteps[skipped:]
        if not len(timesteps):
            return start
        if hasattr(scheduler, "set_begin_index"):  # DDIM goes by the timestep alone
            scheduler.set_begin_index(skipped)
        latents = scheduler.add_noise(start, noise, timesteps[:1].expand(len(start)))
    drawing = {"generator": list(generators)} if name in DRAWING else {}
    both = torch.cat([negative, embeddings])
    trained_steps = scheduler.config.num_train_timesteps
    for number, timestep in enumerate(timesteps):
        on_step(number, len(timesteps))
        scaled = scheduler.scale_model_input(latents, timestep)
        share = float(timestep) / trained_steps
        guided = guidance > 1.0 and model.card.guidance_to <= share <= model.card.guidance_from
        if guided:
            away, towards = unet(torch.cat([scaled, scaled]), timestep, both).sample.chunk(2)
            predicted = away + guidance * (towards - away)
        else:
            predicted = unet(scaled, timestep, embeddings).sample
        latents = scheduler.step(predicted, timestep, latents, **drawing).prev_sample
        if start is not None and kept is not None:
            known = start
            if number + 1 < len(timesteps):
                later = timesteps[number + 1].expand(len(start))
                known = scheduler.add_noise(start, noise, later)
            latents = torch.where(kept, known, latents)
    return torch.as_tensor(latents)


def _unet_for(
    sampler: Sampler, model: Model, *, steps: int, guidance: float, from_sounds: bool
) -> Any:  # noqa: ANN401 - diffusers is untyped
    """The denoiser that a sampler works with, if that can do what is asked for."""
    if sampler != "distilled":
        return model.unet
    check_distilled(model.card, steps=steps, guidance=guidance, from_sounds=from_sounds)
    assert model.distilled_unet is not None, "loaded without it"
    return model.distilled_unet


def steady_sampler(model: Model) -> Sampler:
    """The model's own sampler, or DDIM where that draws noise: what a training listens with."""
    return "ddim" if model.card.sampler in DRAWING else model.card.sampler


def make_scheduler(model: Model, sampler: Sampler | None = None) -> Any:  # noqa: ANN401 - diffusers is untyped
    """A sampler on the model's own noise schedule; the one that its card names if ``None``."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
    from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
    from diffusers.schedulers.scheduling_lcm import LCMScheduler
    from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

    kinds: dict[Sampler, Any] = {
        "ddim": DDIMScheduler,
        "distilled": DDIMScheduler,
        "dpmpp-2m": DPMSolverMultistepScheduler,
        "euler": EulerDiscreteScheduler,
        "lcm": LCMScheduler,
        "unipc": UniPCMultistepScheduler,
    }
    return kinds[sampler or model.card.sampler].from_config(
        model.scheduler_config, timestep_spacing="trailing"
    )


def set_timesteps(scheduler: Any, steps: int, model: Model, sampler: Sampler) -> None:  # noqa: ANN401 - diffusers is untyped
    """Lay out a sampler's steps.

    Raises:
        BadArgumentsError: they are more than it can do.
    """
    try:
        scheduler.set_timesteps(steps, device=model.device)
    except ValueError:
        most = scheduler.config.get("original_inference_steps", "fewer")
        raise BadArgumentsError(
            f"steps = {steps}, expected at most {most} with the sampler {sampler}"
        ) from None
