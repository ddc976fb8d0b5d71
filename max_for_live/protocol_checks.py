"""What is wrong with the OSC that a device speaks, by the daemon's own table."""

import json
import re

from max_for_live.decode import Device
from max_for_live.reading import strings_in
from oneshot_server.domain.parameters import GENERATE_KEYS
from oneshot_server.transports.osc.specs import ANSWERS, REQUESTS, TAGS


def protocol_faults(device: Device) -> list[str]:
    """Addresses and argument types that the daemon's table has not."""
    [script] = [box["code"] for box in device.boxes if box["maxclass"] == "v8.codebox"]
    tables = {name: _table(name, script) for name in ("REQUESTS", "GENERATE_KEYS", "ANSWERS")}
    faults = []
    for address, types in tables["REQUESTS"].items():
        request = REQUESTS.get(address)
        if request is None:
            faults.append(f"{address} is sent, and the daemon has no such request")
            continue
        expected = "".join(TAGS[argument.kind] for argument in request.arguments)
        expected += "+" if request.keys else ""
        if types not in (expected, expected.removesuffix("+")):
            faults.append(f"{address} is sent with {types}, expected {expected}")
    keys = {key.name: TAGS[key.kind] for key in GENERATE_KEYS}
    faults += [
        f"{name} is sent as {tag}, expected {keys.get(name, 'no such key')}"
        for name, tag in tables["GENERATE_KEYS"].items()
        if keys.get(name) != tag
    ]
    answers = {answer.address: answer.types.replace(" ", "") for answer in ANSWERS}
    faults += [
        f"{address} is understood with {types}, expected {answers.get(address)}"
        for address, types in tables["ANSWERS"].items()
        if not answers.get(address, "").startswith(types)  # a later daemon says more
    ]
    known = tables["REQUESTS"].keys() | tables["ANSWERS"].keys()
    return faults + [
        f"{address} stands in the device and in no table of its script"
        for text in strings_in(device.patcher)
        for address in re.findall(r"/oneshot/[a-z/_]+", text)
        if address not in known
    ]


def _table(name: str, script: str) -> dict[str, str]:
    """A table of the script: ``const NAME = {…};`` in JSON's own words."""
    found = re.findall(rf"^const {name} = (\{{.*?\}});", script, re.MULTILINE | re.DOTALL)
    if len(found) != 1:
        return {}
    table: dict[str, str] = json.loads(found[0])
    return table
