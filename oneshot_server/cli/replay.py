"""``oneshot render --like FILE.wav``: the same bytes again."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import typer

from oneshot_server.cli.output import printable
from oneshot_server.cli.rendering import render_here
from oneshot_server.domain.library import Mark
from oneshot_server.domain.recipe import Recipe
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import MetadataError, ModelError, NotFoundError
from oneshot_server.library.home import Home, resolve_home
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.library.parent_files import find_parent
from oneshot_server.library.wav_encoding import SUBTYPES
from oneshot_server.library.wav_metadata import mark_wav, read_recipe
from oneshot_server.pipeline import model_folder
from oneshot_server.settings import load_settings, override


def replay(
    file: Path, *, out: Path | None, json: bool, home_option: Path | None, model: str | None
) -> None:
    """Render what a file's recipe says; always here, for a daemon finishes as its settings say.

    Raises:
        MetadataError: the file carries no recipe that can be followed.
        ModelError: the model or a LoRA is another one than the file was made with.
        NotFoundError: it is not here, or a sound that the file was made from is not.
    """
    recipe = read_recipe(file)
    if recipe.subtype not in SUBTYPES:
        raise MetadataError(
            f"{file}: sample format {recipe.subtype[:20]!r}, expected one of {', '.join(SUBTYPES)}"
        )
    home = resolve_home(home_option)
    name = model or model_name(file, recipe)
    check_model(file, recipe, name, home)
    check_loras(file, recipe, home)
    settings = override(load_settings(home.config), "engine.model", name, origin="--model")
    samples = home.samples_folder(settings.samples.folder)
    paths = render_here(
        recipe_to_request(recipe, parent_files(file, recipe, [samples, home.datasets, home.trash])),
        home,
        settings,
        out=out,
        json=json,
        finish=recipe.finish,
        subtype=recipe.subtype,
    )
    for path in paths:
        if unmarked(file) != path.read_bytes():
            typer.echo(f"oneshot: {printable(difference(recipe, read_recipe(path)))}", err=True)


def unmarked(file: Path) -> bytes:
    """A file as it was rendered: stars and tags came later.

    Raises:
        MetadataError: it is gone, or broken.
    """
    try:
        return mark_wav(file.read_bytes(), Mark())
    except OSError as error:
        raise MetadataError(f"{file}: {error.strerror}") from None


def recipe_to_request(recipe: Recipe, parent_files: tuple[str, ...] = ()) -> GenerateRequest:
    """What to ask for; length and level are in the recipe's finish."""
    return GenerateRequest(
        prompt=recipe.prompt,
        negative=recipe.negative,
        seed=recipe.seed,
        steps=recipe.steps,
        guidance=recipe.guidance,
        sampler=recipe.sampler,
        loras=recipe.loras,
        replay=recipe.batch,
        walk=recipe.walk,
        touch=recipe.touch,
        reshape=recipe.reshape,
        parent_files=parent_files,
    )


def parent_files(file: Path, recipe: Recipe, folders: Sequence[Path]) -> tuple[str, ...]:
    """Where the sounds are that a file was made from; they are found by their audio.

    Raises:
        NotFoundError: one is nowhere; the text says which and where it was looked for.
    """
    found = []
    for parent in recipe.parents:
        path = find_parent(parent, folders, beside=file)
        if path is None:
            raise NotFoundError(
                f"{file} was made from {parent.name}, of audio with the SHA-256 {parent.sha256}, "
                f"which is neither beside it nor in {' or '.join(map(str, folders))}: "
                "put it there, under any name"
            )
        found.append(str(path))
    return tuple(found)


def model_name(file: Path, recipe: Recipe) -> str:
    """The recipe's model; a stranger's file may name a model, but not a place on this disk."""
    if {"/", "\\", ":"} & set(recipe.model) or recipe.model in {"", ".", ".."}:
        raise MetadataError(
            f"{file}: model {recipe.model[:60]!r} is a path, expected a name: "
            "say which model with --model"
        )
    return recipe.model


def check_model(file: Path, recipe: Recipe, name: str, home: Home) -> None:
    """Refuse to render with another model than the file was made with."""
    digest = model_folder.hash_model(model_folder.find_model(name, home.models))
    if digest != recipe.model_hash:
        raise ModelError(
            f"{file} was made with {recipe.model} of SHA-256 {recipe.model_hash}, but {name} has "
            f"{digest}: the sound would differ. Install that model, or name it with --model"
        )


def check_loras(file: Path, recipe: Recipe, home: Home) -> None:
    """Refuse to render with other LoRAs than the file was made with."""
    if len(recipe.loras) != len(recipe.lora_hashes):
        raise MetadataError(
            f"{file}: {len(recipe.lora_hashes)} hashes of {len(recipe.loras)} LoRAs, "
            "expected one of each"
        )
    store = LoraStore(home.loras)
    for lora, expected in zip(recipe.loras, recipe.lora_hashes, strict=True):
        made_with = f'{file} was made with the LoRA "{lora.name}" of SHA-256 {expected}'
        if lora.version is None:
            raise MetadataError(f"{made_with}, of no version, expected one")
        try:
            with store.adapter(lora.name, lora.version).open("rb") as adapter:
                digest = hashlib.file_digest(adapter, "sha256").hexdigest()
        except (NotFoundError, OSError) as error:
            raise NotFoundError(
                f"{made_with}, version {lora.version}, which is not in {home.loras}: {error}"
            ) from None
        if digest != expected:
            raise ModelError(
                f"{made_with}, but its version {lora.version} here has {digest}: "
                "the sound would differ"
            )


def difference(old: Recipe, new: Recipe) -> str:
    """Why the bytes are not the same, as far as the recipes tell."""
    before, after = (f"{recipe.software}, {recipe.platform}" for recipe in (old, new))
    if before != after:
        return f"the bytes differ: made by {before}, and now by {after}"
    return "the bytes differ: the file was changed since it was made"
