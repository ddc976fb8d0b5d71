"""What the environment says: the names of the home and of the JACK server, and nothing else."""

import os
from typing import Final

HOME_VARIABLE: Final = "ONESHOT_HOME"
JACK_VARIABLE: Final = "JACK_DEFAULT_SERVER"  # that JACK itself reads


def home_from_environment() -> str | None:
    """The home that ``ONESHOT_HOME`` names; ``None`` if it is unset or empty."""
    return os.environ.get(HOME_VARIABLE) or None


def jack_server_from_environment() -> str:
    """The name of the JACK server that JACK's own library connects to."""
    return os.environ.get(JACK_VARIABLE) or "default"
