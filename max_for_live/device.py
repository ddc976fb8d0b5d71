"""The whole devices: controls, script, and what is between them."""

from pathlib import Path
from typing import Final

from max_for_live.boxes import AUDITION_BUFFER, heading_box, panel_box
from max_for_live.controls import SOURCE, DeviceSource, read_devices
from max_for_live.patch import Json, Patch
from max_for_live.script import codebox, read_script
from max_for_live.strips import CONTROL, RECALL, UI, add_controls

DAEMON: Final = "127.0.0.1 9330"  # until the script says otherwise
PUSH_KNOBS: Final = 8
CONTROLS_TOP: Final = 620


def build_patcher(name: str, source: Path = SOURCE) -> Json:
    """The patcher of a device by its name in ``controls.json``."""
    device = read_devices(source)[name]
    patch = Patch()
    controls = add_controls(patch, list(device.each()), CONTROLS_TOP)
    for number, heading in enumerate(device.headings):
        patch.add(heading_box(heading), (20 + 140 * number, CONTROLS_TOP - 40))
    patch.note(f"{name}: built by python -m max_for_live.build, change it there", (20, 10))
    script = patch.add(codebox(read_script(device.script, source)), (20, 150), size=(620, 260))
    _begin(patch, script)
    _network(patch, script, device)
    _interface(patch, script, device)
    if name == "Oneshot":
        _audition(patch, script, device.outlets.index("audition"), controls["waveform"])
    else:
        _notes(patch, script)
    patch.object("live.banks", (1180, 40))
    for panel in device.panels:  # after all that stands on them
        patch.add(panel_box(panel), (1180, 80))
    return patch.patcher(
        device_type=device.type, size=(device.width, device.height), banks=_banks(device)
    )


def _banks(device: DeviceSource) -> list[Json]:
    long_names = {control.name: control.long for control in device.each()}
    return [
        {
            "name": bank.name,
            "parameters": [long_names[name] for name in bank.parameters]
            + ["-"] * (PUSH_KNOBS - len(bank.parameters)),
        }
        for bank in device.banks
    ]


def _begin(patch: Patch, script: str) -> None:
    patch.note("Live is ready: first the values of the set, then the script", (20, 40))
    ready = patch.object("live.thisdevice", (20, 60))
    order = patch.object("t b b", (20, 86))
    values = patch.message("outputvalue", (70, 112))
    device = patch.message("device", (20, 112))
    patch.chain(ready, order, device, script)
    patch.connect(order, 1, values)
    patch.connect(values, 0, patch.object(f"s {RECALL}", (160, 112)))


def _network(patch: Patch, script: str, device: DeviceSource) -> None:
    patch.note("OSC: nothing is listened to until the script says on which port", (700, 130))
    send = patch.object(f"udpsend {DAEMON}", (700, 260))
    receive = patch.object("udpreceive @defer 1 @quiet 1", (900, 230))
    prepend = patch.object("prepend osc", (900, 260))
    patch.connect(script, device.outlets.index("osc"), send)
    patch.chain(receive, prepend, script)
    route = patch.object("route send_host send_port listen_port", (700, 160))
    patch.connect(script, device.outlets.index("network"), route)
    for outlet, (word, target) in enumerate((("host", send), ("port", send), ("port", receive))):
        message = patch.object(f"prepend {word}", (700 + 100 * outlet, 195))
        patch.connect(route, outlet, message)
        patch.connect(message, 0, target)


def _interface(patch: Patch, script: str, device: DeviceSource) -> None:
    patch.note("What is shown, and what the producer does", (700, 300), width=300)
    route = patch.object("route ui", (700, 325))
    patch.connect(script, device.outlets.index("interface"), route)
    patch.connect(route, 0, patch.object(f"s {UI}", (700, 348)))
    patch.connect(patch.object(f"r {CONTROL}", (800, 325)), 0, script)


def _audition(patch: Patch, script: str, outlet: int, waveform: str) -> None:
    patch.note(
        "The track's sound goes through; a sound to be heard is added on both sides", (700, 370)
    )
    route = patch.object("route replace play stop", (700, 400))
    patch.connect(script, outlet, route)
    replace = patch.object("prepend replace", (700, 430))
    buffer = patch.object(f"buffer~ {AUDITION_BUFFER}", (700, 460))
    order = patch.object("t b b", (740, 484))
    # ``---`` is made a number in a box's text; whether in buffername too, no reference says.
    show = patch.message(f"set {AUDITION_BUFFER}", (770, 508))
    loaded = patch.message("loaded", (700, 508))
    patch.connect(route, 0, replace)
    patch.connect(replace, 0, buffer)
    patch.connect(buffer, 1, order)
    patch.connect(order, 1, show)
    patch.connect(show, 0, waveform)
    patch.connect(order, 0, loaded)
    patch.connect(loaded, 0, script)
    play = patch.object(f"play~ {AUDITION_BUFFER}", (900, 460))
    for verb, number in ((1, "1"), (2, "0")):
        message = patch.message(number, (830 + 40 * verb, 430))
        patch.connect(route, verb, message)
        patch.connect(message, 0, play)
    through = patch.object("plugin~", (1000, 430))
    out = patch.object("plugout~", (1000, 520))
    for side in range(2):
        mix = patch.object("+~", (1000 + 60 * side, 490))
        patch.connect(through, side, mix)
        patch.connect(play, 0, mix, 1)
        patch.connect(mix, 0, out, side)


def _notes(patch: Patch, script: str) -> None:
    patch.note(
        "Notes stay in Max's scheduler; the script hears of them and is never waited for",
        (700, 370),
    )
    parse = patch.object("midiparse", (700, 420))
    form = patch.object("midiformat", (700, 560))
    patch.connect(patch.object("midiin", (700, 396)), 0, parse)
    patch.connect(form, 0, patch.object("midiout", (700, 584)))
    for outlet in range(1, 7):
        patch.connect(parse, outlet, form, outlet)
    order = patch.object("t l l l", (700, 446))
    patch.connect(parse, 0, order)

    gate = patch.object("gate", (700, 530))
    patch.connect(order, 0, gate, 1)
    patch.connect(gate, 0, form)
    # A note-off passes always: its note may have passed before the switch was turned.
    passes = "($i1 < $i2) || ($i1 > ($i2 + 15)) || $i3 || ($i4 == 0)"
    decide = patch.object(f"expr {passes}", (760, 500))
    parts = patch.object("unpack 0 0", (760, 472))
    patch.connect(order, 1, parts)
    patch.connect(parts, 1, decide, 3)
    patch.connect(parts, 0, decide, 0)
    patch.connect(patch.object("r ---first_note", (860, 472)), 0, decide, 1)
    patch.connect(patch.object("r ---pass", (980, 472)), 0, decide, 2)
    patch.connect(decide, 0, gate, 0)

    hits = patch.object("unpack 0 0", (1220, 446))
    strip = patch.object("stripnote", (1220, 470))
    pad = patch.object("- 36", (1220, 494))
    inside = patch.object("split 0 15", (1220, 518))
    pair = patch.object("pack 0 0", (1220, 542))
    note = patch.object("prepend note", (1220, 566))
    patch.connect(order, 2, hits)
    patch.connect(hits, 1, strip, 1)
    patch.connect(hits, 0, strip, 0)
    patch.connect(strip, 1, pair, 1)
    patch.chain(strip, pad, inside, pair, note, script)
    patch.connect(patch.object("r ---first_note", (1310, 470)), 0, pad, 1)
