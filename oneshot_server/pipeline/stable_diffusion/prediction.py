"""Whether a UNet predicts the noise or the velocity; a checkpoint in one file does not say it."""

from pathlib import Path
from typing import Final

import torch

from oneshot_server.pipeline.stable_diffusion.checkpoint import load_checkpoint
from oneshot_server.pipeline.stable_diffusion.recognise import Prediction, recognise_file

MARK: Final = "v_pred"
"""A key, or an entry of the metadata, by which some checkpoints say it."""
LAST_STEP: Final = 999
LIKE_NOISE: Final = 0.5


def file_prediction(path: Path) -> Prediction:
    """What the UNet of a checkpoint predicts.

    Stable Diffusion 1.x predicts the noise, unless the file says otherwise. Of 2.x both kinds were
    published: there, the UNet is asked.

    Raises:
        NotFoundError: it is not there.
        ModelError: it cannot be loaded.
    """
    family, header = recognise_file(path)
    if MARK in header.shapes or MARK in header.metadata:
        return "v_prediction"
    if family == "sd1":
        return "epsilon"
    parts = load_checkpoint(path, dtype=torch.float32, prediction=None)
    tokens = parts["tokenizer"]("", padding="max_length", return_tensors="pt").input_ids
    noise = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        text = parts["text_encoder"](tokens).last_hidden_state
        return name_prediction(noise, parts["unet"](noise, LAST_STEP, text).sample)


def name_prediction(noise: torch.Tensor, answer: torch.Tensor) -> Prediction:
    """What a UNet's answer to nothing but noise is.

    At the last step the noise is nearly all there is. A UNet that predicts it gives it back; the
    velocity, ``alpha * noise - sigma * image`` (Salimans and Ho, 2022), has next to nothing of it.

    Args:
        noise: (1, channels, rows, columns), standard normal.
        answer: of the same shape.
    """
    pair = torch.stack([noise.flatten(), answer.flatten()])
    return "epsilon" if float(torch.corrcoef(pair)[0, 1]) > LIKE_NOISE else "v_prediction"
