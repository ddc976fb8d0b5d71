import math

from oneshot_server.domain.lora_card import TrainingFigures
from oneshot_server.training.gate import OTHERS_TOLERANCE, judge


def figures(**changes):
    values = {
        "held_out": 0.20,
        "held_out_base": 0.30,
        "held_out_live": None,
        "others": 0.40,
        "others_base": 0.40,
    }
    return TrainingFigures(**(values | changes))


def test_better_than_the_base_goes_live_where_nothing_is():
    verdict = judge(figures())
    assert verdict.live
    assert "0.20 dB" in verdict.text
    assert "0.30 dB" in verdict.text


def test_it_must_beat_what_is_live():
    assert not judge(figures(held_out_live=0.19)).live
    assert not judge(figures(held_out_live=0.20)).live
    assert judge(figures(held_out_live=0.21)).live


def test_a_live_version_worse_than_the_base_is_no_measure():
    assert not judge(figures(held_out=0.31, held_out_live=0.35)).live


def test_a_version_that_hurts_other_prompts_is_held_and_says_so():
    verdict = judge(figures(others=0.40 * (1 + 2 * OTHERS_TOLERANCE)))
    assert not verdict.live
    assert "other prompts" in verdict.text
    assert judge(figures(others=0.40 * (1 + OTHERS_TOLERANCE / 2))).live


def test_figures_that_are_no_numbers_are_never_live():
    assert not judge(figures(held_out=math.nan)).live
    assert not judge(figures(others=math.inf)).live
    assert judge(figures(held_out_live=math.nan)).live
