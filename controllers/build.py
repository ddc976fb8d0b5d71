"""Write the layouts of Open Stage Control and TouchOSC again: ``python -m controllers.build``."""

import zlib
from pathlib import Path
from typing import Final

from controllers.open_stage_control_session import session
from controllers.touchosc_layout import layout

HERE: Final = Path(__file__).parent
SESSION: Final = HERE / "open_stage_control" / "oneshot.json"
LAYOUT: Final = HERE / "touchosc" / "oneshot.tosc"


def main() -> None:
    """Write both."""
    SESSION.write_text(session(), encoding="utf-8", newline="\n")
    LAYOUT.write_bytes(zlib.compress(layout().encode(), 9))


if __name__ == "__main__":
    main()
