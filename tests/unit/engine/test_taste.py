"""Stars choose between two sounds of the reserve, once there are enough of them."""

import numpy as np
import pytest

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine.batches import Group
from oneshot_server.engine.messages import Part, RenderSpare
from oneshot_server.engine.render_job import JobRenderer
from oneshot_server.engine.taste import LEAST_STARS, Taste, fit
from tests.unit.engine.test_novelty import pitched
from tests.unit.engine.test_render_job import BROKEN, FakeRender, job, model, sounds
from tests.unit.library.sounds import foreign, library


@pytest.fixture(scope="module")
def bright(tmp_path_factory):
    """The index of a listener who likes high tones."""
    home = tmp_path_factory.mktemp("home")
    (home / "samples").mkdir()
    with library(home) as opened:
        for number in range(LEAST_STARS):
            for name, hertz in (("low", 60 + number), ("high", 3000 + 50 * number)):
                path = f"{name} {number}.wav"
                (home / "samples" / path).write_bytes(foreign(hertz, seconds=0.1))
                opened.count_play(path)
                if name == "high":
                    opened.mark(path, stars=3 + number % 3)
                elif number == 0:
                    opened.mark(path, stars=1)
        yield opened


def spare(render, known, **changes):
    request = GenerateRequest(prompt="kick", seed=10, **{"taste": True, **changes})
    work = RenderSpare(
        job="spare-1", parts=(Part(request=request, finish=FinishOptions()),), subtype="PCM_24"
    )
    sent = []
    JobRenderer(model(), max_batch=8, render=render, taste=known).run(work, sent.append, bool)
    return sounds(sent)[0].seed


def test_the_sound_that_is_like_the_starred_ones_is_kept(bright):
    taste = Taste(bright._index.path)
    assert taste.knows
    assert spare(FakeRender({10: pitched(55), 11: pitched(4000)}), taste) == 11
    assert spare(FakeRender({10: pitched(4000), 11: pitched(55)}), taste) == 10
    assert spare(FakeRender({10: BROKEN["silent"], 11: pitched(55)}), taste) == 11


def test_only_where_the_seed_is_free_and_nothing_else_chooses(bright):
    taste, render = Taste(bright._index.path), FakeRender({11: pitched(4000)})
    assert spare(render, taste, taste=False) == 10
    assert render.batches == [[10]]
    sent = []
    JobRenderer(model(), max_batch=8, render=render, taste=taste).run(
        Group(jobs=(job(),)), sent.append, bool
    )
    assert render.batches == [[10], [10]]
    assert spare(render, taste, novelty=0.3) == 10
    assert render.batches[-1] == [10, 11, 12]


def test_a_few_stars_say_nothing_and_more_are_noticed(tmp_path, bright):
    now = [0.0]
    assert not Taste(tmp_path / "none.db").knows
    assert not Taste().knows
    taste = Taste(bright._index.path, clock=lambda: now[0])
    bright.mark("high 7.wav", stars=0)
    try:
        assert not taste.knows
        assert spare(FakeRender({11: pitched(4000)}), taste) == 10
    finally:
        bright.mark("high 7.wav", stars=5)
    assert not taste.knows
    now[0] += 10.0
    assert taste.knows


def test_a_fit_finds_the_direction_of_what_is_liked_also_if_that_is_rare():
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(400, 8))
    liked = (vectors[:, 2] > 1.2).astype(np.int64)
    weights = fit(vectors, liked)
    assert np.abs(weights[:-1]).argmax() == 2
    fresh = draw.normal(size=(1000, 8))
    right = (fresh @ weights[:-1] + weights[-1] > 0) == (fresh[:, 2] > 1.2)
    assert right.mean() > 0.85
