"""Stars choose between two sounds of the reserve, once there are enough of them."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine import taste as taste_module
from oneshot_server.engine.batches import Group
from oneshot_server.engine.messages import Part, RenderSpare
from oneshot_server.engine.render_job import JobRenderer
from oneshot_server.engine.taste import (
    KIND_REGULARISATION,
    LEAST_STARS,
    REGULARISATION,
    Taste,
    fit,
)
from oneshot_server.library.index_schema import SCHEMA
from oneshot_server.library.projection import EMBEDDING
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


def write_index(path, sounds):
    """An index of sounds, each a vector with some of stars, plays, kind, content and age."""
    row = {
        "revision": 1,
        "size": 1,
        "entry_changed_ns": 0,
        "inode": 0,
        "trouble": "",
        "key": "",
        "tags": "",
    }
    row |= {"seconds": 0.1, "level_db": -6.0, "brightness_hz": 900.0, "rendered": 1}
    row |= {"prompt": "", "caption": "", "model": "", "parent": ""}
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        connection.execute("INSERT INTO about VALUES ('', 'an index', 1)")
        for number, (vector, known) in enumerate(sounds, start=1):
            values = row | {"number": number, "path": f"{number}.wav", "content": f"{number}"}
            values |= {"stars": 0, "plays": 1, "kind": "kick", "changed_ns": 0} | known
            names, marks = ", ".join(values), ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO sounds ({names}) VALUES ({marks})", [*values.values()])
            blob = np.asarray(vector, np.float16).tobytes()
            connection.execute("INSERT INTO embeddings VALUES (?, ?)", (number, blob))


def along(axis, amount):
    vector = np.zeros(EMBEDDING, np.float32)
    vector[axis] = amount
    return vector


def some(vector, count, **known):
    return [(vector, known)] * count


def test_a_sound_that_is_there_twice_is_one_and_has_its_stars(tmp_path):
    liked, passed = along(0, 1.0), along(0, -1.0)
    sounds = [(liked, {"stars": 4, "content": f"liked {n % 19}"}) for n in range(40)]
    write_index(tmp_path / "copies.db", [*sounds, *some(passed, 30)])
    assert not Taste(tmp_path / "copies.db").knows  # nineteen, each twice
    # A copy from before the star has none: it is no sound that was passed over.
    copies = [(liked, {"stars": 0, "content": f"liked {n}"}) for n in range(20)]
    stars = [(liked, {"stars": 4, "content": f"liked {n}"}) for n in range(20)]
    write_index(tmp_path / "old.db", [*copies, *stars, *some(passed, 19)])
    assert not Taste(tmp_path / "old.db").knows
    write_index(tmp_path / "enough.db", [*copies, *stars, *some(passed, 20)])
    assert Taste(tmp_path / "enough.db").knows


def test_stars_are_not_forgotten_for_all_that_was_heard_since(tmp_path, monkeypatch):
    monkeypatch.setattr(taste_module, "MOST_SOUNDS", 25)
    liked, passed = along(3, 1.0), along(3, -1.0)
    sounds = some(liked, 20, stars=5, changed_ns=1)
    write_index(tmp_path / "sounds.db", [*sounds, *some(passed, 100, changed_ns=2)])
    taste = Taste(tmp_path / "sounds.db")
    assert taste.knows
    assert taste.best([passed, liked]) == 1


@pytest.mark.parametrize(
    ("stars", "plays", "knows"), [(0, 1, True), (2, 0, True), (2, 3, True), (0, 0, False)]
)
def test_passed_over_is_what_was_heard_without_three_stars(tmp_path, stars, plays, knows):
    others = some(along(0, -1.0), 20, stars=stars, plays=plays)
    write_index(tmp_path / "sounds.db", [*some(along(0, 1.0), 20, stars=3, plays=0), *others])
    assert Taste(tmp_path / "sounds.db").knows == knows


def test_embeddings_that_cannot_be_used_do_not_count(tmp_path):
    liked = some(along(0, 1.0), 20, stars=4)
    for name, odd in (("nan", along(0, np.nan)), ("inf", along(0, 1e9)), ("old", np.zeros(8))):
        with np.errstate(over="ignore"):
            write_index(tmp_path / name, [*liked, *some(along(0, -1.0), 19), *some(odd, 5)])
        assert not Taste(tmp_path / name).knows
    write_index(tmp_path / "good", [*liked, *some(along(0, -1.0), 20), *some(odd, 5)])
    taste = Taste(tmp_path / "good")
    assert taste.knows
    assert taste.best([along(0, -1.0), along(0, 1.0)]) == 1


def test_of_two_that_are_as_good_the_first_is_kept(tmp_path):
    sounds = [*some(along(0, 1.0), 20, stars=4), *some(along(0, -1.0), 20)]
    write_index(tmp_path / "sounds.db", sounds)
    taste = Taste(tmp_path / "sounds.db")
    assert taste.best([along(0, 1.0), along(0, -1.0)]) == 0  # nobody has asked yet
    assert taste.best([along(0, -1.0), along(0, 1.0)]) == 0
    assert taste.knows
    assert taste.best([along(0, 1.0), along(0, 1.0)]) == 0
    assert taste.best([along(0, -1.0), along(0, 1.0)]) == 1


def test_which_kinds_are_liked_does_not_pass_for_what_is_liked_about_a_sound():
    """Nearly all kicks are liked and few hats; of either the long ones. Kicks are dark."""
    draw = np.random.default_rng(3)
    kinds = np.repeat(["kick", "hat"], 200)
    length, darkness = draw.normal(size=400), draw.normal(scale=0.3, size=400)
    liked = (length + draw.normal(scale=0.3, size=400) > np.where(kinds == "kick", -1.0, 1.0)) * 1
    vectors = np.zeros((400, 8))
    vectors[:, 0] = 0.3 * length
    vectors[:, 1] = darkness + np.where(kinds == "kick", 2.0, -2.0)
    weights = fit(vectors, liked, kinds)
    assert abs(weights[1]) < 0.2 * weights[0]


@pytest.mark.parametrize("scale", [0.05, 1.0, 20.0])
def test_a_fit_is_what_another_solver_finds(scale):
    draw = np.random.default_rng(0)
    vectors, kinds = scale * draw.normal(size=(80, 16)), draw.choice(["a", "b", "c"], 80)
    liked = (vectors[:, 0] + vectors[:, 1] > scale) * 1
    columns = (kinds[:, None] == ["a", "b", "c"]) * (REGULARISATION / KIND_REGULARISATION) ** 0.5
    other = LogisticRegression(
        C=1 / REGULARISATION,
        class_weight="balanced",
        fit_intercept=False,
        tol=1e-9,
        max_iter=10_000,
    ).fit(np.hstack((vectors, columns)), liked)
    assert np.allclose(fit(vectors, liked, kinds), other.coef_[0, :16], atol=1e-4)


def test_a_fit_finds_the_direction_of_what_is_liked_also_if_that_is_rare():
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(400, 8))
    weights = fit(vectors, (vectors[:, 2] > 1.2) * 1, draw.choice(["a", "b"], 400))
    fresh = draw.normal(size=(1000, 8))
    liked = fresh[:, 2] > 1.2
    better = (fresh[liked] @ weights)[:, None] > (fresh[~liked] @ weights)[None]
    assert better.mean() > 0.97
