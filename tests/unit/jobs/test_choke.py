from oneshot_server.domain.events import Accepted, Cancelled, Done, JobId, SamplePublished
from oneshot_server.errors import NotFoundError
from oneshot_server.jobs.choke import Choke

GROUPS = {0: 0, 2: 1, 3: 1, 4: 2}


class Hats:
    """Pads 2 and 3 are of one group, pad 4 of another, pad 0 of none."""

    def __init__(self):
        self.cancelled = []
        self.choke = Choke(GROUPS.__getitem__, self.cancel)

    def cancel(self, job):
        if job == "too late":
            raise NotFoundError("it has ended")
        self.cancelled.append(job)
        self.choke.take(Cancelled(job=job))

    def hit(self, pad, job):
        self.choke.take(Accepted(job=JobId(job), pad=pad))
        self.choke.struck(pad)


def test_a_hit_cancels_what_waits_for_the_other_pads_of_its_group():
    hats = Hats()
    for pad, job in ((0, "kick"), (3, "open"), (4, "other"), (2, "closed")):
        hats.hit(pad, job)
    assert hats.cancelled == ["open"]


def test_a_roll_on_one_pad_cancels_nothing():
    hats = Hats()
    for number in range(8):
        hats.hit(3, f"{number}")
    assert hats.cancelled == []


def test_what_has_sounded_is_not_cancelled():
    hats = Hats()
    hats.hit(3, "open")
    hats.choke.take(Done(job=JobId("open"), count=1, milliseconds=1))
    hats.hit(2, "closed")
    assert hats.cancelled == []


def test_a_draft_has_sounded_and_is_made_better_whatever_is_hit():
    hats = Hats()
    hats.hit(3, "open")
    hats.choke.take(
        SamplePublished(job=JobId("open"), index=0, path="/o.wav", seed=1, seconds=0.5, draft=True)
    )
    hats.hit(2, "closed")
    assert hats.cancelled == []


def test_pads_of_no_group_and_jobs_of_no_pad_are_left_alone():
    hats = Hats()
    hats.choke.take(Accepted(job=JobId("generate")))
    hats.hit(3, "open")
    hats.hit(0, "kick")
    assert hats.cancelled == []


def test_one_that_cannot_be_cancelled_any_more_keeps_no_other_from_it():
    hats = Hats()
    hats.hit(3, "too late")
    hats.hit(3, "open")
    hats.hit(2, "closed")
    assert hats.cancelled == ["open"]
