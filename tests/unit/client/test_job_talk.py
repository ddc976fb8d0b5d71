"""One job's talk: nothing is lost that UDP loses, nothing is told twice, nobody waits for ever."""

import pytest

from oneshot_server.client.events import Message, message_to_event
from oneshot_server.client.job_talk import JobTalk
from oneshot_server.domain.events import (
    Cancelled,
    Done,
    Failed,
    JobEvent,
    JobId,
    LoraReady,
    Notice,
    NoticeCode,
    Progress,
    SamplePublished,
    TrainingProgress,
)
from oneshot_server.errors import (
    BusyError,
    EngineFailedError,
    ErrorCode,
    JobCancelledError,
    NoAnswerError,
    NotFoundError,
    OneshotError,
)

DONE: Message = ("/oneshot/done", ("j1", 2, 900))


def sample(index: int) -> Message:
    return "/oneshot/sample", ("j1", index, f"/s/kick_{7 + index}.wav", 7 + index, 0.5)


class Rig:
    """A talk, what it sends, and a clock that goes on when nothing comes."""

    def __init__(self, address: str = "/oneshot/generate") -> None:
        self.talk = JobTalk(address, "kick", "count", 2)
        self.now = 100.0
        self.sent: list[Message] = []
        self.events: list[JobEvent] = []
        self.silence()

    def silence(self) -> None:
        """Nothing comes, until the talk acts."""
        self.now = max(self.now, self.talk.due)
        if (message := self.talk.wake(self.now)) is not None:
            self.sent.append(message)

    def hear(self, *messages: Message) -> None:
        for address, arguments in messages:
            said = tuple(self.own if one == "ID" else one for one in arguments)
            self.talk.take((address, said), self.now)
        self.events += self.talk.events
        self.talk.events.clear()

    @property
    def own(self) -> str:
        return str(self.sent[0][1][0])

    @property
    def addresses(self) -> list[str]:
        return [address for address, _ in self.sent]

    @property
    def indices(self) -> list[int]:
        return [event.index for event in self.events if isinstance(event, SamplePublished)]


ACCEPTED: Message = ("/oneshot/accepted", ("ID", "j1"))


def test_events_of_the_job_are_passed_on_until_it_is_done() -> None:
    rig = Rig()
    assert not rig.talk.begun
    rig.hear(ACCEPTED)
    assert rig.talk.begun
    progress: Message = ("/oneshot/progress", ("j1", 0.5, "sampling"))
    notice: Message = ("/oneshot/notice", ("j1", "retried", "again"))
    rig.hear(progress, sample(0), notice, sample(1), DONE)
    assert rig.events[1] == Progress(job=JobId("j1"), fraction=0.5, stage="sampling")
    assert rig.events[3] == Notice(job=JobId("j1"), code=NoticeCode.RETRIED, text="again")
    assert rig.indices == [0, 1]
    assert rig.events[-1] == Done(job=JobId("j1"), count=2, milliseconds=900)
    assert rig.talk.over
    assert rig.addresses == ["/oneshot/generate"]


def test_a_training_is_passed_on_with_the_lora_that_came_of_it() -> None:
    rig = Rig("/oneshot/train")
    rig.hear(
        ACCEPTED,
        ("/oneshot/train/progress", ("j1", 0.5, 40, 0.25)),
        ("/oneshot/lora/ready", ("j1", "my kicks", 2)),
        ("/oneshot/done", ("j1", 1, 900)),
    )
    assert rig.events[1:3] == [
        TrainingProgress(job=JobId("j1"), fraction=0.5, step=40, loss=0.25),
        LoraReady(job=JobId("j1"), name="my kicks", version=2),
    ]
    assert rig.talk.over
    assert len(rig.sent) == 1


def test_messages_about_other_jobs_and_nonsense_are_ignored() -> None:
    strange: list[Message] = [
        ("/oneshot/sample", ("other", 0, "/x.wav", 1, 0.5)),
        ("/oneshot/done", ("other", 1, 1)),
        ("/oneshot/done", ()),
        ("/oneshot/done", ("j1", "two", 1)),
        ("/oneshot/notice", ("j1", "no such code", "x")),
        ("/oneshot/unheard/of", ("j1",)),
    ]
    rig = Rig()
    rig.hear(ACCEPTED, *strange, sample(0), sample(1), DONE)
    assert len(rig.events) == 4


def test_without_a_job_nothing_is_ours() -> None:
    assert message_to_event(("/oneshot/done", ("", 1, 1)), "py-1", JobId("")) is None


def test_a_lost_request_is_sent_again_with_the_same_id() -> None:
    rig = Rig()
    rig.silence()
    rig.hear(ACCEPTED, sample(0), sample(1), DONE)
    assert rig.indices == [0, 1]
    assert rig.sent[0] == rig.sent[1]


def test_a_lost_sound_is_asked_for_again_and_none_told_twice() -> None:
    rig = Rig()
    rig.hear(ACCEPTED, sample(1), DONE)
    assert not rig.talk.over
    rig.silence()
    rig.hear(ACCEPTED, sample(0), sample(1), DONE)
    assert rig.indices == [1, 0]
    assert sum(isinstance(event, Done) for event in rig.events) == 1
    assert rig.sent[1:] == [("/oneshot/job", (rig.own, "j1"))]
    assert rig.talk.over


def test_a_sound_that_stays_lost_keeps_nobody_waiting() -> None:
    rig = Rig()
    for _ in range(50):
        rig.hear(ACCEPTED, sample(1), DONE)
        if rig.talk.over:
            break
        rig.silence()
    assert rig.talk.over
    assert rig.indices == [1]


def test_an_end_that_was_lost_is_asked_for() -> None:
    rig = Rig()
    rig.hear(ACCEPTED, sample(0), sample(1))
    rig.silence()
    assert rig.sent[1:] == [("/oneshot/job", (rig.own, "j1"))]
    rig.hear(ACCEPTED, sample(0), sample(1), DONE)
    assert rig.talk.over
    assert rig.indices == [0, 1]


def test_a_job_that_was_accepted_is_never_asked_for_again_as_it_might_begin_anew() -> None:
    rig = Rig()
    rig.hear(ACCEPTED)
    rig.now += 50.0  # the program was busy with something else
    for _ in range(100):
        rig.silence()
        rig.hear(ACCEPTED)
        assert rig.talk.due > rig.now  # an answer asks for nothing
    assert rig.addresses == ["/oneshot/generate"] + ["/oneshot/job"] * 100
    rig.hear(sample(0), sample(1), DONE)
    assert rig.talk.over


def test_a_job_whose_events_keep_coming_is_not_asked_about() -> None:
    rig = Rig()
    rig.hear(ACCEPTED)
    for step in range(600):
        rig.now += 1.0
        rig.hear(("/oneshot/progress", ("j1", step / 600, "sampling")))
        assert rig.now < rig.talk.due
    assert rig.addresses == ["/oneshot/generate"]


def test_a_job_that_nobody_knows_any_more_is_an_error() -> None:
    rig = Rig()
    rig.hear(ACCEPTED)
    rig.silence()
    rig.hear(("/oneshot/error", ("ID", "not_found", "no such job")))
    assert rig.talk.over
    with pytest.raises(NotFoundError):
        rig.talk.raise_if_bad(rig.events[-1])


@pytest.mark.parametrize(
    ("heard", "said"), [((), "no daemon answers"), ((ACCEPTED,), "stopped answering")]
)
def test_a_daemon_that_is_silent_is_an_error_and_not_an_endless_wait(
    heard: tuple[Message, ...], said: str
) -> None:
    rig = Rig()
    rig.hear(*heard)
    began = rig.now
    for _ in range(100):
        rig.silence()
        if rig.talk.over:
            break
    assert isinstance(rig.talk.error, NoAnswerError)
    assert said in str(rig.talk.error)
    assert rig.now - began < 30


@pytest.mark.parametrize(
    ("message", "event", "raised"),
    [
        (
            ("/oneshot/error", ("ID", "busy", "64 jobs are waiting")),
            Failed(job=JobId(""), code=ErrorCode.BUSY, text="64 jobs are waiting"),
            BusyError,
        ),
        (
            ("/oneshot/error", ("ID", "from the future", "x")),
            Failed(job=JobId(""), code=ErrorCode.ENGINE_FAILED, text="x"),
            EngineFailedError,
        ),
        (("/oneshot/cancelled", ("ID",)), Cancelled(job=JobId("")), JobCancelledError),
    ],
)
def test_a_bad_end_is_an_end_and_an_error(
    message: Message, event: JobEvent, raised: type[OneshotError]
) -> None:
    rig = Rig()
    rig.hear(message)
    assert rig.events == [event]
    assert rig.talk.over
    with pytest.raises(raised):
        rig.talk.raise_if_bad(event)


def test_what_we_have_cancelled_is_no_error() -> None:
    rig = Rig()
    rig.hear(ACCEPTED)
    assert rig.talk.cancel() == ("/oneshot/cancel", (f"{rig.own}-cancel", "j1"))
    rig.hear(("/oneshot/cancelled", ("j1",)))
    rig.talk.raise_if_bad(rig.events[-1])
    assert rig.talk.over


def test_a_cancel_that_came_too_late_is_no_end_of_the_job() -> None:
    rig = Rig()
    rig.hear(ACCEPTED, sample(0))
    rig.talk.cancel()
    rig.hear(("/oneshot/error", (f"{rig.own}-cancel", "not_found", "no such job")))
    assert not rig.talk.over
    rig.hear(sample(1), DONE)
    assert rig.indices == [0, 1]


def test_nothing_is_cancelled_that_was_not_accepted_or_has_ended() -> None:
    rig = Rig()
    assert rig.talk.cancel() is None
    rig.hear(("/oneshot/error", ("ID", "busy", "x")))
    assert rig.talk.cancel() is None


def test_a_draft_and_what_replaces_it_are_told_each_once() -> None:
    rig = Rig()
    draft: Message = ("/oneshot/sample", ("j1", 0, "/k.wav", 7, 0.5, 1))
    better: Message = ("/oneshot/sample/better", ("j1", 0, "/k.wav", 7, 0.75))
    done: Message = ("/oneshot/done", ("j1", 1, 900))
    rig.hear(ACCEPTED, draft, ACCEPTED, draft, better, better, done)
    first = SamplePublished(
        job=JobId("j1"), index=0, path="/k.wav", seed=7, seconds=0.5, draft=True
    )
    assert rig.events[1:-1] == [first, first.improved(0.75)]
    assert rig.talk.over


def test_a_daemon_that_says_more_or_less_of_a_sound_is_understood() -> None:
    for more in ((), (0,), (0, "of a later version", 3)):
        rig = Rig()
        address, arguments = sample(0)
        rig.hear(ACCEPTED, (address, (*arguments, *more)))
        assert rig.events[1] == SamplePublished(
            job=JobId("j1"), index=0, path="/s/kick_7.wav", seed=7, seconds=0.5
        )
