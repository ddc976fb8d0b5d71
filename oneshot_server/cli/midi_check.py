"""The check of MIDI, which many machines do not have."""

from oneshot_server.cli.check import Check, failure, ok, warning
from oneshot_server.errors import NoMidiError, OneshotError
from oneshot_server.library.home import Home
from oneshot_server.settings import Settings

ADVICE = "plug a controller in, or let a program send to oneshot-server; it may come at any time"


def check_midi(home: Home, settings: Settings) -> Check:
    """The MIDI map and inputs; without any input, OSC and this command line still work."""
    from oneshot_server.transports.midi.map_file import load_map
    from oneshot_server.transports.midi.open_ports import matches
    from oneshot_server.transports.midi.port_access import list_ports

    midi = settings.midi
    if not midi.enabled:
        return ok("midi", "off, as midi.enabled says")
    try:
        load_map(midi.map, home.midi)
    except OneshotError as error:
        return failure("midi", str(error), "mend the map, or change midi.map in config.toml")
    try:
        state = list_ports(midi)
    except NoMidiError as error:
        return warning("midi", error.text, error.advice)
    inputs = [port.name for port in state.ports if not port.output]
    heard = [n for n in inputs if matches(n, midi.inputs) and not matches(n, midi.ignored)]
    if not heard:
        others = f", not listened to: {', '.join(inputs)}" if inputs else ""
        return warning("midi", f"no inputs ({state.backend}){others}", ADVICE)
    return ok("midi", f"{', '.join(heard)} ({state.backend})")
