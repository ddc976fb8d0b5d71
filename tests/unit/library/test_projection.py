"""What is alike is near, whatever its level or its sample rate."""

import numpy as np
import pytest

from oneshot_server.dsp.descriptors import FEATURES, describe
from oneshot_server.library.projection import EMBEDDING, features_to_embedding
from tests.unit.dsp.test_descriptors import noise, tone


def embedding(sound, rate=44_100):
    return features_to_embedding(describe(sound, rate).features)


def far(one, other):
    return float(np.linalg.norm(one - other))


def test_the_shipped_projection_fits_the_features():
    assert features_to_embedding(np.zeros((3, FEATURES), np.float32)).shape == (3, EMBEDDING)


def test_a_kick_is_a_kick_at_any_level_and_rate_and_no_hat():
    kick, hat = embedding(tone(50)), embedding(noise())
    assert far(kick, embedding(tone(50) * 0.1)) < 0.05
    assert far(kick, embedding(tone(50, 48_000), 48_000)) < 0.3
    assert far(kick, embedding(tone(55))) < 0.7
    assert far(kick, hat) > 1.5
    assert far(hat, embedding(noise(1))) < 0.7


@pytest.mark.parametrize("other", [0.1, 1.5])
def test_a_longer_sound_is_another_one(other):
    sounds = [embedding(tone(200, seconds=s, decay=2.0)) for s in (0.5, 0.55, other)]
    assert far(sounds[0], sounds[1]) < far(sounds[0], sounds[2]) / 2
