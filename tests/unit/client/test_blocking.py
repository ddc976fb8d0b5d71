import gc

import pytest

from oneshot_server.client import GenerateKeys, Oneshot
from oneshot_server.domain.events import Done, JobId, LoraReady, Progress, TrainingProgress
from oneshot_server.domain.parameters import GENERATE_KEYS
from oneshot_server.errors import (
    BadArgumentsError,
    BusyError,
    DiskFullError,
    JobCancelledError,
    NoAnswerError,
    NotFoundError,
)
from tests.unit.client.lossy import served


def test_the_readmes_example_gives_the_sounds_as_they_come():
    with served() as daemon, Oneshot(port=daemon.port) as oneshot:
        sounds = list(oneshot.generate("punchy kick", count=3, seed=7))
        assert [(sound.path, sound.seed) for sound in sounds] == [
            ("/s/punchy kick_0.wav", 7),
            ("/s/punchy kick_1.wav", 8),
            ("/s/punchy kick_2.wav", 9),
        ]
        (request,) = daemon.core.submitted
        assert (request.prompt, request.count, request.seed) == ("punchy kick", 3, 7)


def test_its_keys_are_those_of_the_protocol():
    kinds = {int: int, float: float, str: str}
    hints = GenerateKeys.__annotations__
    assert list(hints) == [key.name for key in GENERATE_KEYS]
    for key in GENERATE_KEYS:
        assert hints[key.name] is kinds[key.kind] or key.choices


def test_a_hit_is_sent_even_if_nobody_looks_at_what_comes_of_it():
    with served() as daemon, Oneshot(port=daemon.port) as oneshot:
        daemon.core.pads[3] = daemon.core.pads[3].with_value("prompt", "snare")
        oneshot.trigger(3, 0.5)
        oneshot.trigger(3)
        assert daemon.core.hits == [(3, 0.5), (3, 1.0)]
        gc.collect()
        assert next(oneshot.trigger(3)).path == "/s/pad 3_0.wav"


def test_a_training_gives_its_progress_and_its_lora():
    with served() as daemon, Oneshot(port=daemon.port) as oneshot:
        *steps, last = oneshot.train("my kicks")
        assert [type(step) for step in steps] == [TrainingProgress]
        assert last == LoraReady(job=JobId("training-1"), name="my kicks", version=1)


def test_jobs_may_be_looked_at_in_any_order():
    with served() as daemon, Oneshot(port=daemon.port) as oneshot:
        kicks, snares = oneshot.generate("kick", count=2), oneshot.generate("snare", count=2)
        assert [sound.path for sound in snares] == ["/s/snare_0.wav", "/s/snare_1.wav"]
        assert [sound.path for sound in kicks] == ["/s/kick_0.wav", "/s/kick_1.wav"]


def test_all_events_of_a_job_can_be_had():
    with served() as daemon, Oneshot(port=daemon.port) as oneshot:
        events = list(oneshot.generate("kick").events())
        assert [type(event) for event in (events[1], events[-1])] == [Progress, Done]


def test_what_the_daemon_refuses_is_raised_at_once_with_its_code_and_text():
    with served() as daemon, Oneshot(port=daemon.port) as oneshot:
        with pytest.raises(BadArgumentsError, match="count = 99, expected an int from 1 to 64"):
            oneshot.generate("kick", count=99)
        with pytest.raises(NotFoundError, match="pad 5 is empty"):
            oneshot.trigger(5)
        with pytest.raises(NotFoundError, match='no dataset is named "none"'):
            oneshot.train("none")
        with pytest.raises(NotFoundError):
            oneshot.ask("/oneshot/kit/load", "none")
        daemon.core.full = True
        with pytest.raises(BusyError, match="64 jobs are waiting"):
            oneshot.generate("kick")


def test_a_job_that_fails_raises_where_it_is_looked_at():
    with served() as daemon, Oneshot(port=daemon.port) as oneshot:
        job = oneshot.generate("broken kick")
        with pytest.raises(DiskFullError, match="no space left"):
            next(job)


def test_leaving_a_with_early_cancels_the_job_and_leaving_a_loop_does_not():
    with served() as daemon, Oneshot(port=daemon.port) as oneshot:
        job = oneshot.generate("endless kick", count=2)
        for _ in job:
            break
        assert next(job).index == 1
        with pytest.raises(KeyboardInterrupt), job:
            raise KeyboardInterrupt
        assert list(job) == []  # it ends, and as we have asked for that it is no error


def test_a_job_that_somebody_else_cancels_is_an_error():
    with served() as daemon, Oneshot(port=daemon.port) as one, Oneshot(port=daemon.port) as other:
        job = one.generate("endless kick")
        next(job)
        assert other.answers()
        other.begin("/oneshot/cancel", job.id)
        with pytest.raises(JobCancelledError):
            next(job)


def test_other_requests_are_answered_too():
    with served() as daemon, Oneshot(port=daemon.port) as oneshot:
        items = oneshot.ask("/oneshot/list", "loras")
        assert [arguments[2] for _, arguments in items] == ["loras one", "loras two"]


def test_of_40_requests_with_a_fifth_of_all_packets_lost_none_is_lost_and_none_doubled():
    with served(loss=0.2) as daemon, Oneshot(port=daemon.port) as oneshot:
        jobs = [oneshot.generate(f"kick {number}") for number in range(40)]
        for job in jobs[::8]:
            assert [sound.index for sound in job] == [0]
        assert [request.prompt for request in daemon.core.submitted] == [
            f"kick {number}" for number in range(40)
        ]


def test_where_no_daemon_is_an_error_says_so_and_what_to_do(unused_port):
    with Oneshot(port=unused_port) as oneshot:
        assert not oneshot.answers()
        where = f"127.0.0.1:{unused_port}: start it with oneshot serve"
        with pytest.raises(NoAnswerError, match=where):
            oneshot.generate("kick")


def test_a_host_that_is_none_is_an_error():
    with pytest.raises(NoAnswerError, match=r"256\.1\.1\.1\.\.x"):
        Oneshot("256.1.1.1..x")
