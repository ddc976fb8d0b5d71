import pytest
import torch

from oneshot_server.pipeline.patch_codec import PatchCodec


def smooth_images(count: int = 60) -> torch.Tensor:
    """Images that few components describe: decays of different speed under different tilts."""
    generator = torch.Generator().manual_seed(0)
    speed, tilt = torch.rand(2, count, 1, 1, 1, generator=generator)
    frames, mels = torch.linspace(0, 1, 256), torch.linspace(-1, 1, 128)[:, None]
    return (0.8 - 1.5 * speed * frames + 0.3 * (tilt - 0.5) * mels).clamp(-1.0, 1.0)


def noisy_images(count: int = 60) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(count, 1, 128, 256, generator=generator)
    smooth = torch.nn.functional.avg_pool2d(noise, (5, 1), stride=1, padding=(2, 0))
    return (smooth_images(count) + 0.2 * smooth).clamp(-1.0, 1.0)


@pytest.fixture(scope="module")
def codec() -> PatchCodec:
    return PatchCodec.fit(smooth_images(), latent_channels=12)


def test_images_survive_the_way_to_latents_and_back(codec):
    images = smooth_images()
    back = codec.decode(codec.encode(images).latent_dist.sample()).sample
    assert (back - images).abs().mean() * 40.0 < 0.2  # dB of an 80 dB range


def test_latents_have_the_promised_shape_and_scale():
    images = noisy_images()  # as many components as are asked for
    latents = PatchCodec.fit(images, latent_channels=12).encode(images).latent_dist.mode()
    assert latents.shape == (60, 12, 16, 16)
    assert latents.std() == pytest.approx(1.0, abs=1e-3)
    assert latents.mean(dim=0).abs().max() < 1e-3


def test_decoding_stays_within_the_images_range(codec):
    painted = codec.decode(100.0 * torch.randn(2, 12, 16, 16)).sample
    assert painted.shape == (2, 1, 128, 256)
    assert painted.abs().max() <= 1.0


def test_a_saved_codec_comes_back_the_same(codec, tmp_path):
    codec.save_pretrained(tmp_path)
    again = PatchCodec.from_pretrained(tmp_path)
    latents = torch.randn(1, 12, 16, 16)
    assert torch.equal(codec.decode(latents).sample, again.decode(latents).sample)


def test_it_answers_as_diffusers_autoencoder_does(codec):
    assert codec.config.scaling_factor == 1.0
    assert codec.config.latent_channels == 12


def test_a_wider_codec_keeps_its_components_and_takes_the_next_ones():
    images = noisy_images()
    narrow = PatchCodec.fit(images, latent_channels=6)
    wider = narrow.widened(images, latent_channels=12)
    assert torch.equal(wider.analysis[:, :6], narrow.analysis)
    assert torch.equal(wider.synthesis[:, :6], narrow.synthesis)
    # As good as one that was fitted at once, and its latents as large beside each other.
    at_once = PatchCodec.fit(images, latent_channels=12)
    errors = [
        float((codec.decode(codec.encode(images).latent_dist.mean).sample - images).abs().mean())
        for codec in (narrow, wider, at_once)
    ]
    assert errors[1] == pytest.approx(errors[2], rel=1e-3)
    assert errors[1] < 0.95 * errors[0]
    spreads = [codec.encode(images).latent_dist.mean.std(dim=(0, 2)) for codec in (wider, at_once)]
    ratio = spreads[0] / spreads[1]  # (channels, columns)
    assert ratio.std() < 0.01 * ratio.mean()
