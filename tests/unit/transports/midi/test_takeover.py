from oneshot_server.transports.midi.takeover import SoftTakeover


def test_a_knob_that_stands_elsewhere_moves_nothing():
    knob = SoftTakeover()
    assert not knob.takes(0.1, value=0.8)
    assert not knob.takes(0.2, value=0.8)


def test_a_knob_takes_over_where_it_meets_the_value():
    knob = SoftTakeover()
    assert not knob.takes(0.5, value=0.8)
    assert knob.takes(0.8, value=0.8)


def test_a_knob_that_is_turned_past_the_value_in_one_step_takes_over():
    for path in ((0.5, 0.95), (0.95, 0.5)):
        knob = SoftTakeover()
        assert [knob.takes(position, value=0.8) for position in path] == [False, True]


def test_a_knob_that_leads_may_leap():
    knob = SoftTakeover()
    assert knob.takes(0.8, value=0.8)
    knob.moved(0.8)
    assert knob.takes(0.1, value=0.8)


def test_a_knob_leads_no_more_when_somebody_else_moved_the_value():
    knob = SoftTakeover()
    assert knob.takes(0.8, value=0.8)
    knob.moved(0.8)
    assert not knob.takes(0.81, value=0.2)
    assert not knob.takes(0.5, value=0.2)
    assert knob.takes(0.15, value=0.2)
