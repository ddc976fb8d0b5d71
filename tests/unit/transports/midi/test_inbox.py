import threading

from oneshot_server.transports.midi.inbox import AT_ONCE, CLOCK_LIMIT, LIMIT, Inbox

NOTE, CLOCK = (0x90, 36, 100), (0xF8,)


class Loop:
    """A loop that runs when a test says so."""

    def __init__(self):
        self.calls = []

    def call_soon_threadsafe(self, callback):
        self.calls.append(callback)

    def run_once(self):
        calls, self.calls = self.calls, []
        for call in calls:
            call()


def boxed():
    loop, taken = Loop(), []
    return loop, taken, Inbox(loop, taken.append)


def test_what_comes_is_handed_over_in_order_by_one_call():
    loop, taken, inbox = boxed()
    for note in range(10):
        inbox.put("a", (0x90, note, 1), at=0.5)
    assert len(loop.calls) == 1
    loop.run_once()
    assert [arrival.data[1] for arrival in taken] == list(range(10))
    assert loop.calls == []


def test_others_on_the_loop_have_their_turn():
    loop, taken, inbox = boxed()
    for _ in range(AT_ONCE + 1):
        inbox.put("a", NOTE, at=0.0)
    loop.run_once()
    assert len(taken) == AT_ONCE
    loop.run_once()
    assert len(taken) == AT_ONCE + 1


def test_a_flood_of_clock_bytes_costs_no_note():
    loop, taken, inbox = boxed()
    for _ in range(10 * LIMIT):
        inbox.put("a", CLOCK, at=0.0)
    inbox.put("a", NOTE, at=0.0)
    while loop.calls:
        loop.run_once()
    assert taken[-1].data == NOTE
    assert len(taken) == CLOCK_LIMIT + 1
    assert inbox.dropped == 10 * LIMIT - CLOCK_LIMIT


def test_more_notes_than_there_is_room_for_are_counted():
    loop, taken, inbox = boxed()
    for _ in range(LIMIT + 5):
        inbox.put("a", NOTE, at=0.0)
    while loop.calls:
        loop.run_once()
    assert (len(taken), inbox.dropped) == (LIMIT, 5)


def test_sensing_and_system_exclusive_messages_do_not_even_wake_the_loop():
    loop, _taken, inbox = boxed()
    inbox.put("a", (0xFE,), at=0.0)
    inbox.put("a", (0xF0, *range(100), 0xF7), at=0.0)
    inbox.put("a", (), at=0.0)
    assert loop.calls == []


def test_threads_may_put_at_the_same_time_and_nothing_is_lost():
    loop, taken, inbox = boxed()
    threads = [
        threading.Thread(target=lambda: [inbox.put("a", NOTE, at=0.0) for _ in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or loop.calls:
        loop.run_once()
    assert len(taken) == 2000


def test_a_closed_inbox_and_a_closed_loop_take_nothing():
    _loop, taken, inbox = boxed()
    inbox.close()
    inbox.put("a", NOTE, at=0.0)

    class ClosedLoop:
        def call_soon_threadsafe(self, _callback):
            raise RuntimeError("Event loop is closed")

    Inbox(ClosedLoop(), taken.append).put("a", NOTE, at=0.0)
    assert taken == []
