from oneshot_server.domain.events import Cancelled, JobId
from oneshot_server.jobs.event_bus import EventBus

EVENT = Cancelled(job=JobId("a"))


def test_a_listener_that_fails_does_not_keep_the_event_from_the_others():
    bus, heard = EventBus(), []

    def fail(_event):
        raise RuntimeError

    bus.subscribe(fail)
    bus.subscribe(heard.append)
    bus.emit(EVENT)
    assert heard == [EVENT]


def test_who_has_left_hears_nothing_more():
    bus, heard = EventBus(), []
    leave = bus.subscribe(heard.append)
    leave()
    bus.emit(EVENT)
    assert heard == []
