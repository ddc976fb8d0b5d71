"""What nobody waits for gives way to what somebody does, and goes on where it was."""

import io
import threading
from collections.abc import Sequence
from types import SimpleNamespace

import torch

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import Batch, GenerateRequest
from oneshot_server.engine.__main__ import Connection, render
from oneshot_server.engine.batches import Group, Work
from oneshot_server.engine.messages import (
    HEADER,
    Cancel,
    Message,
    Part,
    Render,
    RenderCancelled,
    RenderDone,
    Rendered,
    RenderFailed,
    RenderProgress,
    RenderSpare,
    decode_from_engine,
    encode,
)
from oneshot_server.engine.render_job import JobRenderer
from oneshot_server.library.wav_metadata import extract
from tests.unit.engine.test_render_job import BROKEN, FakeRender, model


def request(prompt: str, seed: int) -> GenerateRequest:
    return GenerateRequest(prompt=prompt, seed=seed)


def part(prompt: str, seed: int) -> Part:
    return Part(request=request(prompt, seed), finish=FinishOptions())


SPARE = RenderSpare(job="spare-1", parts=(part("kick", 1), part("short kick", 2)), subtype="PCM_24")
URGENT = Render(job="u", request=request("kick", 7), finish=FinishOptions(), subtype="PCM_24")


class Line(SimpleNamespace):
    """A daemon that asks for an urgent job after some steps, or cancels."""

    def __init__(
        self, *, urgent_after: int = -1, cancel_after: int = -1, cancelled: str = "spare-1"
    ) -> None:
        super().__init__(
            sent=[],
            steps=0,
            urgent_after=urgent_after,
            cancel_after=cancel_after,
            cancelled=cancelled,
            back=[],
        )

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def end_cancelled(self, going: list[str]) -> None:
        self.steps += 1
        if self.cancelled in going and self.steps == self.cancel_after:
            going.remove(self.cancelled)
            self.send(RenderCancelled(job=self.cancelled))

    def put_back(self, jobs: Sequence[Render]) -> None:
        self.back = [Group(jobs=(job,)) for job in jobs]

    def waited_for(self) -> Group | None:
        return Group(jobs=(URGENT,)) if self.steps == self.urgent_after else None

    def ends(self) -> list[str]:
        kinds = RenderDone | RenderCancelled | RenderFailed
        return [m.job for m in self.sent if isinstance(m, kinds)]

    def how(self) -> dict[str, str]:
        kinds = RenderDone | RenderCancelled | RenderFailed
        return {m.job: type(m).__name__ for m in self.sent if isinstance(m, kinds)}

    def sounds(self) -> list[Rendered]:
        return [m for m in self.sent if isinstance(m, Rendered)]


def run(line: Line, work: Work = SPARE, broken: dict[int, torch.Tensor] | None = None) -> Line:
    renderer = JobRenderer(model(), max_batch=8, render=FakeRender(broken))
    render(work, renderer, line)
    while line.back:
        render(line.back.pop(0), renderer, line)
    return line


def test_the_sounds_of_several_prompts_are_one_batch_with_recipes_of_their_own():
    line = run(Line())
    recipes = [extract(sound.wav) for sound in line.sounds()]
    assert [(recipe.prompt, recipe.seed) for recipe in recipes] == [("kick", 1), ("short kick", 2)]
    assert [recipe.batch.seeds for recipe in recipes] == [(1, 2), (1, 2)]
    assert [sound.index for sound in line.sounds()] == [0, 1]
    assert line.ends() == ["spare-1"]


def test_a_job_is_rendered_between_two_steps_and_the_batch_goes_on():
    undisturbed = [sound.wav for sound in run(Line()).sounds()]
    line = run(Line(urgent_after=3))
    assert line.ends() == ["u", "spare-1"]
    assert [sound.job for sound in line.sounds()] == ["u", "spare-1", "spare-1"]
    assert [sound.wav for sound in line.sounds()[1:]] == undisturbed


def test_a_job_gives_way_to_no_other():
    line = run(Line(urgent_after=3), Group(jobs=(URGENT,)))
    assert line.ends() == ["u"]


def test_a_cancelled_batch_ends_and_sends_nothing():
    line = run(Line(cancel_after=3))
    assert line.ends() == ["spare-1"]
    assert line.sounds() == []


def test_a_broken_sound_of_a_batch_is_made_again_for_its_own_prompt():
    line = run(Line(), broken={2: BROKEN["silent"]})
    recipes = [extract(sound.wav) for sound in line.sounds()]
    assert [recipe.prompt for recipe in recipes] == ["kick", "short kick"]
    assert recipes[1].seed not in {1, 2}


def one(job: str, prompt: str, seed: int = 1, **keys: object) -> Render:
    request = GenerateRequest(prompt=prompt, seed=seed, **keys)
    return Render(job=job, request=request, finish=FinishOptions(), subtype="PCM_24")


def test_jobs_of_one_sound_are_one_batch_and_each_has_its_own_end_progress_and_recipe():
    line = run(Line(), Group(jobs=(one("a", "kick", 1), one("b", "short kick", 2))))
    assert line.how() == {"a": "RenderDone", "b": "RenderDone"}
    assert [(s.job, s.index, s.seed) for s in line.sounds()] == [("a", 0, 1), ("b", 0, 2)]
    recipes = [extract(sound.wav) for sound in line.sounds()]
    assert [(r.prompt, r.batch.seeds, r.batch.index) for r in recipes] == [
        ("kick", (1, 2), 0),
        ("short kick", (1, 2), 1),
    ]
    assert {m.job for m in line.sent if isinstance(m, RenderProgress)} == {"a", "b"}


def test_one_of_a_group_is_cancelled_at_once_and_the_others_go_on():
    jobs = (one("a", "kick", 1), one("b", "kick", 2))
    line = run(Line(cancel_after=3, cancelled="a"), Group(jobs=jobs))
    assert line.how() == {"a": "RenderCancelled", "b": "RenderDone"}
    assert line.ends() == ["a", "b"]
    last = line.sent.index(RenderCancelled(job="a"))
    assert {message.job for message in line.sent[last + 1 :]} == {"b"}


def test_one_of_a_group_that_cannot_be_rendered_ends_alone():
    jobs = (one("a", "kick", 1), one("b", "xyzzy", 2), one("c", "kick", 3))
    line = run(Line(), Group(jobs=jobs))
    assert line.how() == {"a": "RenderDone", "b": "RenderFailed", "c": "RenderDone"}
    assert sorted(line.ends()) == ["a", "b", "c"]
    assert {sound.job for sound in line.sounds()} == {"a", "c"}


def connected(*messages: Message, together: int = 4) -> tuple[Connection, io.BytesIO]:
    """An engine's line with messages on it; it does not end, as that would end this process."""
    reading, outgoing = io.BytesIO(b"".join(encode(message) for message in messages)), io.BytesIO()
    read_all = threading.Event()

    class Incoming:
        def read(self, size: int) -> bytes:
            data = reading.read(size)
            if not data:
                read_all.set()
                threading.Event().wait()
            return data

    connection = Connection(Incoming(), outgoing, together)  # type: ignore[arg-type]
    assert read_all.wait(60)
    return connection, outgoing


def test_whoever_is_waited_for_is_taken_first():
    connection, _ = connected(SPARE, Cancel(job="x"), URGENT)
    assert connection.next_job() == Group(jobs=(URGENT,))
    assert connection.waited_for() is None
    assert connection.next_job() == SPARE


def test_of_a_group_that_failed_only_what_is_not_made_is_made_again():
    jobs = tuple(one(name, "kick", seed) for seed, name in enumerate("abc"))
    renderer = FakeRender(dict.fromkeys((2, 3, 4, 5), BROKEN["silent"]))
    line = Line()
    render(Group(jobs=jobs), JobRenderer(model(), max_batch=8, render=renderer), line)
    assert line.how() == {"a": "RenderDone", "b": "RenderDone"}
    assert [job.job for group in line.back for job in group.jobs] == ["c"]


def test_what_failed_together_is_taken_next_and_each_alone():
    jobs = [one(name, "kick") for name in "abcd"]
    connection, outgoing = connected(*jobs, Cancel(job="b"))
    with connection._arrived:
        taken = [connection._jobs.popleft() for _ in range(2)]
    connection.put_back(taken)
    connection.end_cancelled([])
    assert b"b" in outgoing.getvalue()
    groups = [connection.next_job() for _ in range(2)]
    assert [[job.job for job in group.jobs] for group in groups] == [["a"], ["c", "d"]]


def test_waiting_jobs_are_taken_together_if_they_can_be_rendered_so():
    other_steps, long = one("b", "kick", steps=5), one("c", "kick", count=2)
    replayed = one("d", "kick", replay=Batch(seeds=(1, 2), index=1))
    alike = [one(name, name) for name in "efghi"]
    connection, _ = connected(alike[0], other_steps, long, replayed, *alike[1:], together=3)
    groups = [connection.next_job() for _ in range(5)]
    names = [[job.job for job in group.jobs] for group in groups if isinstance(group, Group)]
    assert names == [["e", "f", "g"], ["b"], ["c"], ["d"], ["h", "i"]]


def test_a_job_that_is_cancelled_before_it_has_begun_is_answered_at_the_next_step():
    connection, outgoing = connected(one("a", "kick"), one("b", "kick", steps=5), Cancel(job="b"))
    connection.end_cancelled([])
    outgoing.seek(0)
    assert decode_from_engine(outgoing.read()[HEADER.size :]) == RenderCancelled(job="b")
    assert connection.next_job() == Group(jobs=(one("a", "kick"),))
    assert connection.waited_for() is None
