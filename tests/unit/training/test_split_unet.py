import pytest
import torch

from oneshot_server.pipeline.model import load_model
from oneshot_server.pipeline.model_folder import STARTER
from oneshot_server.training.adapter import add_adapter
from oneshot_server.training.split_unet import SplitUnet


@pytest.mark.parametrize("targets", [("up_blocks.to_q",), ("up_blocks.conv1",)])
@pytest.mark.parametrize("starter", [False, True])
def test_the_halves_answer_what_the_whole_answers(tiny, targets, starter):
    model = load_model(STARTER, torch.device("cpu")) if starter else tiny
    add_adapter(model.unet, rank=2, alpha=2.0, targets=targets, seed=1)
    split = SplitUnet.of(model.unet)
    assert split is not None
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(3, *model.latent_shape, generator=generator)
    width = model.unet.config.cross_attention_dim
    words = torch.randn(3, 7, width, generator=generator)
    timesteps = torch.tensor([3, 500, 999])
    with torch.no_grad():
        halves = split.upper(split.lower(latents, timesteps, words), words)
        whole = model.unet(latents, timesteps, words).sample
    assert torch.allclose(halves, whole, atol=1e-5)


def test_a_unet_that_is_adapted_below_is_not_cut(tiny):
    add_adapter(tiny.unet, rank=2, alpha=2.0, targets=("to_q",), seed=1)
    assert SplitUnet.of(tiny.unet) is None


def test_a_unet_that_is_not_adapted_is_not_cut(tiny):
    assert SplitUnet.of(tiny.unet) is None
