"""Which of the system's MIDI can be used, found out before the libraries are asked.

ALSA and JACK write to the terminal whenever they are asked in vain, and a JACK client whose server
has died hangs in its next call for ever; so files say whether they are there.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from oneshot_server.errors import NoMidiError
from oneshot_server.settings import jack_server_from_environment

APIS: Final[Mapping[str, str]] = {
    "coremidi": "MACOSX_CORE",
    "winmm": "WINDOWS_MM",
    "alsa": "LINUX_ALSA",
    "jack": "UNIX_JACK",
}
"""``midi.backend`` to rtmidi's name, in the order in which ``auto`` tries them."""

SEQUENCER: Final = Path("/dev/snd/seq")
SOCKETS: Final = Path("/proc/net/unix")
JACK_FOLDER: Final = "/dev/shm"  # noqa: S108 - JACK's own place on Linux, only compared
_LISTENS: Final = 0x10000


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A system of MIDI that can be used.

    Attributes:
        name: as in ``midi.backend``.
        api: rtmidi's number for it.
        server: which start of a JACK server it is; what belonged to another one is dead.
    """

    name: str
    api: int
    server: str = ""


def load_rtmidi() -> ModuleType:
    """The library; slow enough to be loaded only where it is needed.

    Raises:
        NoMidiError: it is missing or broken.
    """
    try:
        import rtmidi
    except (ImportError, OSError) as error:  # OSError: a library that it needs cannot be loaded
        text = f"python-rtmidi cannot be used ({str(error).splitlines()[0]})"
        raise NoMidiError(text, "pip install python-rtmidi; on Linux also libasound2") from None
    return rtmidi  # type: ignore[no-any-return]  # it has no types


def choose_backend(wanted: str, rtmidi: Any) -> Backend:  # noqa: ANN401 - rtmidi has no types
    """The first system of MIDI that can be used.

    Args:
        wanted: ``auto`` or a key of ``APIS``.
        rtmidi: the library.

    Raises:
        NoMidiError: there is none; says of each why, and what to do.
    """
    compiled = set(rtmidi.get_compiled_api())
    names = list(APIS) if wanted == "auto" else [wanted]
    problems = []
    for name in names:
        api = getattr(rtmidi, f"API_{APIS[name]}", -1)
        if api not in compiled:
            if wanted != "auto":
                raise NoMidiError(f"no {name} on this system", 'set midi.backend to "auto"')
            continue
        problem = _why_not(name)
        if problem is None:
            return Backend(name=name, api=api, server=_jack_server() if name == "jack" else "")
        problems.append(problem)
    if not problems:
        raise NoMidiError("rtmidi was built without any MIDI", "pip install python-rtmidi")
    texts, advice = zip(*problems, strict=True)
    raise NoMidiError(" and ".join(texts), advice[0])


def _why_not(name: str) -> tuple[str, str] | None:
    """Why a system of MIDI cannot be used and what to do; ``None`` if nothing speaks against it."""
    if name == "alsa":
        if not SEQUENCER.exists():
            return f"no ALSA sequencer ({SEQUENCER})", "sudo modprobe snd-seq"
        if not os.access(SEQUENCER, os.R_OK | os.W_OK):
            advice = 'sudo usermod -aG audio "$USER", then log in again'
            return f"no permission for {SEQUENCER}", advice
    if name == "jack" and sys.platform == "linux" and not _jack_server():
        server = jack_server_from_environment()
        return f'no JACK server "{server}"', "start JACK, or use ALSA"
    return None


def _jack_server() -> str:
    """The socket on which a JACK server of ours listens now; empty if there is none."""
    path = f"{JACK_FOLDER}/jack_{jack_server_from_environment()}_{os.getuid()}_0"
    try:
        lines = SOCKETS.read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        # address, references, protocol, flags, type, state, inode, path
        fields = line.split()
        if len(fields) == 8 and fields[7] == path and int(fields[3], 16) & _LISTENS:
            return fields[6]
    return ""
