from collections.abc import Callable, Sequence
from io import BytesIO

import pytest
import soundfile
import torch
from msgspec import structs

from oneshot_server.cli.replay import recipe_to_request
from oneshot_server.domain.events import NoticeCode
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import Batch, GenerateRequest, LoraWeight
from oneshot_server.domain.touch import Touch
from oneshot_server.engine.batches import Group
from oneshot_server.engine.messages import Message, Render, Rendered, RenderNotice, RenderProgress
from oneshot_server.engine.render_job import JobRenderer
from oneshot_server.errors import (
    BadArgumentsError,
    DefectError,
    NotFoundError,
    RenderCancelledError,
)
from oneshot_server.library.wav_metadata import extract
from oneshot_server.pipeline.draw import Draw
from oneshot_server.pipeline.model import Model
from oneshot_server.pipeline.model_folder import ModelCard
from oneshot_server.pipeline.prompt import Words
from oneshot_server.pipeline.render import Sounds
from oneshot_server.pipeline.reshape import Start
from tests.unit.dsp.profiles import PROFILE, decaying

KICK = decaying(50.0, t60=0.3, seconds=PROFILE.seconds)[: PROFILE.samples]
LATE = torch.cat([torch.zeros(PROFILE.samples // 2), KICK[: PROFILE.samples // 2]])
BROKEN = {
    "silent": torch.zeros(PROFILE.samples),
    "not finite": KICK / 0.0,
    "clipped": (9.0 * KICK).clamp(-1.0, 1.0),
    "late": LATE,
}
WORDS = Words(classes=("kick",), phrases={"kick": ("kick",)}, exclusive=(), captions={})


def model(words: Words | None = WORDS) -> Model:
    return Model(
        card=ModelCard(name="fake", profile=PROFILE, steps=7, guidance=2.0),
        words=words,
        hash="0" * 64,
        tokenizer=None,
        text_encoder=None,
        unet=None,
        vae=None,
        scheduler_config={},
        device=torch.device("cpu"),
    )


class FakeRender:
    """Renders kicks, and what ``broken`` says for some seeds; notes its batches."""

    def __init__(self, broken: dict[int, torch.Tensor] | None = None) -> None:
        self.broken = broken or {}
        self.batches: list[list[int]] = []
        self.sampling: tuple[int, float, str] | None = None

    def __call__(
        self,
        draws: Sequence[Draw],
        _model: Model,
        *,
        steps: int,
        guidance: float,
        on_step: Callable[[int, int], None],
        on_sound: Callable[[], None],
        sampler: str,
        start: Start | None,
    ) -> Sounds:
        seeds = [draw.seed for draw in draws]
        self.batches.append(seeds)
        self.sampling = (steps, guidance, sampler)
        for step in range(steps):
            on_step(step, steps)
        return Sounds(
            waveforms=torch.stack([self.broken.get(seed, KICK) for seed in seeds]),
            captions=tuple(draw.prompt for draw in draws),
        )


def job(**changes: object) -> Render:
    skip = changes.pop("skip", ())
    request = GenerateRequest(**{"prompt": "kick", "seed": 10, **changes})
    return Render(job="j", request=request, finish=FinishOptions(), subtype="PCM_24", skip=skip)


def run(render: FakeRender, work: Render, *, max_batch: int = 4) -> list[Message]:
    sent: list[Message] = []
    JobRenderer(model(), max_batch=max_batch, render=render).run(
        Group(jobs=(work,)), sent.append, lambda: False
    )
    return sent


def sounds(sent: list[Message]) -> list[Rendered]:
    return [message for message in sent if isinstance(message, Rendered)]


def test_each_sound_has_its_index_and_the_next_seed():
    sent = sounds(run(FakeRender(), job(count=6)))
    assert [(s.index, s.seed) for s in sent] == [(i, 10 + i) for i in range(6)]


def test_batches_are_no_larger_than_allowed():
    render = FakeRender()
    run(render, job(count=6), max_batch=4)
    assert render.batches == [[10, 11, 12, 13], [14, 15]]


def test_the_recipe_says_what_of_the_batch_matters():
    recipe = extract(sounds(run(FakeRender(), job(count=6)))[5].wav)
    assert recipe.batch == Batch(seeds=(14, 15), index=1)
    assert (recipe.seed, recipe.steps, recipe.guidance) == (15, 7, 2.0)
    assert recipe.model == "fake"


def test_a_wide_sound_at_another_rate_is_the_same_file_again():
    wide = structs.replace(job(count=3), finish=FinishOptions(sample_rate=48_000, width=0.8))
    second = sounds(run(FakeRender(), wide))[1]
    found = soundfile.info(BytesIO(second.wav))
    assert (found.samplerate, found.channels) == (48_000, 2)
    assert second.seconds == found.frames / 48_000
    recipe = extract(second.wav)
    again = structs.replace(
        wide, request=recipe_to_request(recipe), finish=recipe.finish, subtype=recipe.subtype
    )
    assert sounds(run(FakeRender(), again))[0].wav == second.wav


@pytest.mark.parametrize("touch", [None, Touch(gain_db=-6.0, low_pass_hz=900.0, length=0.5)])
def test_a_candidate_is_chosen_among_wide_ones_and_touched_in_both_channels(touch):
    work = structs.replace(
        job(novelty=0.2, touch=touch), finish=FinishOptions(sample_rate=96_000, width=1.0)
    )
    [sound] = sounds(run(FakeRender(), work))
    found = soundfile.info(BytesIO(sound.wav))
    assert (found.samplerate, found.channels) == (96_000, 2)
    assert sound.seconds == found.frames / 96_000
    assert extract(sound.wav).touch == touch


def test_a_replay_renders_the_same_batch_and_sends_one_sound():
    render = FakeRender()
    sent = sounds(run(render, job(replay=Batch(seeds=(4, 9, 2), index=1))))
    assert render.batches == [[4, 9, 2]]
    assert [(s.index, s.seed) for s in sent] == [(0, 9)]


def test_sounds_that_are_published_are_not_sent_again_but_keep_their_place():
    render = FakeRender()
    sent = sounds(run(render, job(count=6, skip=(0, 1, 2, 3, 4))))
    assert render.batches == [[14, 15]]
    assert [s.index for s in sent] == [5]


@pytest.mark.parametrize("defect", BROKEN)
def test_a_broken_render_is_made_again_with_an_unused_seed(defect):
    render = FakeRender({11: BROKEN[defect]})
    sent = run(render, job(count=3))
    assert render.batches == [[10, 11, 12], [13]]
    assert sorted((s.index, s.seed) for s in sounds(sent)) == [(0, 10), (1, 13), (2, 12)]
    notices = [m for m in sent if isinstance(m, RenderNotice)]
    assert [n.code for n in notices] == [NoticeCode.RETRIED]
    assert defect in notices[0].text


@pytest.mark.parametrize("defect", BROKEN)
def test_a_render_that_stays_broken_never_leaves_the_engine(defect):
    render = FakeRender(dict.fromkeys(range(200), BROKEN[defect]))
    sent: list[Message] = []
    with pytest.raises(DefectError, match=defect):
        JobRenderer(model(), max_batch=4, render=render).run(
            Group(jobs=(job(),)), sent.append, lambda: False
        )
    assert sounds(sent) == []
    assert len(render.batches) == 4


def test_progress_rises_from_0_and_stays_below_1():
    sent = run(FakeRender(), job(count=6))
    fractions = [m.fraction for m in sent if isinstance(m, RenderProgress)]
    assert fractions[0] == 0.0
    assert fractions == sorted(fractions)
    assert fractions[-1] < 1.0


def test_a_cancelled_job_stops_before_its_next_step():
    steps = []

    def stop() -> None:
        steps.append(1)
        if len(steps) == 3:
            raise RenderCancelledError

    sent: list[Message] = []
    with pytest.raises(RenderCancelledError):
        JobRenderer(model(), max_batch=4, render=FakeRender()).run(
            Group(jobs=(job(),)), sent.append, stop
        )
    assert sounds(sent) == []
    assert len(steps) == 3


def test_unknown_words_are_remarked_on():
    notices = [
        m for m in run(FakeRender(), job(prompt="wobbly kick")) if isinstance(m, RenderNotice)
    ]
    assert [(n.code, n.text) for n in notices] == [(NoticeCode.UNKNOWN_WORDS, "wobbly")]


def test_a_prompt_without_a_known_word_is_refused():
    with pytest.raises(BadArgumentsError, match="xyzzy"):
        run(FakeRender(), job(prompt="xyzzy"))


def test_a_lora_is_refused_where_there_is_no_folder_of_them():
    with pytest.raises(NotFoundError, match="mine"):
        run(FakeRender(), job(loras=(LoraWeight(name="mine", weight=1.0, version=1),)))


def test_more_seconds_than_the_model_makes_are_remarked_on():
    notices = [m for m in run(FakeRender(), job(seconds=20.0)) if isinstance(m, RenderNotice)]
    assert [n.code for n in notices] == [NoticeCode.FALLBACK]


def test_the_request_chooses_the_sampling_and_the_recipe_says_it():
    render = FakeRender()
    (wav,) = (s.wav for s in sounds(run(render, job(sampler="lcm", steps=4, guidance=0.0))))
    assert render.sampling == (4, 0.0, "lcm")
    recipe = extract(wav)
    assert (recipe.steps, recipe.guidance, recipe.sampler) == (4, 0.0, "lcm")


def test_what_a_request_leaves_open_is_the_models():
    render = FakeRender()
    run(render, job())
    assert render.sampling == (7, 2.0, "dpmpp-2m")


def test_weights_in_a_prompt_are_words_to_a_model_of_words_and_that_is_remarked_on():
    sent = run(FakeRender(), job(prompt="(kick:1.3)", negative="[kick]"))
    notices = [m for m in sent if isinstance(m, RenderNotice)]
    assert [(n.code, n.text) for n in notices] == [
        (NoticeCode.FALLBACK, "fake knows words, and no weights of words in (kick:1.3)")
    ]


def test_a_weight_beyond_all_measure_ends_the_job_before_it_begins():
    render = FakeRender()
    for text in ({"prompt": "(kick:9)"}, {"negative": "(kick:9)"}):
        with pytest.raises(BadArgumentsError, match="weight of 'kick'"):
            run(render, job(**text))
    assert render.batches == []
