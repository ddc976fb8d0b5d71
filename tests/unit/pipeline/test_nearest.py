"""Whether a sound is a copy of one that a LoRA was trained on."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from oneshot_server.errors import ForbiddenError, ModelError
from oneshot_server.pipeline.nearest import (
    SIDE,
    image_features,
    near_distance,
    nearest,
    read_training_sounds,
    write_training_sounds,
)


def images(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return -80.0 * torch.rand(count, 64, 96, generator=generator).cumsum(1) / 64


def test_a_small_picture_is_the_mean_of_what_each_pixel_covers():
    mel_db = images(2)
    features = image_features(mel_db)
    assert features.shape == (2, SIDE * SIDE)
    assert features.dtype == torch.float16
    pixels = mel_db[1].reshape(SIDE, 2, SIDE, 3).mean(dim=(1, 3))
    torch.testing.assert_close(features[1].float().view(SIDE, SIDE), pixels, atol=0.05, rtol=0)


def test_images_smaller_than_the_picture_have_features_too():
    assert image_features(torch.full((1, 16, 20), -40.0)).eq(-40.0).all()


def test_the_distance_is_the_mean_difference_in_db():
    training = image_features(torch.stack([torch.full((64, 64), db) for db in (-40.0, -10.0)]))
    sounds = image_features(torch.stack([torch.full((64, 64), db) for db in (-37.0, -11.0, -10.0)]))
    assert nearest(sounds, training).tolist() == pytest.approx([3.0, 1.0, 0.0], abs=1e-3)


def test_near_is_the_first_percentile_of_the_pairs():
    features = image_features(images(30))
    pairs = [
        float((a.float() - b.float()).abs().mean())
        for i, a in enumerate(features)
        for b in features[:i]
    ]
    assert near_distance(features) == pytest.approx(float(np.percentile(pairs, 1.0)), rel=1e-4)


@pytest.mark.parametrize("count", [0, 1])
def test_without_a_pair_nothing_is_near(count):
    assert near_distance(torch.zeros(count, SIDE * SIDE)) == 0.0


def test_training_sounds_come_back_from_their_file(tmp_path):
    features = image_features(images(12))
    path = tmp_path / "training_sounds.safetensors"
    write_training_sounds(path, features.float())
    sounds = read_training_sounds(path)
    assert torch.equal(sounds.features, features)
    assert sounds.near == pytest.approx(near_distance(features))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "nowhere").touch()
    with pytest.raises(ForbiddenError, match="nowhere"):
        write_training_sounds(tmp_path / "nowhere" / "x.safetensors", image_features(images(2)))


@pytest.mark.parametrize(
    "tensors",
    [
        {"features": torch.zeros(3, 7), "near": torch.tensor(1.0)},
        {"features": torch.zeros(0, SIDE * SIDE), "near": torch.tensor(1.0)},
        {"features": torch.full((1, SIDE * SIDE), float("nan")), "near": torch.tensor(1.0)},
        {"features": torch.zeros(3, SIDE * SIDE)},
        {"near": torch.tensor(1.0)},
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path, tensors):
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=r"x\.safetensors holds"):
        read_training_sounds(tmp_path / "x.safetensors")


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\xff" * 100])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"x\.safetensors cannot be read"):
        read_training_sounds(path)
