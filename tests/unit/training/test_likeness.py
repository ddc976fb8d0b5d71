from dataclasses import replace

import torch
from accelerate import Accelerator

from oneshot_server.training.captions import Embeddings
from oneshot_server.training.likeness import Likeness, energy_score

PIXELS = 1024


def draws(count, *, mean=0.0, spread=1.0, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return mean + spread * torch.randn(count, PIXELS, generator=generator)


def mean_score(**how):
    reals = draws(40, seed=2)
    return float(
        torch.stack([energy_score(draws(40, seed=3, **how), real) for real in reals]).mean()
    )


def test_the_right_distribution_scores_best():
    best = mean_score()
    for wrong in ({"mean": 0.5}, {"spread": 0.5}, {"spread": 1.5}, {"mean": -0.3, "spread": 1.2}):
        assert mean_score(**wrong) > best
    # The same sound again and again, even if it is a recording's twin, is no distribution.
    assert float(energy_score(draws(1).expand(40, -1), draws(1, seed=4)[0])) > best


def test_it_is_in_db_per_pixel():
    made = torch.full((3, PIXELS), -20.0)
    assert float(energy_score(made, torch.full((PIXELS,), -26.0))) == 6.0


def test_a_model_is_judged_by_the_same_sounds_each_time_and_stops_when_asked(tiny):
    checks = []
    likeness = Likeness(
        features=draws(20, mean=-40.0),
        captions=("kick",) * 20,
        model=tiny,
        embeddings=Embeddings(model=tiny),
        accelerator=Accelerator(cpu=True),
        check=lambda: checks.append(1),
    )
    first = likeness()
    assert first > 0.0
    assert likeness() == first
    assert len(checks) == 2 * 8 * 8  # twice, eight sounds, eight steps


def test_a_model_whose_sampler_draws_noise_is_judged_without_any(tiny):
    drawing = replace(tiny, card=replace(tiny.card, sampler="lcm"))
    likeness = Likeness(
        features=draws(1, mean=-40.0),
        captions=("kick",),
        model=drawing,
        embeddings=Embeddings(model=drawing),
        accelerator=Accelerator(cpu=True),
        check=lambda: None,
        together=3,
    )
    assert likeness() == likeness()
