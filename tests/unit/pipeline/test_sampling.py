"""Samplers by name, and where they begin."""

from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest
import torch

from oneshot_server.domain.parameters import ManyStepSampler
from oneshot_server.errors import BadArgumentsError, RenderCancelledError
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_folder import STARTER, ModelCard
from oneshot_server.pipeline.render import render_batch
from oneshot_server.pipeline.sampling import (
    make_scheduler,
    noise_to_latents,
    seeds_to_generators,
    seeds_to_noise,
)
from tests.unit.pipeline.tiny_model import PROFILE, write_tiny_model

SAMPLERS = get_args(ManyStepSampler)
TARGET = 0.7
SCHEDULES = {
    "epsilon": {
        "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "prediction_type": "epsilon", "clip_sample": False,
    },
    "v_prediction": {
        "beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction",
        "clip_sample": False,
    },
}  # fmt: skip


class Oracle:
    """A UNet that always knows that the answer is ``TARGET`` everywhere."""

    def __init__(self, kind: str, model: Model) -> None:
        self.kind = kind
        self.cumulated = make_scheduler(model, "ddim").alphas_cumprod
        self.euler = False
        self.timesteps: list[float] = []

    def __call__(self, latents, timestep, embeddings):
        self.timesteps.append(float(timestep))
        alpha = self.cumulated[int(timestep)]
        noise = (latents - alpha.sqrt() * TARGET) / (1 - alpha).sqrt()
        v = alpha.sqrt() * noise - (1 - alpha).sqrt() * TARGET
        return SimpleNamespace(sample=noise if self.kind == "epsilon" else v)


def oracle_model(kind: str) -> Model:
    model = Model(
        card=ModelCard(name="oracle", profile=PROFILE),
        words=None,
        hash="",
        tokenizer=None,
        text_encoder=None,
        unet=None,
        vae=None,
        scheduler_config=SCHEDULES[kind],
        device=torch.device("cpu"),
    )
    object.__setattr__(model, "unet", Oracle(kind, model))
    return model


def sample(
    model: Model, sampler: str, *, seeds=(1, 2), steps=8, on_step=lambda _n, _of: None, **more
):
    noise = torch.stack(
        [torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    )
    nothing = torch.zeros(len(seeds), 1, 1)
    return noise_to_latents(
        noise,
        nothing,
        nothing,
        model,
        steps=steps,
        guidance=1.0,
        on_step=on_step,
        sampler=sampler,
        generators=seeds_to_generators([seed + 100 for seed in seeds]),
        **more,
    )


@pytest.mark.parametrize("kind", SCHEDULES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_arrives_where_a_perfect_model_leads_it(sampler, kind):
    steps: list[tuple[int, int]] = []
    found = sample(
        oracle_model(kind), sampler, on_step=lambda number, of: steps.append((number, of))
    )
    torch.testing.assert_close(found, torch.full((2, 4, 8, 8), TARGET), atol=0.03, rtol=0)
    assert steps == [(number, 8) for number in range(8)]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_first_step_sees_the_whole_noise(sampler):
    model = oracle_model("epsilon")
    sample(model, sampler, steps=4)
    assert model.unet.timesteps[0] == 999
    assert model.unet.timesteps == sorted(model.unet.timesteps, reverse=True)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_from_given_latents_only_the_last_steps_are_done(sampler):
    model = oracle_model("epsilon")
    start = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(9))
    steps: list[tuple[int, int]] = []
    found = sample(
        model, sampler, start=start, strength=0.5, on_step=lambda n, of: steps.append((n, of))
    )
    assert steps == [(number, 4) for number in range(4)]
    assert model.unet.timesteps[0] < 600
    torch.testing.assert_close(found, torch.full_like(found, TARGET), atol=0.03, rtol=0)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_a_sampler_begins_from_is_the_start_with_the_noise_of_its_step(sampler):
    """A model that takes all noise for its own finds the start again, whatever the strength."""
    model = oracle_model("epsilon")
    start = torch.full((2, 4, 8, 8), TARGET)
    seen: list[torch.Tensor] = []
    oracle = model.unet

    def unet(latents, timestep, embeddings):
        alpha = oracle.cumulated[int(timestep)]
        seen.append((latents - alpha.sqrt() * TARGET) / (1 - alpha).sqrt())
        return oracle(latents, timestep, embeddings)

    object.__setattr__(model, "unet", unet)
    sample(model, sampler, start=start, strength=0.25)
    assert 0.9 < float(seen[0].std()) < 1.1
    assert abs(float(seen[0].mean())) < 0.15


def test_strength_0_returns_the_start_and_beyond_1_is_refused():
    model = oracle_model("epsilon")
    start = torch.zeros(2, 4, 8, 8)
    assert sample(model, "ddim", start=start, strength=0.0) is start
    for strength in (-0.1, 1.1, float("nan")):
        with pytest.raises(BadArgumentsError, match=r"strength = .*expected 0 to 1"):
            sample(model, "ddim", start=start, strength=strength)


def test_more_steps_than_lcm_can_do_are_refused_with_how_many_it_can():
    with pytest.raises(BadArgumentsError, match=r"steps = 51, expected at most 50.*lcm"):
        sample(oracle_model("epsilon"), "lcm", steps=51)


def test_a_sampler_that_draws_noise_asks_for_generators():
    model = oracle_model("epsilon")
    noise = torch.zeros(2, 4, 8, 8)
    with pytest.raises(BadArgumentsError, match="0 generators, expected 2"):
        noise_to_latents(
            noise, noise, noise, model, steps=2, guidance=1.0, on_step=lambda *_: None,
            sampler="lcm",
        )  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder: Path = tmp_path_factory.mktemp("models") / "tiny"
    return load_model(write_tiny_model(folder), torch.device("cpu"))


def render(model: Model, seeds: list[int], sampler: str, **more: object) -> torch.Tensor:
    options = {"steps": 3, "guidance": 2.0, "on_step": lambda _n, _of: None, **more}
    return render_batch("kick", "", seeds, model, sampler=sampler, **options).waveforms


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sound_is_its_seeds_alone_whatever_was_drawn_before_and_beside_it(tiny, sampler):
    torch.manual_seed(1)
    first = render(tiny, [5, 6], sampler)
    torch.manual_seed(2)
    torch.randn(7)
    assert torch.equal(first, render(tiny, [5, 6], sampler))
    torch.testing.assert_close(render(tiny, [9, 6], sampler)[1], first[1], atol=1e-3, rtol=1e-3)
    assert not torch.allclose(first[0], first[1], atol=1e-3)


def test_samplers_differ(tiny):
    sounds = [render(tiny, [5], sampler) for sampler in SAMPLERS]
    for number, sound in enumerate(sounds):
        assert all(not torch.allclose(sound, other, atol=1e-4) for other in sounds[:number])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_can_be_stopped_at_every_step(tiny, sampler):
    def stop(number: int, _of: int) -> None:
        if number == 1:
            raise RenderCancelledError

    with pytest.raises(RenderCancelledError):
        render(tiny, [5], sampler, on_step=stop)


def test_lcms_noise_goes_on_where_the_first_noise_ended(tiny):
    drawn = seeds_to_generators([5])
    noise = torch.randn(tiny.latent_shape, generator=drawn[0])
    assert torch.equal(noise, seeds_to_noise([5], tiny)[0])
    assert not torch.equal(noise, torch.randn(tiny.latent_shape, generator=drawn[0]))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_kept_columns_come_out_as_they_went_in_and_the_others_are_new(tiny, sampler):
    generators = seeds_to_generators([3, 4])
    noise = torch.stack([torch.randn(tiny.latent_shape, generator=g) for g in generators])
    words = torch.zeros(2, 77, 32)
    start = torch.full((2, *tiny.latent_shape), 0.5)
    kept = torch.arange(tiny.latent_shape[2]) < 3
    latents = noise_to_latents(
        noise, words, words, tiny, steps=4, guidance=1.0, on_step=lambda *_: None,
        sampler=sampler, generators=generators, start=start, kept=kept,
    )  # fmt: skip
    assert torch.equal(latents[..., :3], start[..., :3])
    assert bool(torch.isfinite(latents).all())
    assert not torch.allclose(latents[..., 3:], start[..., 3:], atol=0.1)


def test_the_smallest_strength_does_a_step_however_few_there_are():
    model = oracle_model("epsilon")
    seen = []
    start = torch.zeros(2, 4, 8, 8)
    sample(model, "ddim", start=start, strength=0.01, on_step=lambda *step: seen.append(step))
    assert seen == [(0, 1)]


def test_the_starter_makes_sounds_with_every_sampler():
    starter = load_model(STARTER, torch.device("cpu"))
    for sampler in SAMPLERS:
        sound = render(starter, [3], sampler, steps=6)
        assert bool(torch.isfinite(sound).all())
        assert 0.01 < float(sound.abs().max()) < 100
