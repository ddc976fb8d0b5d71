"""Messages in, deeds out, with a core that only notes and a time that tests move."""

import pytest

from oneshot_server.domain.events import Cancelled, Done, SampleImproved, SamplePublished
from oneshot_server.domain.pads import Pad
from oneshot_server.transports.midi.bindings import MidiMap
from oneshot_server.transports.midi.clock import GRIDS
from oneshot_server.transports.midi.map_file import parse_map
from oneshot_server.transports.midi.messages import (
    ControlChange,
    NoteOff,
    NoteOn,
    ProgramChange,
    RealTime,
)
from oneshot_server.transports.midi.player import Player
from oneshot_server.transports.midi.schedule import FakeSchedule
from oneshot_server.transports.osc.fake_core import FakeCore

TICK = 0.02


class Stage:
    """A player with all pads full, and what it has lit."""

    def __init__(self, text, *, grid="off", takeover=True, name="x"):
        self.core = FakeCore()
        self.core.pads = [Pad(prompt=f"kick {number}") for number in range(64)]
        self.time = FakeSchedule()
        self.lit = []
        self.player = Player(
            self.core,
            self.time,
            midi_map=MidiMap(name=name, bindings=parse_map(text, name)),
            grid_ticks=GRIDS[grid],
            takeover=takeover,
            on_sound=self.lit.append,
        )

    def note(self, number, velocity=127):
        message = NoteOn(channel=10, note=number, velocity=velocity)
        return self.player.take(message, self.time.now)

    def off(self, number):
        return self.player.take(NoteOff(channel=10, note=number), self.time.now)

    def cc(self, number, value):
        message = ControlChange(channel=1, control=number, value=value)
        return self.player.take(message, self.time.now)

    def program(self, number):
        return self.player.take(ProgramChange(channel=1, program=number), self.time.now)

    def clock(self, ticks, *, port="daw"):
        self.player.tick(port, RealTime.START, self.time.now)
        for _ in range(ticks):
            self.player.tick(port, RealTime.CLOCK, self.time.now)
            self.time.advance(self.time.now + TICK)


PADS = '[[bindings]]\nnote = "36-51"\nto = "pad.0"\n'
CHOKED = PADS + 'note_off = "choke"\n'


def test_a_note_hits_its_pad_with_its_velocity():
    stage = Stage(PADS)
    assert stage.note(36) == "pad 0 at 1.00, job hit-0"
    stage.note(51, velocity=64)
    assert stage.core.hits == [(0, 1.0), (15, pytest.approx(64 / 127))]


def test_what_is_not_mapped_does_nothing():
    stage = Stage(PADS)
    assert stage.note(35) == stage.off(35) == stage.cc(1, 1) == stage.program(0) == ""
    assert stage.core.hits == []


def test_a_refused_hit_says_why_and_the_next_one_plays():
    stage = Stage(PADS)
    stage.core.pads[0] = Pad()
    assert stage.note(36) == "refused: pad 0 is empty"
    stage.core.full = True
    assert stage.note(37) == "refused: 64 jobs are waiting"
    stage.core.full = False
    assert stage.note(37) == "pad 1 at 1.00, job hit-0"


def test_a_foot_switch_on_a_cc_hits_a_pad_and_its_release_does_not():
    stage = Stage('[[bindings]]\ncc = 64\nto = "pad.2"')
    stage.cc(64, 127)
    stage.cc(64, 0)
    assert stage.core.hits == [(2, 1.0)]


def test_a_bank_moves_the_first_sixteen_pads_and_their_numbers():
    stage = Stage(
        PADS + '[[bindings]]\ncc = "20-23"\nto = "bank.0"\n'
        '[[bindings]]\nnote = 100\nto = "pad.40"\n'
        '[[bindings]]\ncc = 1\nto = "pad.0.level"\ntakeover = false\n'
        '[[bindings]]\nprogram = 0\nto = "kit.house"\n'
    )
    assert stage.cc(22, 127) == "bank 2"
    stage.cc(21, 0)  # a button that is let go of
    stage.note(36)
    stage.note(100)
    assert [pad for pad, _ in stage.core.hits] == [32, 40]
    stage.cc(1, 0)
    assert stage.core.pads[32].level == -24.0
    stage.program(0)
    assert stage.core.asked == [("load_kit", "house", 2)]


def test_a_program_chooses_a_kit_by_its_place_or_by_its_name():
    stage = Stage(
        '[[bindings]]\nprogram = "0-127"\nto = "kits"\n[[bindings]]\nprogram = 9\nto = "kit.trap"'
    )
    assert stage.program(1) == "kit kits two"
    assert stage.program(9) == "kit trap"
    assert stage.program(2) == "ignored: program 2, there are 2 kits"
    assert stage.core.asked == [("load_kit", "kits two", None), ("load_kit", "trap", None)]


def test_a_kit_that_is_not_there_is_refused():
    stage = Stage('[[bindings]]\nnote = 1\nto = "kit.none"')
    assert stage.note(1) == 'refused: no kit is named "none"'


def test_a_knob_moves_a_number_over_its_range():
    stage = Stage('[[bindings]]\ncc = 1\nto = "pad.3.tune"\nlow = -12\nhigh = 12\n', takeover=False)
    for value, tune in ((0, -12.0), (127, 12.0), (64, 0.094)):
        stage.time.advance(stage.time.now + 1)
        assert stage.cc(1, value) == f"pad.3.tune = {tune:g}"
        assert stage.core.pads[3].tune == tune


def test_whole_numbers_stay_whole_and_a_range_may_be_turned_round():
    stage = Stage(
        '[[bindings]]\ncc = 1\nto = "pad.0.steps"\nlow = 50\nhigh = 4\ntakeover = false\n'
    )
    stage.cc(1, 1)
    assert stage.core.pads[0].steps == 50
    assert isinstance(stage.core.pads[0].steps, int)


def test_a_knob_waits_until_it_meets_the_value_and_leads_from_then_on():
    stage = Stage('[[bindings]]\ncc = 1\nto = "pad.0.level"\nlow = -40\nhigh = 0\n')
    assert stage.cc(1, 10) == "pad.0.level waits: the knob is at -36.85, the value at 0"
    assert stage.core.pads[0].level == 0.0
    for value in (60, 126, 100, 20):
        stage.time.advance(stage.time.now + 1)
        stage.cc(1, value)
    assert stage.core.pads[0].level == pytest.approx(-40 + 40 * 20 / 127, abs=0.001)
    stage.core.set_pad(0, "level", -1.0)  # by somebody else
    stage.time.advance(stage.time.now + 1)
    assert "waits" in stage.cc(1, 21)


def test_a_fast_turn_moves_a_number_seldom_and_ends_where_the_knob_ends():
    stage = Stage('[[bindings]]\ncc = 1\nto = "pad.0.level"\ntakeover = false')
    moves = []
    set_pad = stage.core.set_pad
    stage.core.set_pad = lambda *what: (moves.append(what), set_pad(*what))
    for value in range(128):
        stage.cc(1, value)
        stage.time.advance(stage.time.now + 0.001)
    stage.time.advance(stage.time.now + 1)
    assert stage.core.pads[0].level == 0.0
    assert 3 <= len(moves) <= 7


def test_a_fast_turn_of_a_knob_that_waited_takes_over_and_follows():
    stage = Stage('[[bindings]]\ncc = 1\nto = "pad.0.level"\nlow = -40\nhigh = 0\n')
    stage.core.pads[0] = Pad(prompt="kick", level=-20.0)
    for value in range(0, 128, 2):
        stage.cc(1, value)
        stage.time.advance(stage.time.now + 0.001)
    stage.time.advance(stage.time.now + 1)
    assert stage.core.pads[0].level == pytest.approx(-40 + 40 * 126 / 127, abs=0.001)


def test_a_knob_may_mean_the_pad_that_was_hit_last():
    stage = Stage(PADS + '[[bindings]]\ncc = 1\nto = "pad.last.velocity_level"\ntakeover = false')
    assert stage.cc(1, 0) == "pad.last.velocity_level waits: no pad was hit yet"
    stage.note(40)
    stage.cc(1, 0)
    assert stage.core.pads[4].velocity_level == 0.0
    assert stage.core.pads[5].velocity_level == 24.0


def test_a_knob_may_mean_all_pads_of_the_bank_that_are_not_empty():
    stage = Stage('[[bindings]]\ncc = 1\nto = "pads.level"\ntakeover = false')
    stage.core.pads[7] = Pad()
    stage.cc(1, 0)
    assert [pad.level for pad in stage.core.pads[:17]] == [-24.0] * 7 + [0.0] + [-24.0] * 8 + [0.0]


def test_a_knob_may_be_the_weight_of_a_lora():
    stage = Stage('[[bindings]]\ncc = 1\nto = "lora.my kicks"')
    stage.cc(1, 127)
    assert stage.core.asked == [("set_lora", "my kicks", 1.5)]


def test_on_the_beat_a_hit_waits_for_the_line():
    stage = Stage(PADS, grid="1/4")
    stage.clock(30)  # 24 ticks to a quarter: the next line is 18 ticks after the 31st
    assert stage.note(36) == "pad 0 in 360 ms, on the beat"
    stage.time.advance(47.9 * TICK)
    assert stage.core.hits == []
    stage.time.advance(48.1 * TICK)
    assert stage.core.hits == [(0, 1.0)]


def test_a_stop_plays_what_waits_at_once_and_later_hits_too():
    stage = Stage(PADS, grid="1/4")
    stage.clock(30)
    stage.note(36)
    stage.note(37)
    stage.player.tick("daw", RealTime.STOP, stage.time.now)
    stage.note(38)
    assert [pad for pad, _ in stage.core.hits] == [0, 1, 2]
    stage.time.advance(10.0)
    assert len(stage.core.hits) == 3


def test_a_clock_that_vanishes_leaves_no_hit_behind():
    stage = Stage(PADS, grid="1/1")
    stage.clock(30)
    stage.note(36)
    stage.time.advance(100.0)
    assert stage.core.hits == [(0, 1.0)]


def test_a_roll_before_the_line_loses_no_hit():
    stage = Stage(PADS, grid="1/1")
    stage.clock(30)
    for _ in range(500):
        stage.note(36)
    stage.time.advance(100.0)
    assert len(stage.core.hits) == 500


def test_of_two_clocks_the_first_is_followed_until_it_falls_silent():
    stage = Stage(PADS, grid="1/4")
    stage.clock(30)
    assert stage.player.tick("other", RealTime.STOP, stage.time.now).startswith("ignored")
    assert "on the beat" in stage.note(36)
    stage.time.advance(10.0)
    stage.clock(30, port="other")
    assert "on the beat" in stage.note(36)


def test_letting_go_cancels_a_hit_that_waits_for_the_beat():
    stage = Stage(CHOKED, grid="1/4")
    stage.clock(30)
    stage.note(36)
    stage.note(37)
    assert stage.off(36) == "choked, 1 cancelled"
    stage.time.advance(10.0)
    assert [pad for pad, _ in stage.core.hits] == [1]


def test_letting_go_cancels_a_job_that_has_not_ended_and_no_other():
    stage = Stage(CHOKED)
    cancelled = []
    stage.core.subscribe(lambda e: cancelled.append(e.job) if isinstance(e, Cancelled) else None)
    stage.note(36)
    stage.note(37)
    stage.note(38)
    stage.core.emit(Done(job="hit-1", count=1, milliseconds=3))
    assert stage.off(37) == "choked, nothing was waiting"
    assert stage.off(36) == "choked, 1 cancelled"
    assert stage.off(36) == "choked, nothing was waiting"
    assert cancelled == ["hit-0"]


def test_letting_go_of_other_pads_does_nothing():
    stage = Stage(PADS)
    stage.note(36)
    assert stage.off(36) == "let go"


def test_a_hit_of_a_choke_group_replaces_one_of_the_group_that_waits_for_the_beat():
    stage = Stage(PADS, grid="1/4")
    for number, group in ((0, 1), (1, 1), (2, 2), (3, 0)):
        stage.core.pads[number] = Pad(prompt="hat", choke=group)
    stage.clock(30)
    for number in (39, 38, 36, 37):
        stage.note(number)
    stage.time.advance(10.0)
    assert [pad for pad, _ in stage.core.hits] == [3, 2, 1]


def test_a_hit_lights_up_when_its_sound_is_there_even_if_that_is_at_once():
    stage = Stage(PADS)
    sound = {"index": 0, "path": "/k.wav", "seed": 1, "seconds": 0.5}
    stage.note(36, velocity=80)
    assert stage.lit == []
    stage.core.emit(SamplePublished(job="hit-0", **sound))
    assert [(hit.source, hit.velocity) for hit in stage.lit] == [((10, 36), 80)]
    stage.core.emit(SampleImproved(job="hit-0", **sound))
    assert len(stage.lit) == 1
    stage.core.trigger_pad(3, 1.0)  # by somebody else
    stage.core.emit(SamplePublished(job="hit-1", **sound))
    assert len(stage.lit) == 1

    trigger = stage.core.trigger_pad

    def from_the_reserve(pad, velocity):
        job = trigger(pad, velocity)
        stage.core.emit(SamplePublished(job=job, **sound))
        stage.core.emit(Done(job=job, count=1, milliseconds=1))
        return job

    stage.core.trigger_pad = from_the_reserve
    stage.note(37, velocity=81)
    assert stage.lit[-1].velocity == 81


def test_a_player_that_was_stopped_plays_nothing_more():
    stage = Stage(PADS, grid="1/4")
    stage.clock(30)
    stage.note(36)
    stage.player.stop()
    stage.time.advance(10.0)
    assert stage.core.hits == []
