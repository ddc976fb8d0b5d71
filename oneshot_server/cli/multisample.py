"""``oneshot multisample``: one sound in velocity layers and round robins, for a sampler."""

import math
import secrets
from pathlib import Path
from typing import Annotated, Final

import typer

from oneshot_server.cli.options import HomeOption, JsonOption, ModelOption, option
from oneshot_server.cli.output import print_json, printable
from oneshot_server.domain import parameters
from oneshot_server.errors import BadArgumentsError

MOST_NOTES: Final = 16
MIDDLE_C: Final = 60
SAMPLES: Final = "samples"
WALK: Final = 12
"""Round robins are neighbours: so far from one independent sound to the next."""


def multisample(
    prompt: Annotated[list[str], typer.Argument(help=parameters.PROMPT.help, show_default=False)],
    *,
    out: Annotated[Path, typer.Option("--out", help="new folder for the files")],
    velocities: Annotated[
        int, typer.Option("--velocities", min=1, max=16, help="layers from soft to hard")
    ] = 4,
    round_robins: Annotated[
        int, typer.Option("--round-robins", min=1, max=16, help="sounds of each layer, in turn")
    ] = 3,
    notes: Annotated[
        str | None, typer.Option("--notes", help="notes to sample: C1,C2; c4 is MIDI note 60")
    ] = None,
    seed: Annotated[int | None, option(parameters.SEED)] = None,
    lora: Annotated[str | None, option(parameters.LORA)] = None,
    seconds: Annotated[float | None, option(parameters.SECONDS)] = None,
    json: JsonOption = False,
    home: HomeOption = None,
    model: ModelOption = None,
) -> None:
    """Make an instrument: a folder of sounds with an SFZ and a DecentSampler file."""
    from oneshot_server.cli.render_set import new_folder, place_files, render_set
    from oneshot_server.domain.pads import Pad
    from oneshot_server.domain.requests import GenerateRequest, parse_loras
    from oneshot_server.domain.sampler_map import (
        Region,
        note_ranges,
        to_decent_sampler,
        to_sfz,
        velocity_ranges,
    )
    from oneshot_server.library.file_names import prompt_to_words
    from oneshot_server.library.home import resolve_home
    from oneshot_server.library.touched_wav import touch_wav

    words = " ".join(prompt).strip()
    sampled = _notes(notes) if notes is not None else [(MIDDLE_C, "")]
    folder = new_folder(out)
    first = secrets.randbelow(int(parameters.SEED.high) - WALK) if seed is None else seed
    requests = [
        GenerateRequest(
            prompt=f"{words} {name}".strip(),
            count=round_robins,
            seed=first,
            seconds=seconds,
            walk=WALK,
            loras=parse_loras(lora or ""),
        )
        for _, name in sampled
    ]
    sounds = render_set(requests, home=resolve_home(home), model=model)
    stem, pad = prompt_to_words(words), Pad(prompt=words)
    files: dict[str, bytes] = {}
    regions = []
    spans = note_ranges([note for note, _ in sampled])
    for (root, name), span, wavs in zip(sampled, spans, sounds, strict=True):
        for layer, (low, high) in enumerate(velocity_ranges(velocities), start=1):
            touch, softest = pad.touch(high / 127), pad.touch(low / 127)
            fall = (softest.gain_db if softest else 0.0) - (touch.gain_db if touch else 0.0)
            for position, wav in enumerate(wavs, start=1):
                parts = [stem, name, f"v{layer}", f"rr{position}"]
                file = f"{SAMPLES}/{'_'.join(filter(None, parts))}.wav"
                files[file] = wav if touch is None else touch_wav(wav, touch)[0]
                regions.append(
                    Region(
                        file=file,
                        root=root,
                        low_note=span[0],
                        high_note=span[1],
                        low_velocity=low,
                        high_velocity=high,
                        position=position,
                        positions=len(wavs),
                        low_gain=10.0 ** (fall / 20.0),
                    )
                )
    about = f"{printable(words)}, seed {first}, by oneshot-server"
    files[f"{stem}.sfz"] = to_sfz(regions, about).encode()
    files[f"{stem}.dspreset"] = to_decent_sampler(regions, about).encode()
    for path in place_files(folder, files):
        if json:
            print_json({"path": str(path)})
        else:
            typer.echo(printable(str(path)))


def _notes(text: str) -> list[tuple[int, str]]:
    """``C1,F#2`` as MIDI notes and words for the prompt, ascending."""
    from oneshot_server.pipeline.prompt import note_to_hertz

    found: dict[int, str] = {}
    for name in filter(None, (part.strip().lower() for part in text.split(","))):
        hertz = note_to_hertz(name)
        note = -1 if hertz is None else round(69 + 12 * math.log2(hertz / 440.0))
        if not 0 <= note <= 127:
            raise BadArgumentsError(f"--notes {name!r}, expected notes like C1,F#2")
        found[note] = name
    if not 1 <= len(found) <= MOST_NOTES:
        raise BadArgumentsError(f"--notes {text!r}, expected 1 to {MOST_NOTES} notes")
    return sorted(found.items())
