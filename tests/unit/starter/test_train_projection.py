import numpy as np

from oneshot_server.dsp.descriptors import FEATURES
from oneshot_server.library.projection import EMBEDDING, Projection
from oneshot_server.starter.train_projection import fit, usual_limits


def sounds(seed=0, each=40):
    """Kinds that differ in one feature by little, among others that differ for no reason."""
    draw = np.random.default_rng(seed)
    kinds = [kind for kind in "abc" for _ in range(each)]
    features = draw.normal(size=(len(kinds), FEATURES)).astype(np.float32)
    features[:, 1:30] *= 30.0
    features[:, 0] = [3.0 * "abc".index(kind) + draw.normal() for kind in kinds]
    return features, kinds


def nearest_of_kind(vectors, kinds):
    squares = (vectors**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * vectors @ vectors.T
    np.fill_diagonal(distances, np.inf)
    return np.mean(
        [kinds[row] == kind for row, kind in zip(distances.argmin(1), kinds, strict=True)]
    )


def test_what_tells_kinds_apart_counts_more_also_for_sounds_that_were_not_heard():
    projection = fit(*sounds())
    features, kinds = sounds(seed=1)
    plain = (features - features.mean(axis=0)) / features.std(axis=0)
    assert projection(features).shape == (len(kinds), EMBEDDING)
    assert nearest_of_kind(projection(features), kinds) > nearest_of_kind(plain, kinds) + 0.2


def test_two_sounds_of_a_kind_are_about_one_apart():
    features, kinds = sounds()
    projected = fit(features, kinds)(features)
    gaps = np.linalg.norm(projected[:39] - projected[1:40], axis=1)
    assert 0.8 < np.median(gaps) < 1.2


def test_the_same_recordings_give_the_same_file(tmp_path):
    files = [tmp_path / "a.npz", tmp_path / "b.npz"]
    for file in files:
        fit(*sounds()).write(file)
    np.testing.assert_array_equal(Projection.read(files[0]).axes, Projection.read(files[1]).axes)


def test_the_usual_third_is_told_for_kinds_with_enough_recordings():
    kinds = ["kick"] * 30 + ["rare"] * 3
    limits = usual_limits(kinds, [n / 10 for n in range(33)], [100.0 * n for n in range(33)])
    assert limits == {"kick": ([0.6, 1.2], [967.0, 1933.0])}
