"""Quick, best, and drafts that are made better: what the engine renders, and in what order."""

from dataclasses import replace

import pytest

from oneshot_server.domain.events import NoticeCode
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import Batch, GenerateRequest
from oneshot_server.engine.__main__ import render
from oneshot_server.engine.batches import Group, goes_with
from oneshot_server.engine.messages import (
    Message,
    Part,
    Render,
    Rendered,
    RenderNotice,
    RenderProgress,
    RenderSpare,
)
from oneshot_server.engine.render_job import JobRenderer
from oneshot_server.library.wav_metadata import extract
from tests.unit.engine.test_give_way import SPARE, URGENT, Line, connected
from tests.unit.engine.test_render_job import BROKEN, FakeRender, job, model, sounds

DRAFTS = "draft-then-best"
QUICK = (2, 1.0, "distilled")
BEST = (7, 2.0, "dpmpp-2m")


def renderer(fake: FakeRender, *, distilled_steps: int = 2, max_batch: int = 4) -> JobRenderer:
    whole = model()
    whole = replace(whole, card=replace(whole.card, distilled_steps=distilled_steps))
    return JobRenderer(whole, max_batch=max_batch, render=fake)


def run(fake: FakeRender, work: Render | RenderSpare, **options: int) -> list[Message]:
    sent: list[Message] = []
    group = work if isinstance(work, RenderSpare) else Group(jobs=(work,))
    renderer(fake, **options).run(group, sent.append, lambda: False)
    return sent


def better(seeds: tuple[int, ...], **changes: object) -> Render:
    """The job whose drafts are there, with these seeds."""
    changes = {"count": len(seeds), "quality": DRAFTS, **changes}
    return Render(**{**vars_of(job(**changes)), "seeds": seeds})


def vars_of(work: Render) -> dict[str, object]:
    return {name: getattr(work, name) for name in work.__struct_fields__}


@pytest.mark.parametrize(
    ("asked", "sampling"),
    [
        ({}, QUICK),
        ({"quality": "best"}, BEST),
        ({"negative": "kick"}, BEST),
        ({"steps": 3}, (3, 2.0, "dpmpp-2m")),
        ({"sampler": "distilled", "quality": "best"}, QUICK),
    ],
)
def test_quality_chooses_what_the_request_leaves_open_and_the_recipe_says_it(asked, sampling):
    fake = FakeRender()
    (sound,) = sounds(run(fake, job(**asked)))
    recipe = extract(sound.wav)
    assert fake.sampling == sampling == (recipe.steps, recipe.guidance, recipe.sampler)
    assert not sound.draft


def test_a_quick_sound_is_made_again_by_its_recipe_alone():
    recipe = extract(sounds(run(FakeRender(), job(count=3)))[2].wav)
    fake = FakeRender()
    again = job(
        seed=recipe.seed,
        steps=recipe.steps,
        guidance=recipe.guidance,
        sampler=recipe.sampler,
        replay=recipe.batch,
    )
    (sound,) = sounds(run(fake, again))
    assert fake.sampling == QUICK
    assert fake.batches == [[10, 11, 12]]
    assert extract(sound.wav) == recipe


def test_first_there_are_drafts():
    fake = FakeRender()
    sent = sounds(run(fake, job(count=2, quality=DRAFTS)))
    assert fake.sampling == QUICK
    assert [(s.index, s.seed, s.draft) for s in sent] == [(0, 10, True), (1, 11, True)]


@pytest.mark.parametrize(
    ("asked", "options"),
    [({}, {"distilled_steps": 0}), ({"steps": 5}, {}), ({"negative": "kick"}, {})],
)
def test_where_there_is_no_quicker_way_there_is_no_draft(asked, options):
    fake = FakeRender()
    sent = sounds(run(fake, job(quality=DRAFTS, **asked), **options))
    assert [s.draft for s in sent] == [False]
    assert fake.sampling is not None
    assert fake.sampling[2] == "dpmpp-2m"


def test_then_the_same_seeds_are_made_in_the_best_way_whatever_they_were_chosen_by():
    fake = FakeRender()
    sent = sounds(run(fake, better((10, 17, 12), novelty=1.0)))
    assert fake.sampling == BEST
    assert fake.batches == [[10, 17, 12]]
    assert [(s.index, s.seed, s.draft) for s in sent] == [
        (0, 10, False),
        (1, 17, False),
        (2, 12, False),
    ]
    recipe = extract(sent[1].wav)
    assert (recipe.sampler, recipe.batch) == ("dpmpp-2m", Batch(seeds=(10, 17, 12), index=1))


def test_those_that_are_better_already_keep_their_place_in_the_batch():
    fake = FakeRender()
    work = Render(**{**vars_of(better((10, 17, 12))), "skip": (0, 2)})
    assert [s.index for s in sounds(run(fake, work))] == [1]
    assert fake.batches == [[10, 17, 12]]


def test_a_better_one_that_is_broken_is_left_out_and_told():
    fake = FakeRender({17: BROKEN["silent"]})
    sent = run(fake, better((10, 17, 12)))
    assert fake.batches == [[10, 17, 12]]
    assert [s.index for s in sounds(sent)] == [0, 2]
    (notice,) = (m for m in sent if isinstance(m, RenderNotice))
    assert notice.code == NoticeCode.DRAFT_STAYS
    assert notice.text == "sound 1 stays a draft: the better one with seed 17 was silent"


def test_drafts_of_a_model_that_is_gone_are_made_by_the_one_that_is_there_with_their_seeds():
    fake = FakeRender({17: BROKEN["silent"]})
    sent = run(fake, better((10, 17)), distilled_steps=0)
    assert fake.batches == [[10, 17]]
    assert [(s.index, s.seed) for s in sounds(sent)] == [(0, 10)]


def test_what_was_remarked_on_the_drafts_is_not_said_twice():
    said = [
        [m.code for m in run(FakeRender(), work) if isinstance(m, RenderNotice)]
        for work in (job(prompt="odd kick", quality=DRAFTS), better((10,), prompt="odd kick"))
    ]
    assert said == [[NoticeCode.UNKNOWN_WORDS], []]


def test_progress_rises_through_the_drafts_and_what_comes_after_them():
    sent = run(FakeRender(), job(count=2, quality=DRAFTS)) + run(FakeRender(), better((10, 11)))
    fractions = [m.fraction for m in sent if isinstance(m, RenderProgress)]
    assert len(fractions) == 2 + 7
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0
    assert fractions[2] == pytest.approx(2 / 9)
    assert fractions[-1] < 1.0


def test_one_broken_draft_is_tried_with_other_seeds_like_any_sound():
    fake = FakeRender({10: BROKEN["silent"]})
    assert [(s.seed, s.draft) for s in sounds(run(fake, job(quality=DRAFTS)))] == [(11, True)]


def test_what_is_in_reserve_is_made_as_it_says():
    request = GenerateRequest(prompt="kick", seed=1, quality="best")
    fake = FakeRender()
    part = Part(request=request, finish=FinishOptions())
    (sound,) = sounds(run(fake, RenderSpare(job="spare-1", parts=(part,), subtype="PCM_24")))
    assert fake.sampling == BEST
    assert not sound.draft


def test_only_what_is_sampled_alike_is_one_batch():
    first = job()
    assert goes_with(job(seed=3), first)
    assert not goes_with(job(quality="best"), first)
    assert not goes_with(job(negative="kick"), first)
    assert not goes_with(better((10,)), job(quality=DRAFTS))


def test_making_drafts_better_gives_way_and_goes_on_where_it_was():
    undisturbed, disturbed = Line(), Line(urgent_after=3)
    for line in (undisturbed, disturbed):
        render(Group(jobs=(better((10, 11)),)), renderer(FakeRender()), line)
    assert disturbed.ends() == ["u", "j"]
    ours = [m.wav for m in disturbed.sent if isinstance(m, Rendered) and m.job == "j"]
    assert ours == [m.wav for m in undisturbed.sounds()]
    assert len(ours) == 2


def test_it_waits_until_nobody_waits_for_a_first_sound():
    work = better((10,))
    connection, _ = connected(work, SPARE, URGENT)
    assert connection.next_job() == Group(jobs=(URGENT,))
    assert connection.waited_for() is None
    assert connection.next_job() == Group(jobs=(work,))
    assert connection.next_job() == SPARE
