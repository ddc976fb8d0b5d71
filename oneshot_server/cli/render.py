"""``oneshot render``: sounds from the command line, by the daemon if it runs."""

import secrets
from pathlib import Path
from typing import Annotated, cast

import typer

from oneshot_server.cli.options import HomeOption, JsonOption, ModelOption, option
from oneshot_server.domain import parameters
from oneshot_server.domain.requests import GenerateRequest, parse_loras
from oneshot_server.errors import BadArgumentsError


def render(
    prompt: Annotated[
        list[str] | None, typer.Argument(help=parameters.PROMPT.help, show_default=False)
    ] = None,
    *,
    count: Annotated[int | None, option(parameters.COUNT)] = None,
    seed: Annotated[int | None, option(parameters.SEED)] = None,
    steps: Annotated[int | None, option(parameters.STEPS)] = None,
    guidance: Annotated[float | None, option(parameters.GUIDANCE)] = None,
    sampler: Annotated[str | None, option(parameters.SAMPLER)] = None,
    quality: Annotated[str | None, option(parameters.QUALITY)] = None,
    negative: Annotated[str | None, option(parameters.NEGATIVE)] = None,
    seconds: Annotated[float | None, option(parameters.SECONDS)] = None,
    lora: Annotated[str | None, option(parameters.LORA)] = None,
    width: Annotated[float | None, option(parameters.WIDTH)] = None,
    vary: Annotated[
        Path | None, typer.Option("--vary", help="a sound, from anywhere; make variations of it")
    ] = None,
    strength: Annotated[float | None, option(parameters.STRENGTH)] = None,
    morph: Annotated[
        tuple[Path, Path] | None, typer.Option("--morph", help="two sounds; make what is between")
    ] = None,
    t: Annotated[float | None, option(parameters.MORPH_T)] = None,
    inpaint: Annotated[
        Path | None, typer.Option("--inpaint", help="a sound; keep one part, make the other anew")
    ] = None,
    keep: Annotated[str | None, option(parameters.KEEP)] = None,
    split: Annotated[float | None, option(parameters.SPLIT)] = None,
    novelty: Annotated[float | None, option(parameters.NOVELTY)] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="folder for the files (default: the samples)")
    ] = None,
    like: Annotated[
        Path | None, typer.Option("--like", help="a WAV of oneshot's; make the same bytes again")
    ] = None,
    json: JsonOption = False,
    home: HomeOption = None,
    model: ModelOption = None,
) -> None:
    """Make sounds from words, or from sounds."""
    if like is not None:
        sampling = (steps, guidance, sampler, quality)
        given = (prompt, count, seed, negative, seconds, lora, width, novelty)
        reshaped = (vary, strength, morph, t, inpaint, keep, split)
        if any(value is not None for value in (*sampling, *given, *reshaped)):
            raise BadArgumentsError(
                "--like takes all from the file: expected no prompt and no other option "
                "than --out, --json, --home and --model"
            )
        from oneshot_server.cli.replay import replay

        replay(like, out=out, json=json, home_option=home, model=model)
        return
    from oneshot_server.cli.reshape import options_to_reshape

    reshape, files = options_to_reshape(
        vary=vary, morph=morph, inpaint=inpaint, strength=strength, t=t, keep=keep, split=split
    )
    request = GenerateRequest(
        prompt=" ".join(prompt or ()).strip(),
        negative=negative or "",
        count=1 if count is None else count,
        seed=secrets.randbelow(int(parameters.SEED.high) + 1) if seed is None else seed,
        steps=steps,
        guidance=guidance,
        sampler=cast("parameters.Sampler | None", sampler),  # the request checks it
        quality=cast(
            "parameters.Quality", parameters.QUALITY.default if quality is None else quality
        ),
        seconds=seconds,
        loras=parse_loras(lora or ""),
        reshape=reshape,
        parent_files=files,
        width=width,
        novelty=novelty,
    )
    from oneshot_server.cli.rendering import render_request

    render_request(request, out=out, json=json, home_option=home, model=model)
