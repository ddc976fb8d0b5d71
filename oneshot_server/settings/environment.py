"""What the environment says: the name of the home, and nothing else."""

import os
from typing import Final

HOME_VARIABLE: Final = "ONESHOT_HOME"


def home_from_environment() -> str | None:
    """The home that ``ONESHOT_HOME`` names; ``None`` if it is unset or empty."""
    return os.environ.get(HOME_VARIABLE) or None
