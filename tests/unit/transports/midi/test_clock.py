"""The clock is pure: times of ticks in, times of lines out; no test here waits."""

import random

import pytest

from oneshot_server.transports.midi.clock import GRIDS, BeatClock
from oneshot_server.transports.midi.messages import RealTime, SongPosition

TICK = 60 / 120 / 24  # seconds at 120 beats a minute


def play(clock, ticks, *, begin=0.0, tick=TICK, jitter=0.0, seed=1):
    """So many ticks from ``begin`` on; returns the time at which the next one is due."""
    source = random.Random(seed)
    for number in range(ticks):
        clock.take(RealTime.CLOCK, begin + number * tick + source.uniform(0.0, jitter))
    return begin + ticks * tick


def started(ticks, **how):
    clock = BeatClock()
    clock.take(RealTime.START, how.get("begin", 0.0) - 0.001)
    play(clock, ticks, **how)
    return clock


def test_a_hit_waits_for_the_next_quarter():
    clock = started(49)  # the last tick is that of the third quarter, at 1 s
    assert clock.next_line(1.2, GRIDS["1/4"]) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("grid", "line"),
    [("1/1", 2.0), ("1/2", 2.0), ("1/4", 1.5), ("1/8", 1.25), ("1/16", 1.25), ("1/8t", 1 + 1 / 3)],
)
def test_the_grid_says_how_far_apart_the_lines_are(grid, line):
    clock = started(49)
    at = 1.2 if grid != "1/16" else 1.15
    assert clock.next_line(at, GRIDS[grid]) == pytest.approx(line)


def test_a_hit_on_a_line_or_just_after_it_is_not_held_back():
    clock = started(49)
    for at in (1.0, 1.0 + 0.9 * TICK):
        assert clock.next_line(at, GRIDS["1/4"]) == at
    assert clock.next_line(1.0 + 1.1 * TICK, GRIDS["1/4"]) == pytest.approx(1.5)


def test_a_hit_just_before_a_line_waits_for_that_line():
    clock = started(72)
    assert clock.next_line(1.499, GRIDS["1/4"]) == pytest.approx(1.5)


def test_off_moves_nothing():
    assert started(49).next_line(1.2, GRIDS["off"]) == 1.2


def test_before_a_start_nothing_is_moved_for_nobody_knows_where_the_beat_is():
    clock = BeatClock()
    play(clock, 100)
    assert clock.next_line(2.05, GRIDS["1/4"]) == 2.05


def test_between_a_start_and_its_first_tick_nothing_is_moved():
    clock = BeatClock()
    end = play(clock, 30)
    clock.take(RealTime.START, end)
    assert clock.next_line(end + 0.001, GRIDS["1/4"]) == end + 0.001


def test_after_a_stop_nothing_is_moved_and_continue_goes_on_where_it_was():
    clock = started(31)  # six ticks past the second quarter
    at = 31 * TICK
    clock.take(RealTime.STOP, at)
    assert clock.next_line(at + 0.01, GRIDS["1/4"]) == at + 0.01
    play(clock, 50, begin=at)  # many devices go on ticking
    at += 50 * TICK + 0.004
    clock.take(RealTime.CONTINUE, at)
    end = play(clock, 5, begin=at + 0.003)
    assert clock.position == 35
    assert clock.next_line(end, GRIDS["1/4"]) == pytest.approx(at + 0.003 + 17 * TICK)


def test_a_start_begins_the_song_anew_at_its_first_tick():
    clock = started(31)
    at = 31 * TICK + 0.007
    clock.take(RealTime.START, at)
    play(clock, 13, begin=at)
    assert clock.position == 12
    assert clock.next_line(at + 13 * TICK, GRIDS["1/4"]) == pytest.approx(at + 24 * TICK)


def test_the_song_position_says_where_continue_begins():
    clock = BeatClock()
    clock.take(SongPosition(sixteenths=6), 0.0)  # the middle of the second quarter
    clock.take(RealTime.CONTINUE, 0.0)
    play(clock, 4)
    assert clock.position == 39
    assert clock.next_line(4 * TICK, GRIDS["1/4"]) == pytest.approx(12 * TICK)


def test_jitter_of_a_fifth_of_a_tick_moves_a_line_by_less():
    tick = TICK
    for seed in range(20):
        clock = started(24 * 8 + 1, jitter=0.004, seed=seed)
        line = clock.next_line(24 * 8 * tick + 0.2, GRIDS["1/4"])
        true = 24 * 9 * tick + 0.002  # the jitter's mean
        assert abs(line - true) < 0.0035


def test_a_change_of_tempo_is_followed_within_two_beats():
    clock = started(97)
    slow = 60 / 90 / 24
    end = play(clock, 48, begin=96 * TICK + slow, tick=slow)
    assert clock.beats_per_minute == pytest.approx(90, abs=0.5)
    # 144 ticks have come after the first: the last one was the sixth quarter.
    assert clock.next_line(end + slow, GRIDS["1/4"]) == pytest.approx(end + 23 * slow, abs=0.002)


def test_a_clock_that_vanished_moves_nothing():
    clock = started(49)
    assert clock.next_line(1.0 + 13 * TICK, GRIDS["1/4"]) == 1.0 + 13 * TICK


def test_a_clock_that_paused_is_followed_again():
    clock = started(49)
    end = play(clock, 20, begin=5.0)  # the first one after the pause is the 49th of the song
    assert clock.next_line(end, GRIDS["1/4"]) == pytest.approx(5.0 + 23 * TICK)


def test_a_flood_of_ticks_and_a_clock_that_stands_still_do_no_harm():
    clock = BeatClock()
    clock.take(RealTime.START, 0.0)
    for _ in range(10_000):
        clock.take(RealTime.CLOCK, 1.0)
    assert 1.0 <= clock.next_line(1.0, GRIDS["1/1"]) < 2.0
    assert clock.next_line(9.0, GRIDS["1/1"]) == 9.0


def test_any_order_of_messages_at_any_time_gives_a_time_that_is_not_past():
    source = random.Random(4)
    messages = [*RealTime, RealTime.CLOCK, RealTime.CLOCK, SongPosition(sixteenths=77)]
    clock, at = BeatClock(), 0.0
    for _ in range(20_000):
        at += source.choice([0.0, 1e-6, 0.001, 0.02, 0.1, 3.0])
        clock.take(source.choice(messages), at)
        for grid in GRIDS.values():
            assert at <= clock.next_line(at, grid) <= at + 60.0
