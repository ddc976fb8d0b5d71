from collections import Counter
from dataclasses import replace

import pytest
import torch

from oneshot_server.training.captions import Caption
from oneshot_server.training.drawing import ROWS, Material, draw_sounds, row_order
from oneshot_server.training.prior import Prior
from oneshot_server.training.schedule import Schedule
from oneshot_server.training.spec import TrainingPlan

SCHEDULE = Schedule.from_config({"prediction_type": "sample"}, torch.device("cpu"))
PLAN = TrainingPlan(batch=8, prior_share=0.25)


@pytest.fixture
def material() -> Material:
    latents = torch.arange(5.0).reshape(5, 1, 1, 1, 1).expand(5, 2, 4, 8, 8)
    prior = Prior(
        noisy=torch.full((3, 4, 8, 8), 9.0),
        timesteps=torch.tensor([900, 500, 100]),
        predicted=torch.full((3, 4, 8, 8), 99.0),
        captions=("x", "y", "z"),
        sounds=latents[:1, 0],
        sound_captions=("x",),
    )
    return Material(
        latents=tuple(latents),
        captions=tuple(Caption(words=(word,), kind="") for word in "abcde"),
        words=None,
        prior=prior,
    )


def test_a_cycle_is_drawn_from_its_number_alone(material):
    first, again, other = (draw_sounds(material, PLAN, SCHEDULE, c) for c in (3, 3, 4))
    assert torch.equal(first.noisy, again.noisy)
    assert first.captions == again.captions
    assert not torch.equal(first.noisy, other.noisy)


def test_all_sounds_come_equally_often(material):
    targets = [
        float(draw_sounds(material, PLAN, SCHEDULE, c).target[row, column].mean())
        for c in range(5)
        for row in range(ROWS)
        for column in range(6)
    ]
    assert Counter(targets) == {float(n): 5 * ROWS * 6 // 5 for n in range(5)}


def test_each_step_sees_all_noise_levels(material):
    drawn = draw_sounds(material, PLAN, SCHEDULE, 0)
    for row in drawn.timesteps[:, drawn.own]:
        assert (row * 6 // 1000).tolist() == list(range(6))


def test_the_base_models_sounds_stand_behind_with_their_answers(material):
    drawn = draw_sounds(material, PLAN, SCHEDULE, 0)
    assert drawn.own.tolist() == [True] * 6 + [False] * 2
    assert (drawn.target[:, 6:] == 99.0).all()
    assert all(said in "xyz" for row in drawn.captions for said in row[6:])
    assert float(drawn.weights[:, 6:].sum()) == pytest.approx(ROWS * PLAN.prior_weight)


@pytest.mark.parametrize("change", [{"prior_weight": 0.0}, {"prior_share": 0.0}])
def test_without_a_prior_all_are_the_datasets(material, change):
    plan = TrainingPlan(batch=8, **change)
    assert draw_sounds(material, plan, SCHEDULE, 0).own.all()


def test_a_sound_keeps_its_caption_and_its_noise_in_its_column(material):
    drawn = draw_sounds(material, PLAN, SCHEDULE, 2)
    part = drawn.columns(slice(1, None, 3))
    assert part.own.tolist() == [True, True, False]
    assert torch.equal(part.noisy, drawn.noisy[:, 1::3])
    assert part.captions[4] == drawn.captions[4][1::3]
    for row in range(ROWS):
        for column in range(6):
            said = drawn.captions[row][column]
            assert said in ("", "abcde"[int(drawn.target[row, column].mean())])


def test_in_a_turn_every_noised_sound_is_used_once():
    order = row_order(PLAN, 3, 1)
    assert order.shape == (ROWS, PLAN.batch)
    assert all(sorted(column) == list(range(ROWS)) for column in order.T.tolist())
    assert not torch.equal(order, row_order(PLAN, 3, 2))


def test_with_one_batch_of_one_there_is_no_place_for_others(material):
    plan = TrainingPlan(batch=1)
    assert draw_sounds(replace(material), plan, SCHEDULE, 0).own.tolist() == [True]
