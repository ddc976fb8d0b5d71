import pytest
import torch

from oneshot_server.dsp.image import image_to_mel, mel_to_image
from oneshot_server.errors import ProfileMismatchError
from tests.unit.dsp.profiles import PROFILE, built_in


@pytest.mark.parametrize("channels", [1, 3])
def test_a_mel_survives_the_way_to_an_image_and_back(channels):
    mel = -80.0 * torch.rand(2, PROFILE.mels, PROFILE.frames)
    image = mel_to_image(mel, PROFILE, channels)
    assert image.shape == (2, channels, PROFILE.mels, PROFILE.frames)
    assert image.min() >= -1.0
    assert image.max() <= 1.0
    assert torch.allclose(image_to_mel(image, PROFILE), mel, atol=1e-4)


def test_what_a_model_paints_outside_the_range_is_cut():
    image = torch.full((1, 3, PROFILE.mels, PROFILE.frames), 1.7)
    assert bool((image_to_mel(image, PROFILE) == 0.0).all())
    assert bool((image_to_mel(-image, PROFILE) == -80.0).all())


def test_an_image_of_another_size_is_refused_with_both_sizes():
    with pytest.raises(ProfileMismatchError, match=r"64 mels.*128"):
        image_to_mel(torch.zeros(1, 1, 64, PROFILE.frames), PROFILE)


def test_riffusions_images_are_the_fourth_root_with_loud_dark_and_low_at_the_bottom():
    profile = built_in("riffusion", mels=2, frames=2, pad_mode="constant")
    mel = torch.tensor([[[0.0, -40.0], [-80.0, -200.0]]])
    grey = (mel_to_image(mel, profile, 1)[0, 0] + 1.0) * 127.5
    # 255 - 255 * (magnitude / loudest) ** 0.25, its rows turned over
    expected = torch.tensor([[255 - 25.5, 255.0], [0.0, 255 - 255 * 0.01**0.25]])
    torch.testing.assert_close(grey, expected, atol=1e-3, rtol=0)
    back = image_to_mel(mel_to_image(mel, profile, 3), profile)
    torch.testing.assert_close(back, mel.clamp_min(-120.0), atol=1e-3, rtol=0)


def test_danands_images_are_power_as_it_is_clipped_at_255_from_the_top():
    profile = built_in("danand", mels=2, frames=1, pad_mode="constant")
    power = torch.tensor([300.0, 51.0])
    mel = (10 * torch.log10(power / 255)).clamp_max(0.0)[None, :, None]
    grey = (mel_to_image(mel, profile, 1)[0, 0] + 1.0) * 127.5
    torch.testing.assert_close(grey[:, 0], torch.tensor([255.0, 51.0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(image_to_mel(mel_to_image(mel, profile, 1), profile), mel)


def test_what_a_broken_model_paints_stays_broken():
    for name in ("riffusion", "sd15-oneshot"):
        profile = built_in(name, mels=1, frames=1, pad_mode="constant")
        assert bool(image_to_mel(torch.full((1, 3, 1, 1), torch.nan), profile).isnan().all())
