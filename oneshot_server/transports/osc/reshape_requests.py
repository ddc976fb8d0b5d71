"""``/oneshot/vary``, ``/oneshot/morph`` and ``/oneshot/inpaint`` to what the core is asked for."""

import secrets
from typing import Final, cast

from oneshot_server.domain.parameters import SEED, SPLIT_SECONDS, Part
from oneshot_server.domain.requests import GenerateRequest, parse_loras
from oneshot_server.domain.reshape import Inpaint, Morph, Reshape, Vary
from oneshot_server.transports.osc.parse import Parsed, Value

RESHAPES: Final = ("/oneshot/vary", "/oneshot/morph", "/oneshot/inpaint")
FILES: Final = ("path", "path_a", "path_b")


def parsed_to_reshape(parsed: Parsed) -> GenerateRequest:
    """A request of one of ``RESHAPES``; the core looks for its files.

    Raises:
        BadArgumentsError: a LoRA's weight is no number from -2 to 4.
    """
    keys = dict(parsed.keys)
    split = keys.pop("split", SPLIT_SECONDS)
    loras = parse_loras(str(keys.pop("lora", "")))
    files = tuple(str(parsed.arguments[name]) for name in FILES if name in parsed.arguments)
    return GenerateRequest(
        prompt=str(keys.pop("prompt", "")),
        seed=cast("int", keys.pop("seed", secrets.randbelow(int(SEED.high) + 1))),
        loras=loras,
        reshape=_reshape(parsed.arguments, split),
        parent_files=files,
        # The table's types are the request's, a test says so.
        **keys,  # type: ignore[arg-type]
    )


def _reshape(arguments: dict[str, Value], split: Value) -> Reshape:
    if "strength" in arguments:
        return Vary(strength=_plain(arguments["strength"]))
    if "t" in arguments:
        return Morph(t=_plain(arguments["t"]))
    return Inpaint(keep=cast("Part", arguments["keep"]), split=_plain(split))


def _plain(value: Value) -> float:
    """0.3 as it was meant: OSC has floats of 32 bits, which make 0.30000001192 of it."""
    return round(cast("float", value), 6)
