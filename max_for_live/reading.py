"""Reading boxes of a decoded device: what a box is, is called, joins and says."""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from max_for_live.objects import Ports, ports

Box = Mapping[str, Any]


def twice(items: Iterable[Hashable]) -> list[Any]:
    """What stands there more than once."""
    return [item for item, count in Counter(items).items() if count > 1]


def class_of(box: Box) -> str:
    """The class: that of an object by the first word of its text."""
    maxclass: str = box["maxclass"]
    return str(box["text"]).split()[0] if maxclass == "newobj" else maxclass


def name_of(box: Box) -> str:
    """What people would call it."""
    return str(box.get("varname") or box.get("text") or box["maxclass"])


def ports_of(box: Box) -> Ports:
    """Inlets and outlets by the table of classes, not by what the file claims."""
    if box["maxclass"] == "v8.codebox":
        inlets, outlets = (
            int(re.findall(rf"^\s*{name} = (\d+);", box["code"], re.MULTILINE)[0])
            for name in ("inlets", "outlets")
        )
        return Ports(inlets=inlets, outlets=("",) * outlets, source="its script")
    return ports(str(box["text"]) if box["maxclass"] == "newobj" else str(box["maxclass"]))


def parameter_of(box: Box) -> dict[str, Any] | None:
    """Its parameter in Live, if it is one."""
    value: dict[str, Any] | None = box.get("saved_attribute_attributes", {}).get("valueof")
    return value


def strings_in(value: object) -> list[str]:
    """Every text in a piece of JSON, keys too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for key, item in value.items() for text in [str(key), *strings_in(item)]]
    if isinstance(value, list):
        return [text for item in value for text in strings_in(item)]
    return []
