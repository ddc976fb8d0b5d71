"""``oneshot info``: the recipe inside a WAV."""

from pathlib import Path
from typing import Annotated

import typer

from oneshot_server.cli.options import JsonOption
from oneshot_server.cli.output import print_json, printable
from oneshot_server.domain.recipe import Recipe
from oneshot_server.domain.reshape import Inpaint, Morph, Vary
from oneshot_server.errors import MetadataError


def info(
    files: Annotated[list[Path], typer.Argument(help="WAV files", show_default=False)],
    *,
    json: JsonOption = False,
) -> None:
    """Show how sounds were made."""
    import msgspec

    from oneshot_server.library.wav_metadata import read_recipe

    failed = False
    for number, file in enumerate(files):
        try:
            recipe = read_recipe(file)
        except MetadataError as error:
            failed = True
            typer.echo(f"oneshot: {printable(str(error))}", err=True)
            continue
        if json:
            print_json({"path": str(file), "recipe": msgspec.to_builtins(recipe)})
        else:
            typer.echo("\n" * (number > 0) + describe(file, recipe))
    if failed:
        raise typer.Exit(1)


def describe(file: Path, recipe: Recipe) -> str:
    """A recipe as lines of name and value."""
    batch, finish = recipe.batch, recipe.finish
    level = f"{finish.lufs:g} LUFS" if finish.level == "lufs" else f"{finish.peak_db:g} dB peak"
    width = f"stereo, width {finish.width:g}" if finish.width else "mono"
    profile = recipe.profile
    lines = {
        "prompt": recipe.prompt,
        "told": recipe.caption,
        "negative": recipe.negative,
        "seed": str(recipe.seed),
        "sampler": f"{recipe.sampler}, {recipe.steps} steps, guidance {recipe.guidance:g}",
        "loras": ", ".join(
            f"{lora.name}{'' if lora.version is None else f'@{lora.version}'}:{lora.weight:g}"
            for lora in recipe.loras
        ),
        "nearest": _nearest(recipe),
        "model": f"{recipe.model} {recipe.model_hash[:12]}",
        "profile": f"{profile.name}, {profile.mels} mels, {profile.sample_rate} Hz",
        "sound": f"{recipe.sample_rate} Hz, {width}",
        "finish": f"{level}, tail at {finish.tail_db:g} dB, {recipe.subtype}",
        "batch": f"sound {batch.index + 1} of {len(batch.seeds)}",
        "from": _reshaped(recipe),
        "made by": f"{recipe.software}, {recipe.platform}",
        "again": f'oneshot render --like "{file}"',
    }
    shown = (f"  {name:<9}{printable(value)}" for name, value in lines.items() if value)
    return "\n".join([printable(str(file)), *shown])


def _reshaped(recipe: Recipe) -> str:
    match recipe.reshape:
        case None:
            return ""
        case Vary(strength=strength):
            how = f"varied at {strength:g}"
        case Morph(t=t):
            how = f"morphed at {t:g}"
        case Inpaint(keep=keep, split=split):
            how = f"its {keep} kept, split at {split:g} s"
    parents = " and ".join(f"{parent.name} {parent.sha256[:12]}" for parent in recipe.parents)
    return f"{parents}, {how}"


def _nearest(recipe: Recipe) -> str:
    if recipe.nearest_db is None:
        return ""
    copy = ", a near copy" if recipe.near_copy else ""
    return f"{recipe.nearest_db:g} dB from a sound that a LoRA was trained on{copy}"
