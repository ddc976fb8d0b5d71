from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from benchmarks.quality.figures import (
    class_figures,
    frechet_ratio,
    mean_distances,
    means,
    taken_for,
)
from benchmarks.quality.judge import Judge, Space, copies
from benchmarks.quality.sounds import Label
from oneshot_server.starter.dataset import UNSEEN_KITS
from tests.unit.benchmarks.quality_sounds import sounds_of

KINDS = ("kick", "snare", "tom", "crash")
UNSEEN = min(UNSEEN_KITS)
DEVIATIONS = np.array([9.0, 3.0, 1.0])


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(1)


def plain_space(draw: np.random.Generator) -> Space:
    """Takes ``drawn`` back to deviations of 1 along its own axes."""
    noise = sounds_of([Label(kind="kick")] * 4000, drawn(draw, 4000))
    return Space(name="spectrum", components=PCA(3, whiten=True).fit(noise.features))


def drawn(draw: np.random.Generator, count: int) -> np.ndarray:
    """Normal numbers whose axes a PCA can tell apart."""
    return draw.normal(size=(count, 3)) * DEVIATIONS


def test_a_recording_is_named_by_those_alone_that_have_not_heard_its_source(draw):
    # A source is easily told, but says nothing of the class: who knows it is right, others guess.
    sources = [f"kit {number}" for number in range(60)]
    drawn = [KINDS[int(draw.integers(4))] for _ in sources]
    labels = [
        Label(kind=kind, kit=name, source=name)
        for name, kind in zip(sources, drawn, strict=True)
        for _ in range(4)
    ]
    features = np.repeat(draw.normal(size=(60, 120)) * 5, 4, axis=0) + draw.normal(size=(240, 120))
    real = sounds_of(labels, features)
    judge = Judge.of(real)
    made = replace(real, labels=tuple(Label(kind=label.kind) for label in labels))
    assert judge.named(real).mean() < 0.45
    assert judge.named(made).mean() > 0.8


def test_what_a_class_is_taken_for_is_the_class_that_it_was_named_wrongly_the_most(draw):
    centres = draw.normal(size=(4, 120)) * 4
    labels = [Label(kind=kind, kit=f"{n}", source=f"{n}") for n in range(10) for kind in KINDS * 5]
    features = np.stack([centres[KINDS.index(label.kind)] for label in labels])
    judge = Judge.of(sounds_of(labels, features + draw.normal(size=features.shape)))
    wrong = centres[[0, 0, 0, 1, 3, 3]] + draw.normal(size=(6, 120))
    asked = sounds_of([Label(kind="kick")] * 6, wrong)
    assert judge.named(asked).mean() == pytest.approx(0.5)
    assert taken_for(judge, asked) == ("crash", pytest.approx(2 / 6))


def test_the_frechet_distance_of_what_is_moved_is_the_square_of_the_way(draw):
    space = plain_space(draw)
    labels = [Label(kind="kick")] * 500
    here = drawn(draw, 500)
    moved = sounds_of(labels, here + np.array([3.0, 0.0, 4.0]) * DEVIATIONS)
    assert space.frechet(moved, sounds_of(labels, here)) == pytest.approx(25.0, rel=0.1)
    assert space.frechet_of_few(moved, sounds_of(labels, here)) == pytest.approx(25.0, rel=0.1)
    assert space.frechet(moved, moved) == pytest.approx(0.0, abs=1e-4)


def test_the_frechet_distance_of_what_is_wider_is_that_of_the_deviations(draw):
    space = plain_space(draw)
    labels = [Label(kind="kick")] * 2000
    here = drawn(draw, 2000)
    wider = sounds_of(labels, here * np.array([3.0, 1.0, 1.0]))
    assert space.frechet(wider, sounds_of(labels, here)) == pytest.approx(4.0, rel=0.1)
    assert space.frechet_of_few(wider, sounds_of(labels, here)) == pytest.approx(4.0, rel=0.1)


def test_the_frechet_distance_does_not_count_how_many_of_each_class_were_rendered(draw):
    space = plain_space(draw)
    kicks, snares = drawn(draw, 300), drawn(draw, 300) + 3 * DEVIATIONS
    even = sounds_of(
        [Label(kind="kick")] * 300 + [Label(kind="snare")] * 300, np.vstack((kicks, snares))
    )
    uneven = sounds_of(
        [Label(kind="kick")] * 300 + [Label(kind="snare")] * 30, np.vstack((kicks, snares[:30]))
    )
    assert space.frechet(uneven, even) < 0.3
    as_one = replace(uneven, labels=(Label(kind="kick"),) * 330)
    alike = replace(even, labels=(Label(kind="kick"),) * 600)
    assert space.frechet(as_one, alike) > 3.0


def test_a_copy_is_what_lies_nearer_to_a_training_recording_than_those_to_each_other(draw):
    trained_mels = torch.from_numpy(draw.normal(size=(40, 8, 8))).float()
    trained = sounds_of([Label(kind="kick")] * 40, np.zeros((40, 1)), trained_mels)
    others = torch.from_numpy(draw.normal(size=(3, 8, 8))).float() + 3
    mels = torch.cat((trained_mels[7:8] + 0.01, others))
    made = sounds_of([Label(kind="kick")] * 4, np.zeros((4, 1)), mels)
    assert copies(made, trained).tolist() == [True, False, False, False]


def real_and_made(draw: np.random.Generator, *, unseen: int):
    """Recordings of two classes, of which kicks have ``unseen`` of unseen kits; and renders."""
    labels, features = [], []
    for number, kind in enumerate(KINDS):
        for n in range(60):
            kit = UNSEEN if n < (unseen if kind == "kick" else 12) else f"kit {n % 10}"
            labels.append(Label(kind=kind, kit=kit, source=kit))
            features.append(draw.normal(size=120) + 6 * (np.arange(120) % 4 == number))
    mels = torch.from_numpy(draw.normal(size=(240, 4, 4))).float()
    real = sounds_of(labels, np.stack(features), mels)
    made = replace(real, labels=tuple(Label(kind=label.kind) for label in labels))
    return real, made


def test_a_class_without_unseen_kits_gets_no_figure_that_needs_them(draw):
    real, made = real_and_made(draw, unseen=0)
    judge = Judge.of(real)
    kick = class_figures("kick", judge, made=made, real=real, ceiling=real)
    snare = class_figures("snare", judge, made=made, real=real, ceiling=real)
    needing = ("named_unseen", "spectrum", "envelope", "copies_unseen", "diversity_ceiling")
    assert [getattr(kick, name) for name in needing] == [None] * 5
    assert None not in [getattr(snare, name) for name in needing]
    assert kick.named == pytest.approx(1.0)
    assert kick.diversity == pytest.approx(1.0)


def test_few_recordings_of_unseen_kits_are_named_but_have_no_distance(draw):
    real, made = real_and_made(draw, unseen=5)
    kick = class_figures("kick", Judge.of(real), made=made, real=real, ceiling=real)
    assert kick.unseen == 5
    assert kick.named_unseen is not None
    assert kick.spectrum is None


def test_the_overall_distance_of_the_trained_recordings_themselves_is_one(draw):
    real, _ = real_and_made(draw, unseen=12)
    judge = Judge.of(real)
    assert frechet_ratio(judge.spectrum, real.where(~real.unseen), real) == pytest.approx(1.0)


def test_a_mean_counts_every_class(draw):
    real, made = real_and_made(draw, unseen=12)
    judge = Judge.of(real)
    good = class_figures("kick", judge, made=made, real=real, ceiling=real)
    bad = replace(good, named=0.0, named_unseen=None, spectrum=None)
    of_two = {"kick": good, "snare": bad}
    assert means(of_two)["named"] == pytest.approx(good.named / 2)
    assert means(of_two)["named_unseen"] == pytest.approx(good.named_unseen)
    assert mean_distances(of_two, "spectrum") == good.spectrum
