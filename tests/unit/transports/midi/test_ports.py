"""Ports that come and go, with rtmidi's fake; waits for what is told, not for time."""

import queue
from contextlib import contextmanager

import pytest

from oneshot_server.settings import MidiSettings
from oneshot_server.transports.midi.fake_rtmidi import FakeRtMidi
from oneshot_server.transports.midi.open_ports import CLIENT, matches
from oneshot_server.transports.midi.ports import Ports


class Watch:
    def __init__(self):
        self.states = queue.Queue()
        self.data = queue.Queue()

    def until(self, wanted):
        """The first state from now on of which this is true."""
        while True:
            state = self.states.get(timeout=20)
            if wanted(state):
                return state


@contextmanager
def running(studio, **settings):
    watch = Watch()
    ports = Ports(
        MidiSettings(poll_seconds=0.2, **settings),
        on_data=lambda port, data, _at: watch.data.put((port, bytes(data))),
        on_state=watch.states.put,
        load=lambda: studio,
    )
    ports.start()
    try:
        yield watch, ports
    finally:
        ports.stop()
    assert studio.listened_to == set()


def opened(state):
    return [port.name for port in state.ports if port.open]


def test_ports_are_opened_by_pattern_and_their_bytes_come_with_their_names():
    studio = FakeRtMidi()
    studio.sources = ["nanoPAD2", "Keys", "Midi Through Port-0"]
    with running(studio, inputs=("nano*", "midi*")) as (watch, _ports):
        assert opened(watch.states.get(timeout=20)) == [CLIENT, "nanoPAD2"]
        studio.play("nanoPAD2", 0x90, 36, 100)
        assert watch.data.get(timeout=20) == ("nanoPAD2", b"\x90\x24\x64")


def test_a_port_that_appears_later_is_opened_and_one_that_goes_is_closed_and_comes_again():
    studio = FakeRtMidi()
    with running(studio) as (watch, _ports):
        assert opened(watch.states.get(timeout=20)) == [CLIENT]
        for _ in range(2):
            studio.sources = ["Keys"]
            assert watch.until(lambda s: "Keys" in opened(s))
            studio.play("Keys", 0xF8)
            studio.sources = []
            assert watch.until(lambda s: "Keys" not in opened(s))
            assert "Keys" not in studio.listened_to


def test_two_ports_of_one_name_are_two_ports():
    studio = FakeRtMidi()
    studio.sources = ["Keys", "Keys"]
    with running(studio) as (watch, _ports):
        assert opened(watch.states.get(timeout=20)) == [CLIENT, "Keys", "Keys #2"]


def test_a_virtual_port_is_there_unless_the_settings_say_no():
    for virtual, ours in ((True, [CLIENT]), (False, [])):
        with running(FakeRtMidi(), virtual=virtual) as (watch, _ports):
            assert opened(watch.states.get(timeout=20)) == ours


def test_our_own_ports_are_never_listened_to():
    studio = FakeRtMidi()
    studio.sources = [f"{CLIENT}:out 129:0"]
    with running(studio, virtual=False) as (watch, _ports):
        assert watch.states.get(timeout=20).ports == ()


def test_a_port_that_another_program_has_is_tried_again_and_the_others_play():
    studio = FakeRtMidi()
    studio.sources, studio.failing = ["Keys", "Pads"], {"Keys"}
    with running(studio, virtual=False) as (watch, _ports):
        assert opened(watch.states.get(timeout=20)) == ["Pads"]
        studio.failing = set()
        assert watch.until(lambda s: opened(s) == ["Keys", "Pads"])


def test_midi_that_breaks_is_told_once_and_picked_up_when_it_works_again():
    studio = FakeRtMidi()
    studio.broken = True
    with running(studio) as (watch, _ports):
        state = watch.states.get(timeout=20)
        assert "error creating client" in str(state.problem)
        with pytest.raises(queue.Empty):
            watch.states.get(timeout=0.7)  # three looks later
        studio.broken = False
        assert opened(watch.states.get(timeout=20)) == [CLIENT]


def test_what_cannot_be_sent_in_time_is_dropped_and_nobody_waits():
    _watch, ports = Watch(), Ports(MidiSettings(), on_data=print, on_state=print)
    for _ in range(10_000):
        ports.send(b"\xf8")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*", "anything"),
        ("nano*", "nanoPAD2:nanoPAD2 MIDI 1 20:0"),
        ("NANOPAD2:nanoPAD2 MIDI 1", "nanoPAD2:nanoPAD2 MIDI 1 24:0"),
        ("Pads [1]", "Pads [1]"),
        ("*2", "Keys #2"),
    ],
)
def test_a_pattern_means_a_port_whatever_its_case_and_what_alsa_numbers(pattern, name):
    assert matches(name, (pattern,))


def test_another_port_is_not_meant():
    assert not matches("Keys 1", ("Keys", "Pads*", "Keys 2"))
    assert not matches("Keys", ())


def test_messages_go_to_the_outputs_that_are_named():
    studio = FakeRtMidi()
    studio.sinks = ["Pads", "Synth"]
    with running(studio, outputs=("pads",)) as (watch, ports):
        assert opened(watch.states.get(timeout=20)) == [CLIENT, "Pads"]
        ports.send(b"\x90\x24\x64")
        assert studio.sent.get(timeout=20) == ("Pads", b"\x90\x24\x64")
