"""What is wrong with the patch itself: cords, order, names, paths, threads."""

import re
from typing import Final

from max_for_live.decode import Device
from max_for_live.reading import class_of, name_of, ports_of, strings_in, twice

WAY: Final = re.compile(
    r"(?<![\w./-])(?:/(?:Users|home|Volumes|Library|opt|tmp|work|root|mnt)\b|[A-Z]:[\\/])"
)
SHARED: Final = frozenset({"s", "r", "send", "receive", "buffer~", "play~", "coll", "dict"})
CLOCKED: Final = frozenset({"delay", "pipe", "deferlow", "loadbang", "metro", "print"})


def cord_faults(device: Device) -> list[str]:
    """Cords that join what is not there, and boxes that claim what their class has not."""
    boxes = {box["id"]: box for box in device.boxes}
    faults = [f"{name} stands twice" for name in twice(box["id"] for box in device.boxes)]
    for box in device.boxes:
        expected = ports_of(box)
        claimed = (box["numinlets"], box["numoutlets"])
        if claimed != (expected.inlets, len(expected.outlets)):
            faults.append(f"{name_of(box)} claims {claimed}, its class has {expected}")
        if list(expected.outlets) != box.get("outlettype", []):
            faults.append(f"{name_of(box)} claims outlets {box.get('outlettype')}")
    for source, outlet, destination, inlet in device.cords:
        if source not in boxes or destination not in boxes:
            faults.append(f"a cord from {source} to {destination}, of which one is not there")
            continue
        if not 0 <= outlet < len(ports_of(boxes[source]).outlets):
            faults.append(f"{name_of(boxes[source])} has no outlet {outlet}")
        if not 0 <= inlet < ports_of(boxes[destination]).inlets:
            faults.append(f"{name_of(boxes[destination])} has no inlet {inlet}")
    return faults + [f"cord {cord} is there twice" for cord in twice(device.cords)]


def order_faults(device: Device) -> list[str]:
    """Outlets with several cords: Max would go by where boxes stand. Order is a trigger's."""
    boxes = {box["id"]: box for box in device.boxes}
    messages = [
        (source, outlet)
        for source, outlet, _, _ in device.cords
        if ports_of(boxes[source]).outlets[outlet] != "signal"
    ]
    return [
        f"outlet {outlet} of {name_of(boxes[box])} has several cords"
        for box, outlet in twice(messages)
    ]


def loose_faults(device: Device) -> list[str]:
    """Objects that nothing reaches, names that are sent and not received, or the reverse."""
    joined = {end for source, _, destination, _ in device.cords for end in (source, destination)}
    alone = {"comment", "panel", "live.banks"}
    faults = [
        f"{name_of(box)} has no cord"
        for box in device.boxes
        if box["id"] not in joined
        and class_of(box) not in alone
        and ("varname" in box or class_of(box) != "live.comment")  # a heading never changes
    ]
    names: dict[str, set[str]] = {"s": set(), "r": set()}
    for box in device.boxes:
        if class_of(box) in names:
            names[class_of(box)].add(box["text"].split()[1])
    return faults + [f"{name} is only sent or only received" for name in names["s"] ^ names["r"]]


def shared_name_faults(device: Device) -> list[str]:
    """Names that other devices in the set would share: without Max's ``---``."""
    named = [box["text"].split()[1:2] for box in device.boxes if class_of(box) in SHARED]
    named += [[box["buffername"]] for box in device.boxes if "buffername" in box]
    return [f"{name} is shared by all devices" for [name] in named if not name.startswith("---")]


def path_faults(device: Device) -> list[str]:
    """Paths of a machine, in scripts and everywhere else."""
    texts = strings_in(device.patcher)
    return [f"{match.group()} in {text[:80]!r}" for text in texts if (match := WAY.search(text))]


def thread_faults(device: Device) -> list[str]:
    """What would keep Max's scheduler busy, wait by the clock or print."""
    faults = []
    for box in device.boxes:
        if class_of(box) == "udpreceive" and "@defer 1" not in box["text"]:
            faults.append("udpreceive speaks on the scheduler thread, expected @defer 1")
        if class_of(box) in CLOCKED:
            faults.append(f"{name_of(box)}: order is a trigger's, and the console stays empty")
        if class_of(box) == "v8.codebox" and re.search(r"^\s*post\(", box["code"], re.MULTILINE):
            faults.append("the script prints to Max's console")
    return faults
