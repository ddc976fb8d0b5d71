import pytest
import torch

from oneshot_server.errors import ModelError
from oneshot_server.training.schedule import Schedule

CPU = torch.device("cpu")


def schedule(prediction: str) -> Schedule:
    config = {"prediction_type": prediction, "beta_schedule": "squaredcos_cap_v2"}
    return Schedule.from_config(config, CPU)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_target_is_what_diffusers_reads_the_answer_as(prediction):
    from diffusers import DDIMScheduler

    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(1, 4, 8, 8, generator=generator)
    noise = torch.randn(1, 4, 8, 8, generator=generator)
    at = torch.tensor([400])
    ours = schedule(prediction)
    noisy = ours.add_noise(latents, noise, at)
    theirs = DDIMScheduler(
        prediction_type=prediction, beta_schedule="squaredcos_cap_v2", clip_sample=False
    )
    assert torch.allclose(noisy, theirs.add_noise(latents, noise, at), atol=1e-6)
    theirs.set_timesteps(1000)
    step = theirs.step(ours.target(latents, noise, at), 400, noisy)
    assert torch.allclose(step.pred_original_sample, latents, atol=1e-4)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_weights_have_a_mean_of_one_and_spare_the_nearly_clean(prediction):
    weights = schedule(prediction).weights
    assert float(weights.mean()) == pytest.approx(1.0)
    assert weights[0] < weights[600]


def test_an_unknown_prediction_is_refused():
    with pytest.raises(ModelError, match="flow"):
        schedule("flow")


def test_timesteps_are_spread_over_the_whole_schedule():
    drawn = schedule("epsilon").stratified(10, torch.Generator().manual_seed(1))
    assert (drawn // 100).tolist() == list(range(10))
