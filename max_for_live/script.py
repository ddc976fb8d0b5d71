"""Files of ``src`` to the text of a ``v8.codebox``."""

import re
from collections.abc import Sequence
from pathlib import Path

from max_for_live.patch import Json


def read_script(files: Sequence[str], source: Path) -> str:
    """One text of several files, in order, each under its name."""
    parts = (f"// {name}\n{(source / name).read_text(encoding='utf-8')}" for name in files)
    return "\n".join(parts)


def codebox(script: str) -> Json:
    """The box that runs a script; it has the inlets and outlets that the script declares.

    Raises:
        ValueError: the script does not say ``inlets = N;`` and ``outlets = N;`` once each.
    """
    outlets = _declared("outlets", script)
    return {
        "maxclass": "v8.codebox",
        "code": script.replace("\r\n", "\n").replace("\n", "\r\n"),  # as Max keeps it
        "filename": "none",
        "fontface": 0,
        "fontname": "<Monospaced>",
        "fontsize": 12.0,
        "numinlets": _declared("inlets", script),
        "numoutlets": outlets,
        "outlettype": [""] * outlets,
        "saved_object_attributes": {"parameter_enable": 0},
    }


def _declared(name: str, script: str) -> int:
    found = re.findall(rf"^\s*(?:this\.)?{name} = (\d+);", script, re.MULTILINE)
    if len(found) != 1:
        raise ValueError(f"{name} = … stands {len(found)} times in the script, expected once")
    return int(found[0])
