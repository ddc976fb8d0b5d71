"""Rendering by a daemon: nothing is lost that UDP loses, and no job is left behind."""

from collections import deque
from collections.abc import Callable

import pytest

from oneshot_server.cli import by_daemon
from oneshot_server.cli.by_daemon import answers, render_by_daemon, request_to_arguments
from oneshot_server.cli.osc_events import Message, message_to_event
from oneshot_server.domain.events import (
    Cancelled,
    Done,
    Failed,
    JobEvent,
    JobId,
    Notice,
    NoticeCode,
    Progress,
    SamplePublished,
)
from oneshot_server.domain.requests import GenerateRequest, LoraWeight
from oneshot_server.domain.reshape import Inpaint, Morph, Reshape, Vary
from oneshot_server.errors import EngineFailedError, ErrorCode
from oneshot_server.transports.osc.decode import Message as OscMessage
from oneshot_server.transports.osc.parse import parse
from oneshot_server.transports.osc.reshape_requests import parsed_to_reshape

REQUEST = GenerateRequest(prompt="punchy kick", count=2, seed=7)


class FakeDaemon:
    """A client whose daemon answers each message with what the test says; time stands still."""

    def __init__(self, *answers: list[Message]) -> None:
        self.sent: list[Message] = []
        self.incoming: deque[Message] = deque()
        self._answers = deque(answers)

    def send(self, address: str, *arguments: float | str) -> None:
        self.sent.append((address, arguments))
        if address != "/oneshot/cancel" and self._answers:
            own = str(arguments[0])
            for name, said in self._answers.popleft():
                self.incoming.append((name, [own if one == "ID" else one for one in said]))

    def receive(self, timeout_seconds: float) -> Message | None:
        assert timeout_seconds > 0
        return self.incoming.popleft() if self.incoming else None

    def addresses(self) -> list[str]:
        return [address for address, _ in self.sent]


def sample(index: int) -> Message:
    return "/oneshot/sample", ("j1", index, f"/s/kick_{7 + index}.wav", 7 + index, 0.5)


ACCEPTED: Message = ("/oneshot/accepted", ("ID", "j1"))
DONE: Message = ("/oneshot/done", ("j1", 2, 900))


def events_of(daemon: FakeDaemon, request: GenerateRequest = REQUEST) -> list[JobEvent]:
    events: list[JobEvent] = []
    render_by_daemon(daemon, request, events.append)
    return events


def indices(events: list[JobEvent]) -> list[int]:
    return [event.index for event in events if isinstance(event, SamplePublished)]


def test_a_request_becomes_a_generate_message() -> None:
    request = GenerateRequest(
        prompt="kick",
        negative="noisy",
        count=2,
        seed=7,
        steps=10,
        guidance=2.5,
        sampler="lcm",
        seconds=0.5,
        loras=(LoraWeight(name="a", weight=0.5), LoraWeight(name="b", weight=1)),
    )
    assert request_to_arguments(request) == [
        *("kick", "count", 2, "seed", 7, "steps", 10, "guidance", 2.5),
        *("sampler", "lcm"),
        *("negative", "noisy", "lora", "a:0.5,b:1", "seconds", 0.5),
    ]
    assert request_to_arguments(REQUEST) == ["punchy kick", "count", 2, "seed", 7]


@pytest.mark.parametrize(
    ("reshape", "files", "address", "arguments"),
    [
        (Vary(strength=0.3), ("/a.wav",), "/oneshot/vary", ["/a.wav", 0.3]),
        (Morph(t=0.5), ("/a.wav", "/b.wav"), "/oneshot/morph", ["/a.wav", "/b.wav", 0.5]),
        (Inpaint(keep="tail"), ("/a.wav",), "/oneshot/inpaint", ["/a.wav", "tail"]),
    ],
)
@pytest.mark.parametrize("prompt", ["", "zap"])
def test_what_is_made_of_sounds_is_what_the_daemon_understands(
    reshape: Reshape, files: tuple[str, ...], address: str, arguments: list[object], prompt: str
) -> None:
    request = GenerateRequest(
        prompt=prompt, count=2, seed=7, tune=-3.0, reshape=reshape, parent_files=files
    )
    daemon = FakeDaemon([ACCEPTED, sample(0), sample(1), DONE])
    events_of(daemon, request)
    sent, (own, *rest) = daemon.sent[0]
    assert sent == address
    assert rest[: len(arguments)] == arguments
    parsed = parse(OscMessage(address=sent, arguments=(own, *rest)))
    assert parsed_to_reshape(parsed) == request


def test_events_of_the_job_are_passed_on_until_it_is_done() -> None:
    progress: Message = ("/oneshot/progress", ("j1", 0.5, "sampling"))
    notice: Message = ("/oneshot/notice", ("j1", "retried", "again"))
    daemon = FakeDaemon([ACCEPTED, progress, sample(0), notice, sample(1), DONE])
    events = events_of(daemon)
    assert events[1] == Progress(job=JobId("j1"), fraction=0.5, stage="sampling")
    assert events[3] == Notice(job=JobId("j1"), code=NoticeCode.RETRIED, text="again")
    assert indices(events) == [0, 1]
    assert events[-1] == Done(job=JobId("j1"), count=2, milliseconds=900)
    assert daemon.addresses() == ["/oneshot/generate"]


def test_messages_about_other_jobs_and_nonsense_are_ignored() -> None:
    strange: list[Message] = [
        ("/oneshot/sample", ("other", 0, "/x.wav", 1, 0.5)),
        ("/oneshot/done", ("other", 1, 1)),
        ("/oneshot/done", ()),
        ("/oneshot/done", ("j1", "two", 1)),
        ("/oneshot/notice", ("j1", "no such code", "x")),
        ("/oneshot/unheard/of", ("j1",)),
    ]
    daemon = FakeDaemon([ACCEPTED, *strange, sample(0), sample(1), DONE])
    assert len(events_of(daemon)) == 4


def test_a_lost_request_is_sent_again_with_the_same_id() -> None:
    daemon = FakeDaemon([], [ACCEPTED, sample(0), sample(1), DONE])
    assert indices(events_of(daemon)) == [0, 1]
    assert daemon.sent[0] == daemon.sent[1]


def test_a_lost_sound_is_asked_for_again_and_none_shown_twice() -> None:
    whole = [ACCEPTED, sample(0), sample(1), DONE]
    daemon = FakeDaemon([ACCEPTED, sample(1), DONE], whole)
    events = events_of(daemon)
    assert sorted(indices(events)) == [0, 1]
    assert sum(isinstance(event, Done) for event in events) == 1
    assert daemon.sent[0] == daemon.sent[1]


def test_a_sound_that_stays_lost_does_not_keep_the_command_waiting() -> None:
    daemon = FakeDaemon([ACCEPTED, sample(1), DONE], [ACCEPTED, sample(1), DONE])
    assert indices(events_of(daemon)) == [1]


def test_a_long_job_is_not_sent_again_once_the_daemon_may_have_forgotten_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(by_daemon, "RESEND_SECONDS", 0.0)
    pong: Message = ("/oneshot/pong", ("ID", "busy", 0))
    daemon = FakeDaemon([ACCEPTED], *([pong] for _ in range(20)), [sample(0), sample(1), DONE])
    assert indices(events_of(daemon)) == [0, 1]
    assert daemon.addresses() == ["/oneshot/generate"] + ["/oneshot/ping"] * 21


def test_a_daemon_that_dies_is_an_error_and_not_an_endless_wait() -> None:
    daemon = FakeDaemon([ACCEPTED])
    with pytest.raises(EngineFailedError, match="stopped answering"):
        events_of(daemon)


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (
            ("/oneshot/error", ("ID", "busy", "64 jobs are waiting")),
            Failed(job=JobId(""), code=ErrorCode.BUSY, text="64 jobs are waiting"),
        ),
        (
            ("/oneshot/error", ("ID", "from the future", "x")),
            Failed(job=JobId(""), code=ErrorCode.ENGINE_FAILED, text="x"),
        ),
        (("/oneshot/cancelled", ("ID",)), Cancelled(job=JobId(""))),
    ],
)
def test_a_bad_end_is_an_end(message: Message, event: JobEvent) -> None:
    assert events_of(FakeDaemon([message])) == [event]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_whatever_interrupts_cancels_the_job(interruption: type[BaseException]) -> None:
    daemon = FakeDaemon([ACCEPTED, sample(0), sample(1), DONE])

    def interrupted(event: JobEvent) -> None:
        if isinstance(event, SamplePublished):
            raise interruption

    with pytest.raises(interruption):
        render_by_daemon(daemon, REQUEST, interrupted)
    assert daemon.sent[-1] == ("/oneshot/cancel", (daemon.sent[0][1][0], "j1"))


def test_nothing_is_cancelled_that_was_not_accepted_or_has_ended() -> None:
    daemon = FakeDaemon([("/oneshot/error", ("ID", "busy", "x"))])

    def raising(_: JobEvent) -> None:
        raise EngineFailedError

    with pytest.raises(EngineFailedError):
        render_by_daemon(daemon, REQUEST, raising)
    assert daemon.addresses() == ["/oneshot/generate"]


def test_only_the_pong_to_our_own_ping_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_daemon, "PING_SECONDS", 0.01)
    pong: Callable[[str], Message] = lambda name: ("/oneshot/pong", (name, "ready", 0))  # noqa: E731
    assert answers(FakeDaemon([pong("ID")]))
    assert answers(FakeDaemon([], [pong("other"), pong("ID")]))
    assert not answers(FakeDaemon([pong("other")], [DONE]))


def test_without_a_job_nothing_is_ours() -> None:
    assert message_to_event(("/oneshot/done", ("", 1, 1)), "cli-1", JobId("")) is None
