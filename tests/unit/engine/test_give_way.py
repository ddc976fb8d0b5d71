"""What nobody waits for gives way to what somebody does, and goes on where it was."""

import io
from types import SimpleNamespace

import torch

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine.__main__ import Connection, render
from oneshot_server.engine.messages import (
    Cancel,
    Message,
    Part,
    Render,
    RenderCancelled,
    RenderDone,
    Rendered,
    RenderSpare,
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

    def __init__(self, *, urgent_after: int = -1, cancel_after: int = -1) -> None:
        super().__init__(sent=[], steps=0, urgent_after=urgent_after, cancel_after=cancel_after)

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def stop_if_cancelled(self, job: str) -> None:
        self.steps += 1
        if job == "spare-1" and self.steps == self.cancel_after:
            from oneshot_server.errors import RenderCancelledError

            raise RenderCancelledError(job)

    def waited_for(self) -> Render | None:
        return URGENT if self.steps == self.urgent_after else None

    def ends(self) -> list[str]:
        return [m.job for m in self.sent if isinstance(m, RenderDone | RenderCancelled)]

    def sounds(self) -> list[Rendered]:
        return [m for m in self.sent if isinstance(m, Rendered)]


def run(line: Line, job: Message = SPARE, broken: dict[int, torch.Tensor] | None = None) -> Line:
    render(job, JobRenderer(model(), max_batch=8, render=FakeRender(broken)), line)
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
    line = run(Line(urgent_after=3), URGENT)
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


def test_whoever_is_waited_for_is_taken_first():
    frames = b"".join(encode(message) for message in (SPARE, Cancel(job="x"), URGENT))
    reading, ended = io.BytesIO(frames), SimpleNamespace(done=False)

    class Incoming:
        def read(self, size: int) -> bytes:
            data = reading.read(size)
            while not data:  # the end of the stream would be the end of this process
                import time

                time.sleep(60)
            ended.done = True
            return data

    connection = Connection(Incoming(), io.BytesIO())  # type: ignore[arg-type]
    while not connection._jobs:
        pass
    assert connection.next_job() == URGENT
    assert connection.waited_for() is None
    assert connection.next_job() == SPARE
