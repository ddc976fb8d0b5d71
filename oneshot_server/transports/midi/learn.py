"""MIDI learn: the next message that fits becomes a binding, in a file that people can read."""

from pathlib import Path
from typing import Final

from oneshot_server.library.atomic_file import write_atomically
from oneshot_server.settings.toml_file import read_toml_text
from oneshot_server.transports.midi.bindings import TAKES, Binding, Kind, Source
from oneshot_server.transports.midi.map_file import learned_path, parse_map
from oneshot_server.transports.midi.messages import (
    ChannelMessage,
    ControlChange,
    NoteOn,
    ProgramChange,
)
from oneshot_server.transports.midi.targets import Target

LEARN_SECONDS: Final = 30.0
HEAD: Final = """\
# What was learned by MIDI learn. It lies over the map of midi.map; take out what you do not want.
# New entries are added at the end, the last one of a target or a message is the one that holds.
"""


def message_to_source(message: ChannelMessage, target: Target) -> Source | None:
    """What a message would be learned as; ``None`` if it cannot move the target.

    Letting go of a key or button is no message to learn.
    """
    kind: Kind
    match message:
        case NoteOn(channel=channel, note=number):
            kind = "note"
        case ControlChange(channel=channel, control=number, value=value):
            kind = "cc"
            if not value and type(target) in TAKES:
                return None
        case ProgramChange(channel=channel, program=number):
            kind = "program"
        case _:
            return None
    if kind not in TAKES.get(type(target), ("cc",)):
        return None
    return Source(kind=kind, first=number, last=number, channel=channel)


def remember(binding: Binding, folder: Path) -> None:
    """Add a binding to the file of what was learned; what people wrote there stays.

    Args:
        binding: of one message.
        folder: of the home's maps.

    Raises:
        SettingsError: the file as it is cannot be understood; it is left alone.
        DiskFullError: no space left.
        ForbiddenError: the folder cannot be written.
    """
    path = learned_path(folder)
    text = read_toml_text(path)
    parse_map(text, str(path))
    source = binding.source
    entry = [
        "",
        "[[bindings]]",
        f"{source.kind} = {source.first}",
        f"channel = {source.channel}",
        f"to = {_quoted(str(binding.target))}",
        "",
    ]
    new = (text.rstrip("\n") + "\n" if text else HEAD) + "\n".join(entry)
    parse_map(new, str(path))
    write_atomically(path, new.encode())


def _quoted(text: str) -> str:
    """A text as TOML writes it: the escapes that its basic strings know."""
    escaped = "".join(
        f"\\u{ord(c):04x}" if c in '"\\' or (not c.isprintable() and ord(c) < 0x10000) else c
        for c in text
    )
    return f'"{escaped}"'
