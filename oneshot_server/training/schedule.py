"""The model's noise schedule as training sees it: noised latents, targets, weights."""

from dataclasses import dataclass
from typing import Any, Final, Self

import torch

from oneshot_server.errors import ModelError

GAMMA: Final = 5.0
"""Signal-to-noise ratios above this weigh no more; Hang et al., 2023, "Efficient diffusion training
via min-SNR weighting strategy"."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How much signal and how much noise each timestep has, and what is predicted.

    Attributes:
        signal: (timesteps,), factor of the latents.
        noise: (timesteps,), factor of the noise.
        prediction: ``epsilon``, ``v_prediction`` or ``sample``.
        weights: (timesteps,), of the loss, 1 in the mean.
    """

    signal: torch.Tensor
    noise: torch.Tensor
    prediction: str
    weights: torch.Tensor

    @classmethod
    def from_config(cls, config: dict[str, Any], device: torch.device) -> Self:
        """The schedule of a ``scheduler_config.json``.

        Raises:
            ModelError: it predicts what nobody here knows.
        """
        from diffusers.schedulers.scheduling_ddim import DDIMScheduler

        scheduler = DDIMScheduler.from_config(config)
        cumulated = scheduler.alphas_cumprod.float()
        prediction = str(scheduler.config.prediction_type)
        ratio = cumulated / (1.0 - cumulated).clamp_min(1e-8)
        least = ratio.clamp_max(GAMMA)
        weights = {
            "epsilon": least / ratio.clamp_min(1e-8),
            "v_prediction": least / (ratio + 1.0),
            "sample": least,
        }
        if prediction not in weights:
            raise ModelError(
                f"prediction_type = {prediction!r}, expected one of {', '.join(weights)}"
            )
        chosen = weights[prediction]
        return cls(
            signal=cumulated.sqrt().to(device),
            noise=(1.0 - cumulated).sqrt().to(device),
            prediction=prediction,
            weights=(chosen / chosen.mean()).to(device),
        )

    def add_noise(
        self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor
    ) -> torch.Tensor:
        """(batch, channels, rows, columns) latents at (batch,) timesteps."""
        return _at(self.signal, timesteps) * latents + _at(self.noise, timesteps) * noise

    def target(
        self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor
    ) -> torch.Tensor:
        """What the UNet should answer, (batch, channels, rows, columns)."""
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "sample":
            return latents
        return _at(self.signal, timesteps) * noise - _at(self.noise, timesteps) * latents

    def stratified(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """(count,) timesteps spread over the whole schedule, which calms the loss."""
        drawn = (torch.arange(count) + torch.rand(count, generator=generator)) / count
        last = len(self.signal) - 1
        return (drawn * len(self.signal)).long().clamp_max(last)


def _at(factors: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
    return factors[timesteps][:, None, None, None]
