"""The check of MIDI, which many machines do not have."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from oneshot_server.cli.check import Check, ok, warning
from oneshot_server.cli.python_checks import first_line

ADVICE = {
    "linux": "on Linux: sudo apt install libasound2, sudo modprobe snd-seq, and join group audio",
    "darwin": "open Audio MIDI Setup and see whether the device is there",
    "win32": "plug the device in and see whether the Device Manager shows it",
}


def check_midi() -> Check:
    """The MIDI inputs; without any, OSC and this command line still work."""
    advice = ADVICE.get(sys.platform, "see whether the system knows a MIDI device")
    try:
        import mido

        with _quiet_libraries():
            names = mido.get_input_names()
    except ImportError as error:
        text = f"cannot be used: {first_line(error)}"
        return warning("midi", text, "pip install mido python-rtmidi")
    except (OSError, RuntimeError) as error:  # rtmidi.SystemError is an OSError
        return warning("midi", f"cannot be used: {first_line(error)}", advice)
    if not names:
        return warning("midi", "no inputs", "plug a controller in; it may come at any time")
    return ok("midi", ", ".join(names))


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep ALSA's complaints off the terminal; they come past Python and say what we say."""
    try:
        saved = os.dup(2)
    except OSError:  # no stderr to keep quiet
        yield
        return
    try:
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - a device, no path
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        with suppress(OSError):
            os.dup2(saved, 2)
        os.close(saved)
