"""``oneshot pads``: what the pads play."""

from typing import Annotated

import typer

from oneshot_server.cli.options import HomeOption, JsonOption
from oneshot_server.cli.output import print_json, printable, show_rows
from oneshot_server.domain.pads import PAD_KEYS, Pad, Value
from oneshot_server.errors import BadArgumentsError

PadOption = Annotated[
    int | None, typer.Argument(help="number of a pad, 0 to 63 (default: all)", show_default=False)
]


def pads(
    number: PadOption = None,
    values: Annotated[
        list[str] | None,
        typer.Argument(help='what to change: prompt="dark kick" tune=-3', show_default=False),
    ] = None,
    *,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show the pads, one pad, or change it."""
    from dataclasses import asdict

    from oneshot_server.cli.desk import desk_of, read_pads
    from oneshot_server.library.home import resolve_home

    place = resolve_home(home)
    if number is not None and values:
        changes = [_key_and_value(text) for text in values]
        with desk_of(place) as desk:
            for key, value in changes:
                desk.set_pad(number, key, value)
    kit, found = read_pads(place)
    if number is not None and not 0 <= number < len(found):
        raise BadArgumentsError(f"pad = {number}, expected an int from 0 to {len(found) - 1}")
    shown = [
        (n, pad, level)
        for n, (pad, level) in enumerate(found)
        if (not pad.empty if number is None else n == number)
    ]
    if json:
        for n, pad, level in shown:
            print_json({"pad": n, "kit": kit, "reserve": level, **asdict(pad)})
    elif number is None:
        _show_all(kit, shown)
    else:
        _show_one(shown[0][1])


def _show_all(kit: str, shown: list[tuple[int, Pad, str]]) -> None:
    rows = [
        (
            str(n),
            pad.name,
            pad.prompt,
            pad.lora,
            "" if pad.seed_policy == "new" else pad.seed_policy,
            f"{pad.tune:+g}" if pad.tune else "",
            str(pad.choke or ""),
            level,
        )
        for n, pad, level in shown
    ]
    columns = ("pad", "name", "prompt", "LoRA", "seed", "tune", "choke", "reserve")
    show_rows(columns, rows, title=f"kit {kit}" if kit else "no kit")


def _show_one(pad: Pad) -> None:
    rows = [(key.name, str(getattr(pad, key.name)), key.help) for key in PAD_KEYS]
    show_rows(("key", "value", ""), rows, title=printable(pad.label) or "empty")


def _key_and_value(text: str) -> tuple[str, Value]:
    """``tune=-3`` as its key and a value of the key's type."""
    name, equals, value = text.partition("=")
    kinds = {key.name: key.kind for key in PAD_KEYS}
    if not equals or name not in kinds:
        raise BadArgumentsError(f"{text!r}, expected key=value with a key of {', '.join(kinds)}")
    try:
        return name, kinds[name](value)
    except ValueError:
        raise BadArgumentsError(f"{text!r}, expected a number") from None
