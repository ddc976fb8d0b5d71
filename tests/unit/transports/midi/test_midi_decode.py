"""Bytes of a wire; mido encodes what it can, the rest is spelt out."""

import random

import mido
import pytest

from oneshot_server.transports.midi.decode import Decoder
from oneshot_server.transports.midi.messages import (
    ControlChange,
    NoteOff,
    NoteOn,
    ProgramChange,
    RealTime,
    SongPosition,
    Unused,
)

NOTE = NoteOn(channel=1, note=60, velocity=100)


def decoded(*data):
    return list(Decoder().feed(data))


@pytest.mark.parametrize(
    ("sent", "understood"),
    [
        (
            mido.Message("note_on", channel=9, note=36, velocity=1),
            NoteOn(channel=10, note=36, velocity=1),
        ),
        (mido.Message("note_on", channel=9, note=36, velocity=0), NoteOff(channel=10, note=36)),
        (mido.Message("note_off", channel=15, note=127), NoteOff(channel=16, note=127)),
        (
            mido.Message("control_change", control=74, value=127),
            ControlChange(channel=1, control=74, value=127),
        ),
        (mido.Message("program_change", program=5), ProgramChange(channel=1, program=5)),
        (mido.Message("pitchwheel", pitch=-8192), Unused(channel=1, name="pitch bend")),
        (mido.Message("aftertouch", value=9), Unused(channel=1, name="pressure")),
        (mido.Message("polytouch", note=3, value=9), Unused(channel=1, name="key pressure")),
        (mido.Message("songpos", pos=16383), SongPosition(sixteenths=16383)),
        (mido.Message("clock"), RealTime.CLOCK),
        (mido.Message("start"), RealTime.START),
        (mido.Message("continue"), RealTime.CONTINUE),
        (mido.Message("stop"), RealTime.STOP),
    ],
)
def test_what_mido_sends_is_understood(sent, understood):
    assert decoded(*sent.bytes()) == [understood]


@pytest.mark.parametrize(
    "sent",
    [
        mido.Message("active_sensing"),
        mido.Message("reset"),
        mido.Message("tune_request"),
        mido.Message("quarter_frame"),
        mido.Message("song_select"),
        mido.Message("sysex", data=range(128)),
    ],
)
def test_what_means_nothing_here_is_passed_over(sent):
    assert decoded(*sent.bytes(), 0x90, 60, 100) == [NOTE]


def test_running_status_holds_until_another_status():
    assert decoded(0x90, 60, 100, 60, 100, 60, 0, 0xC0, 1, 2) == [
        NOTE,
        NOTE,
        NoteOff(channel=1, note=60),
        ProgramChange(channel=1, program=1),
        ProgramChange(channel=1, program=2),
    ]


def test_a_clock_within_a_note_keeps_the_note():
    assert decoded(0x90, 0xF8, 60, 0xFE, 100, 0xF8, 60, 100) == [
        RealTime.CLOCK,
        NOTE,
        RealTime.CLOCK,
        NOTE,
    ]


def test_a_clock_within_a_system_exclusive_message_is_heard():
    assert decoded(0xF0, 1, 2, 0xF8, 3, 0xF7) == [RealTime.CLOCK]


def test_the_systems_messages_end_running_status():
    for system in ((0xF2, 1, 0), (0xF3, 1), (0xF6,), (0xF0, 1, 0xF7), (0xF5,)):
        after = decoded(0x90, 60, 100, *system, 60, 100)
        assert [m for m in after if isinstance(m, NoteOn)] == [NOTE]


def test_a_message_may_come_in_pieces():
    decoder = Decoder()
    assert list(decoder.feed([0x90])) == []
    assert list(decoder.feed([60])) == []
    assert list(decoder.feed([100, 60])) == [NOTE]
    assert list(decoder.feed([100])) == [NOTE]


def test_data_that_belongs_to_nothing_is_passed_over():
    assert decoded(1, 2, 3, 0x90, 60, 0x90, 60, 100) == [NOTE]


def test_a_system_exclusive_message_without_end_takes_no_memory_and_a_note_ends_it():
    decoder = Decoder()
    list(decoder.feed([0xF0]))
    for _ in range(1000):
        assert list(decoder.feed(bytes(1000))) == []
    assert list(decoder.feed([0x90, 60, 100])) == [NOTE]


def test_a_million_random_bytes_are_read_and_every_message_is_within_its_ranges():
    decoder = Decoder()
    data = random.Random(6).randbytes(1_000_000)
    count = 0
    for begin in range(0, len(data), 97):
        for message in decoder.feed(data[begin : begin + 97]):
            count += 1
            match message:
                case NoteOn(channel=channel, note=number, velocity=value):
                    assert 1 <= value <= 127
                case NoteOff(channel=channel, note=number):
                    value = 0
                case ControlChange(channel=channel, control=number, value=value):
                    pass
                case ProgramChange(channel=channel, program=number):
                    value = 0
                case Unused(channel=channel):
                    number = value = 0
                case _:
                    continue
            assert 1 <= channel <= 16
            assert 0 <= number <= 127
            assert 0 <= value <= 127
    assert count > 100_000
    # Whatever went before, a complete message is read again.
    assert list(decoder.feed([0x90, 60, 100])) == [NOTE]
