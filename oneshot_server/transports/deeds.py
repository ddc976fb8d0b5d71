"""What the core is asked for by a checked request, the same whichever transport it came by."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final, cast

from oneshot_server.domain.core import Core
from oneshot_server.domain.events import JobId
from oneshot_server.domain.pads import Pad
from oneshot_server.domain.parameters import SEED
from oneshot_server.domain.requests import GenerateRequest, parse_loras
from oneshot_server.errors import BadArgumentsError
from oneshot_server.transports.osc.parse import Parsed
from oneshot_server.transports.osc.reshape_requests import RESHAPES, parsed_to_reshape


def _generate(core: Core, parsed: Parsed) -> JobId:
    return core.submit(_generate_request(core, parsed))


def _generate_request(core: Core, parsed: Parsed) -> GenerateRequest:
    keys = dict(parsed.keys)
    number = keys.pop("pad", None)
    pad = Pad() if number is None else core.pad(cast("int", number))
    pad = replace(pad, prompt=str(parsed.arguments["prompt"]))
    fixed = pad.seed_policy == "fixed"
    request = pad.request(seed=pad.seed if fixed else secrets.randbelow(int(SEED.high) + 1))
    if "lora" in keys:
        request = replace(request, loras=parse_loras(str(keys.pop("lora"))))
    # The table's types are the request's, a test says so.
    return replace(request, **keys)  # type: ignore[arg-type]


def _reshape(core: Core, parsed: Parsed) -> JobId:
    return core.submit(parsed_to_reshape(parsed))


def _pad_trigger(core: Core, parsed: Parsed) -> JobId:
    number = cast("int", parsed.arguments["pad"])
    return core.trigger_pad(number, cast("float", parsed.arguments["velocity"]))


def _train(core: Core, parsed: Parsed) -> JobId:
    return core.train(str(parsed.arguments["dataset"]))


def _model(core: Core, parsed: Parsed) -> JobId:
    return core.change_model(str(parsed.arguments["name"]))


def _pad_set(core: Core, parsed: Parsed) -> None:
    if not parsed.keys:
        raise BadArgumentsError("/oneshot/pad/set came without a key, expected key and value")
    for key, value in parsed.keys.items():
        core.set_pad(cast("int", parsed.arguments["pad"]), key, value)


def _kit_load(core: Core, parsed: Parsed) -> None:
    core.load_kit(str(parsed.arguments["name"]), cast("int | None", parsed.keys.get("bank")))


def _kit_save(core: Core, parsed: Parsed) -> None:
    core.save_kit(str(parsed.arguments["name"]))


def _kit_rename(core: Core, parsed: Parsed) -> None:
    core.rename_kit(str(parsed.arguments["name"]), str(parsed.arguments["new_name"]))


def _lora(core: Core, parsed: Parsed) -> None:
    core.set_lora(str(parsed.arguments["name"]), cast("float", parsed.arguments["weight"]))


def _lora_use(core: Core, parsed: Parsed) -> None:
    core.use_lora(str(parsed.arguments["name"]), cast("int", parsed.arguments["version"]))


async def _star(core: Core, parsed: Parsed) -> None:
    path, stars = str(parsed.arguments["path"]), cast("int", parsed.arguments["stars"])
    await core.library.mark(path, stars=stars)


JOBS: Final[Mapping[str, Callable[[Core, Parsed], JobId]]] = {
    "/oneshot/generate": _generate,
    **dict.fromkeys(RESHAPES, _reshape),
    "/oneshot/pad/trigger": _pad_trigger,
    "/oneshot/train": _train,
    "/oneshot/model": _model,
}
"""Address to what begins a job."""

CHANGES: Final[Mapping[str, Callable[[Core, Parsed], None]]] = {
    "/oneshot/pad/set": _pad_set,
    "/oneshot/kit/load": _kit_load,
    "/oneshot/kit/save": _kit_save,
    "/oneshot/kit/rename": _kit_rename,
    "/oneshot/lora": _lora,
    "/oneshot/lora/use": _lora_use,
}
"""Address to what is done when the call returns."""

MARKS: Final[Mapping[str, Callable[[Core, Parsed], Awaitable[None]]]] = {"/oneshot/star": _star}
"""Address to what is written into a sound's file, and done when the disk has it."""
