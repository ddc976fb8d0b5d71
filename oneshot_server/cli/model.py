"""``oneshot model``: base models from the command line."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import typer

from oneshot_server.cli.group import OneshotGroup
from oneshot_server.cli.options import HomeOption, JsonOption
from oneshot_server.cli.output import make_table, print_json, printable, show_table
from oneshot_server.domain.events import JobEvent, Progress
from oneshot_server.errors import OneshotError

app = typer.Typer(cls=OneshotGroup, help="Add, list and choose base models.", no_args_is_help=True)

DEFAULT_PROFILE: Final = "sd15-oneshot"
OWN_PROFILES: Final = {"riffusion-model-v1": "riffusion"}
"""Models of the hub that were trained on images of a known kind, by the end of their name."""
PREDICTIONS: Final = {"epsilon": "the noise", "v_prediction": "the velocity"}
NameArgument = Annotated[str, typer.Argument(help="of a model in the list", show_default=False)]


@app.command()
def add(
    source: Annotated[
        str,
        typer.Argument(
            help="folder in diffusers' layout, .safetensors file, or a hub's name",
            show_default=False,
        ),
    ],
    *,
    name: Annotated[
        str | None, typer.Option("--name", help="to call it by (default: its own)")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            help=f"how its images become sound (default: its oneshot.json, or {DEFAULT_PROFILE})",
        ),
    ] = None,
    prediction: Annotated[
        Literal["epsilon", "v_prediction"] | None,
        typer.Option("--prediction", help="of a file's UNet (default: found out)"),
    ] = None,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Add a model; its weights stay where they are."""
    from oneshot_server.library.home import resolve_home
    from oneshot_server.pipeline.model_entry import add_model
    from oneshot_server.settings import find_profile

    place = resolve_home(home)
    place.create()
    own = OWN_PROFILES.get(source.partition("@")[0].rpartition("/")[2], DEFAULT_PROFILE)
    folder = add_model(
        source,
        place.models,
        name=name,
        profile=None if profile is None else find_profile(profile, place.profiles),
        default_profile=find_profile(own, place.profiles),
        prediction=prediction,
    )
    about = describe(folder.name, place.models)
    if json:
        print_json(about)
        return
    typer.echo(
        printable(
            f"added {folder.name}: {about['kind']}, predicts {about['predicts']}, "
            f"mel profile {about['profile']['name']}"
        )
    )
    if profile is None and own == DEFAULT_PROFILE and not about["own_card"]:
        typer.echo(
            "It does not say that it was trained on mel spectrograms: one that was not paints "
            "pictures, which sound like noise, until you train a LoRA on it or use one."
        )
    typer.echo(printable(f'Play it: oneshot model use "{folder.name}"'))


@app.command("list")
def list_models(*, json: JsonOption = False, home: HomeOption = None) -> None:
    """List the models."""
    from oneshot_server.library.home import resolve_home
    from oneshot_server.pipeline.model_folder import model_names
    from oneshot_server.settings import load_settings

    place = resolve_home(home)
    used = load_settings(place.config).engine.model
    table = make_table("model", "kind", "mel profile")
    table.add_column("weights", overflow="fold")  # a path is of use only whole
    for name in model_names(place.models):
        try:
            about = describe(name, place.models)
        except OneshotError as error:
            about = {"name": name, "error": str(error)}
        about["used"] = name == used
        if json:
            print_json(about)
            continue
        mark = " (used)" if about["used"] else ""
        table.add_row(
            printable(name + mark),
            printable(about.get("kind", "cannot be used")),
            printable(about["profile"]["name"] if "profile" in about else ""),
            printable(about.get("weights", about.get("error", ""))),
        )
    if not json:
        show_table(table)


@app.command()
def info(name: NameArgument, *, json: JsonOption = False, home: HomeOption = None) -> None:
    """Show what is known of a model."""
    from oneshot_server.library.home import resolve_home
    from oneshot_server.pipeline.model_folder import find_named_model, hash_model

    models = resolve_home(home).models
    about = describe(name, models)
    about["sha256"] = hash_model(find_named_model(name, models))
    if json:
        print_json(about)
        return
    profile = about.pop("profile")
    lines = {
        "kind": f"{about['kind']}, predicts {about['predicts']}",
        "parameters": f"{about['parameters'] / 1e6:.0f} million",
        "profile": (
            f"{profile['name']}: {profile['mels']} mels by {profile['frames']} frames, "
            f"{profile['sample_rate']} Hz, n_fft {profile['n_fft']}, window {profile['window']}, "
            f"hop {profile['hop']}"
        ),
        "rendering": f"{about['sampler']}, {about['steps']} steps, guidance {about['guidance']:g}"
        + (f"; quick: {about['distilled_steps']} steps" if about["distilled_steps"] else ""),
        "weights": about["weights"],
        "revision": about["revision"],
        "sha256": about["sha256"],
    }
    typer.echo(printable(name))
    for key, value in lines.items():
        if value:
            typer.echo(f"  {key:<11}{printable(str(value))}")


@app.command()
def use(name: NameArgument, *, home: HomeOption = None) -> None:
    """Play a model from now on: in the daemon that runs, and at every start."""
    from oneshot_server.cli.by_daemon import daemon_of, follow
    from oneshot_server.library.home import resolve_home
    from oneshot_server.pipeline.model_folder import find_named_model, read_card, weights_of
    from oneshot_server.settings import load_settings

    place = resolve_home(home)
    folder = find_named_model(name, place.models)
    weights_of(folder, read_card(folder))
    settings = load_settings(place.config)
    place.create()
    with daemon_of(place, settings) as daemon:
        if daemon is not None:  # first, for a model that cannot be loaded is not written down
            with _Waiting(name) as waiting:
                follow(daemon.begin("/oneshot/model", name), waiting)
            typer.echo(printable(f"the daemon plays {name} now"))
    place.write_setting("engine", "model", name)
    typer.echo(printable(f'{place.config} says engine.model = "{name}"'))


class _Waiting:
    """What a change of the model waits for, on the terminal; call it with each event."""

    def __init__(self, name: str) -> None:
        from rich.console import Console

        self._status = Console(stderr=True).status(printable(f"loading {name}"))
        self._name = name

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def __call__(self, event: JobEvent) -> None:
        from oneshot_server.domain.events import Cancelled, Failed
        from oneshot_server.errors import EngineFailedError

        match event:
            case Progress(stage=stage):
                self._status.update(printable(f"{self._name}: {stage}"))
            case Failed(text=text):
                raise EngineFailedError(text)
            case Cancelled():
                raise EngineFailedError(f"{self._name} gave way to another change of the model")


def describe(name: str, models: Path) -> dict[str, Any]:
    """What is known of a model, without its hash, which takes its time.

    Raises:
        NotFoundError: no such model, or its weights are gone.
        ModelError: it cannot be read.
    """
    import msgspec

    from oneshot_server.pipeline.model_folder import (
        CARD_FILE,
        STARTER_NAME,
        find_named_model,
        read_card,
        weights_of,
    )
    from oneshot_server.pipeline.model_size import model_size
    from oneshot_server.pipeline.stable_diffusion.recognise import kind_of

    folder = find_named_model(name, models)
    card = read_card(folder)
    weights = weights_of(folder, card)
    kind, predicts = kind_of(weights)
    return {
        "name": name,
        "kind": "built in" if name == STARTER_NAME else kind,
        "predicts": PREDICTIONS.get(card.prediction or predicts, predicts),
        "parameters": model_size(folder, card).parameters,
        "profile": msgspec.to_builtins(card.profile),
        "sampler": card.sampler,
        "steps": card.steps,
        "guidance": card.guidance,
        "distilled_steps": card.distilled_steps,
        "weights": str(weights),
        "revision": card.revision,
        "own_card": weights.is_dir() and (weights / CARD_FILE).is_file(),
    }
