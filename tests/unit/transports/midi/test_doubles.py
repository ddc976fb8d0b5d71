from oneshot_server.transports.midi.doubles import DOUBLE_SECONDS, Doubles
from oneshot_server.transports.midi.messages import ControlChange, NoteOn
from oneshot_server.transports.midi.open_ports import CLIENT

KICK = NoteOn(channel=10, note=36, velocity=100)
SNARE = NoteOn(channel=10, note=38, velocity=100)


def test_a_note_that_comes_by_our_own_port_too_is_one_note():
    doubles = Doubles()
    ways = [("Keys", KICK), ("Keys", SNARE), (CLIENT, KICK), (CLIENT, SNARE)]
    assert [doubles.first_came_from(p, m, 0.001 * n) for n, (p, m) in enumerate(ways)] == [
        None,
        None,
        "Keys",
        "Keys",
    ]
    assert doubles.first_came_from(CLIENT, KICK, 0.004) is None


def test_two_players_who_play_the_same_are_both_heard():
    doubles = Doubles()
    assert doubles.first_came_from("Keys", KICK, 0.0) is None
    assert doubles.first_came_from("Pads", KICK, 0.001) is None


def test_a_roll_is_heard_and_so_is_a_note_a_moment_later_or_of_another_velocity():
    doubles = Doubles()
    for number in range(10):
        assert doubles.first_came_from(CLIENT, KICK, 0.001 * number) is None
    assert doubles.first_came_from("Keys", KICK, 0.01 + DOUBLE_SECONDS) is None
    softer = NoteOn(channel=10, note=36, velocity=99)
    assert doubles.first_came_from(CLIENT, softer, 0.01 + DOUBLE_SECONDS) is None


def test_knobs_may_come_twice():
    doubles = Doubles()
    knob = ControlChange(channel=1, control=1, value=1)
    assert doubles.first_came_from("Keys", knob, 0.0) is None
    assert doubles.first_came_from(CLIENT, knob, 0.0) is None
