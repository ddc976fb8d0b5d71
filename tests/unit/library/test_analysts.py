"""Processes that read sounds: every answer belongs to its question."""

import pytest

from oneshot_server.errors import ShutdownError
from oneshot_server.library.analysts import FRAME, Analysts
from tests.unit.library.sounds import render


@pytest.fixture
def analysts(tmp_path):
    for number in range(3 * FRAME):
        (tmp_path / f"{number}.wav").write_bytes(render(number))
    opened = Analysts(tmp_path, 2)
    yield opened
    opened.stop()
    opened.close()


def paths(count):
    return [f"{number}.wav" for number in range(count)]


def seeds(read):
    return {path: int(contents.recipe.partition('"seed":')[2].partition(",")[0])
            for chunk in read for path, contents in chunk}  # fmt: skip


def test_answers_come_in_parts_and_belong_to_their_paths(analysts):
    assert seeds(analysts.read(paths(3 * FRAME))) == {f"{n}.wav": n for n in range(3 * FRAME)}
    assert seeds(analysts.read(["5.wav"])) == {"5.wav": 5}
    assert list(analysts.read(["none.wav"])) == [[("none.wav", None)]]
    assert list(analysts.read([])) == []


def test_who_stops_listening_leaves_no_answer_for_the_next(analysts):
    reading = analysts.read(paths(3 * FRAME))
    next(reading)
    reading.close()
    assert seeds(analysts.read(["7.wav"])) == {"7.wav": 7}


def test_a_reader_that_is_killed_costs_nothing(analysts):
    reading = analysts.read(paths(3 * FRAME))
    found = seeds([next(reading)])
    for process in analysts._running:
        process.kill()
    found |= seeds(reading)
    assert found == {f"{n}.wav": n for n in range(3 * FRAME)}


def test_nothing_is_read_after_the_end_and_one_waits_before_it(analysts):
    list(analysts.read(paths(3 * FRAME)))
    analysts.rest()
    assert len(analysts._running) == 1
    analysts.stop()
    with pytest.raises(ShutdownError):
        list(analysts.read(paths(1)))
