import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

from oneshot_server.pipeline.lora_blend import LoraBlender
from oneshot_server.pipeline.lora_file import read_lora
from oneshot_server.pipeline.model import load_model
from oneshot_server.pipeline.sampling import texts_to_embeddings
from oneshot_server.training.adapter import (
    adapter_to_bytes,
    add_adapter,
    add_text_adapter,
    remove_adapter,
)
from oneshot_server.training.checkpoint import copy_weights


def answer(unet) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    latents = torch.randn(1, 4, 8, 8, generator=generator)
    words = torch.randn(1, 77, 32, generator=generator)
    with torch.no_grad():
        return unet(latents, 500, words).sample


@pytest.mark.parametrize("targets", [(), ("to_q", "conv1", "ff.net.2", "time_emb_proj")])
@pytest.mark.parametrize("alpha", [2.0, 8.0])
def test_bare_diffusers_plays_the_file_as_it_was_trained(
    tiny, tiny_folder, tmp_path, targets, alpha
):
    plain = answer(tiny.unet)
    parameters = add_adapter(tiny.unet, rank=4, alpha=alpha, targets=targets, seed=1)
    generator = torch.Generator().manual_seed(5)
    for parameter in parameters.values():
        parameter.data = 0.2 * torch.randn(parameter.shape, generator=generator)
    trained = answer(tiny.unet)
    assert (trained - plain).abs().max() > 0.01
    encoded = adapter_to_bytes(copy_weights(parameters), rank=4, alpha=alpha)
    (tmp_path / "adapter.safetensors").write_bytes(encoded)

    remove_adapter(tiny.unet)
    assert torch.equal(answer(tiny.unet), plain)
    pipeline = StableDiffusionPipeline(
        vae=tiny.vae,
        text_encoder=tiny.text_encoder,
        tokenizer=tiny.tokenizer,
        unet=tiny.unet,
        scheduler=DDIMScheduler.from_pretrained(tiny_folder, subfolder="scheduler", steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.load_lora_weights(tmp_path, weight_name="adapter.safetensors")
    assert torch.allclose(answer(pipeline.unet), trained, atol=1e-5)


def test_the_first_weights_come_from_the_seed_and_disturb_no_other_randomness(tiny):
    torch.manual_seed(9)
    expected = torch.randn(3)
    torch.manual_seed(9)
    first = copy_weights(add_adapter(tiny.unet, rank=4, alpha=4.0, targets=(), seed=1))
    assert torch.equal(torch.randn(3), expected)
    remove_adapter(tiny.unet)
    again = copy_weights(add_adapter(tiny.unet, rank=4, alpha=4.0, targets=(), seed=1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert all(name.endswith("weight") and "lora_" in name for name in first)


def test_bare_diffusers_and_our_own_loader_play_a_trained_text_encoder(tiny, tiny_folder, tmp_path):
    fresh = load_model(tiny_folder, torch.device("cpu"))
    words = texts_to_embeddings(["kick"], tiny)
    parameters = dict(add_adapter(tiny.unet, rank=4, alpha=8.0, targets=(), seed=1))
    parameters |= add_text_adapter(tiny.text_encoder, rank=4, alpha=8.0, seed=1)
    assert torch.equal(texts_to_embeddings(["kick"], tiny), words)
    generator = torch.Generator().manual_seed(5)
    for parameter in parameters.values():
        parameter.data = 0.2 * torch.randn(parameter.shape, generator=generator)
    with torch.no_grad():
        trained = texts_to_embeddings(["kick"], tiny)
    assert (trained - words).abs().max() > 0.01
    path = tmp_path / "adapter.safetensors"
    path.write_bytes(adapter_to_bytes(copy_weights(parameters), rank=4, alpha=8.0))

    blender = LoraBlender(fresh)
    blender.apply([(read_lora(path), 1.0)])
    assert torch.allclose(texts_to_embeddings(["kick"], fresh), trained, atol=1e-5)
    blender.apply([])
    assert torch.equal(texts_to_embeddings(["kick"], fresh), words)
    pipeline = StableDiffusionPipeline(
        vae=fresh.vae,
        text_encoder=fresh.text_encoder,
        tokenizer=fresh.tokenizer,
        unet=fresh.unet,
        scheduler=DDIMScheduler.from_pretrained(tiny_folder, subfolder="scheduler", steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.load_lora_weights(tmp_path, weight_name="adapter.safetensors")
    with torch.no_grad():
        assert torch.allclose(texts_to_embeddings(["kick"], fresh), trained, atol=1e-5)
