"""Write trained networks as a model folder: diffusers layout, half precision, card and log."""

import copy
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import torch

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.pipeline.model_folder import CARD_FILE, WORDS_FILE, ModelCard, write_sums
from oneshot_server.pipeline.patch_codec import PatchCodec
from oneshot_server.pipeline.prompt import Words
from oneshot_server.pipeline.stable_diffusion.recognise import DISTILLED

STEPS: Final = 13
GUIDANCE: Final = 2.5
GUIDANCE_FROM: Final = 0.93
GUIDANCE_TO: Final = 0.2


def export(
    folder: Path,
    *,
    unet: Any,  # noqa: ANN401 - diffusers and transformers are untyped
    text_encoder: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    scheduler: Any,  # noqa: ANN401
    codec: PatchCodec,
    words: Words,
    profile: MelProfile,
    losses: Sequence[float],
    recipe: Mapping[str, Any],
) -> None:
    """Write the model; files that are no longer part of it go, the model card's prose stays.

    Args:
        folder: where; made if missing.
        unet: the averaged UNet.
        text_encoder: the averaged text encoder.
        tokenizer: its tokenizer.
        scheduler: the noise schedule.
        codec: the autoencoder.
        words: the vocabulary.
        profile: the mel profile.
        losses: of each training step.
        recipe: the numbers of the run, for the log's title.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # What there is was distilled from the UNet of before.
    shutil.rmtree(folder / DISTILLED, ignore_errors=True)
    for name, part in (("unet", unet), ("text_encoder", text_encoder), ("vae", codec)):
        save_part(part, folder / name)
    tokenizer.save_pretrained(folder / "tokenizer")
    scheduler.save_pretrained(folder / "scheduler")
    card = ModelCard(
        name="starter",
        profile=profile,
        image_channels=1,
        steps=STEPS,
        guidance=GUIDANCE,
        guidance_from=GUIDANCE_FROM,
        guidance_to=GUIDANCE_TO,
    )
    (folder / CARD_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2))
    (folder / WORDS_FILE).write_bytes(msgspec.json.encode(words))
    write_sums(folder)
    draw_losses(losses, recipe, folder / "training.png")


def save_part(part: Any, folder: Path) -> None:  # noqa: ANN401
    """Write a network in half precision, and not where on this machine it was read from."""
    shutil.rmtree(folder, ignore_errors=True)
    copy.deepcopy(part).half().save_pretrained(folder)
    config = folder / "config.json"
    told = msgspec.json.decode(config.read_bytes())
    told.pop("_name_or_path", None)
    config.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")


def draw_losses(losses: Sequence[float], recipe: Mapping[str, Any], path: Path) -> None:
    """Draw the loss of each step, and its course, as a PNG that names the run's numbers."""
    from matplotlib.figure import Figure

    width = 50
    smooth = torch.tensor(losses).unfold(0, min(width, len(losses)), 1).mean(dim=1)
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(losses, linewidth=0.3, alpha=0.5, label="each step")
    axes.plot(range(len(losses) - len(smooth), len(losses)), smooth, label=f"mean of {width}")
    axes.set(xlabel="step", ylabel="mean squared error of v", yscale="log")
    axes.set_title(", ".join(f"{key} {value}" for key, value in recipe.items()), fontsize=9)
    axes.legend()
    figure.savefig(path, dpi=100)
