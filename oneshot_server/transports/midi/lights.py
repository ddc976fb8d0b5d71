"""MIDI out: the note of a hit goes back when its sound is there, so that the pad lights up."""

from collections.abc import Callable
from typing import Final

from oneshot_server.transports.midi.hits import Hit
from oneshot_server.transports.midi.messages import NoteOn
from oneshot_server.transports.midi.schedule import Schedule

LIT_SECONDS: Final = 0.12
ECHO_SECONDS: Final = 0.1
_NOTE_ON: Final = 0x90
_NOTE_OFF: Final = 0x80


class Lights:
    """Sends notes back.

    Args:
        send: sends a message to all outputs.
        schedule: the event loop.
    """

    def __init__(self, send: Callable[[bytes], None], schedule: Schedule) -> None:
        self._send = send
        self._schedule = schedule
        self._sent: dict[NoteOn, float] = {}

    def flash(self, hit: Hit) -> None:
        """Send the note of a hit with its velocity, and shortly after let go of it."""
        if hit.source is None:
            return
        channel, note = hit.source
        now = self._schedule.time()
        self._sent = {n: at for n, at in self._sent.items() if now - at < ECHO_SECONDS}
        self._sent[NoteOn(channel=channel, note=note, velocity=hit.velocity)] = now
        self._send(bytes((_NOTE_ON | channel - 1, note, hit.velocity)))
        off = bytes((_NOTE_OFF | channel - 1, note, 0))
        self._schedule.call_at(now + LIT_SECONDS, lambda: self._send(off))

    def is_echo(self, message: object, at: float) -> bool:
        """Whether a message is a light that came back: a hit of it would light it again, for ever.

        Args:
            message: that has come.
            at: when, as the schedule's time.
        """
        if not isinstance(message, NoteOn):
            return False
        sent = self._sent.pop(message, None)
        return sent is not None and at - sent < ECHO_SECONDS
