import pytest
import torch

from oneshot_server.dsp.image import image_to_mel, mel_to_image
from oneshot_server.errors import ProfileMismatchError
from tests.unit.dsp.profiles import PROFILE


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
