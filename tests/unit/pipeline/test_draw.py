"""Seeds, and the walk from one to the next."""

import pytest
import torch

from oneshot_server.pipeline.draw import Draw
from oneshot_server.pipeline.model import load_model
from oneshot_server.pipeline.render import render_draws
from oneshot_server.pipeline.sampling import draws_to_noise, seeds_to_generators, seeds_to_noise
from tests.unit.pipeline.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
    return load_model(folder, torch.device("cpu"))


def draws(seeds, walk, prompt="kick"):
    return [Draw(prompt=prompt, negative="", seed=seed, walk=walk) for seed in seeds]


def noise_of(wanted, model):
    generators = seeds_to_generators([draw.independent[0] for draw in wanted])
    return draws_to_noise(wanted, generators, model)


def test_without_a_walk_each_seed_is_its_own_noise(model):
    assert torch.equal(noise_of(draws([3, 9], None), model), seeds_to_noise([3, 9], model))


def test_a_walk_passes_through_the_noise_of_independent_seeds(model):
    noise = noise_of(draws([16, 24], 8), model)
    assert torch.equal(noise, seeds_to_noise([2, 3], model))


def test_neighbours_on_a_walk_are_alike_and_far_ones_are_not(model):
    noise = noise_of(draws(range(17), 8), model).flatten(1)
    alike = torch.nn.functional.cosine_similarity(noise[1:], noise[:-1])
    assert alike.min() > 0.9
    assert torch.nn.functional.cosine_similarity(noise[0], noise[8], dim=0).abs() < 0.3
    assert noise.std(dim=1).sub(1.0).abs().max() < 0.2


def test_the_wanted_of_a_batch_do_not_change_each_other(model):
    def render(batch):
        return render_draws(batch, model, steps=2, guidance=3.0, on_step=lambda *_: None).waveforms

    mixed = [*draws([1], None), *draws([11], 8, "snare"), *draws([5], None, "hat")]
    together = render(mixed)
    for position, draw in enumerate(mixed):
        among_its_like = render([draw] * len(mixed))
        assert torch.equal(together[position], among_its_like[position])
