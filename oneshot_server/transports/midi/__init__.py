"""MIDI: a controller's messages to pads, kits and numbers; no MIDI on the machine is no failure."""
