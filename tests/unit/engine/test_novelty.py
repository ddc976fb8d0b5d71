"""Of several candidates the one that the library does not have; the rest as without it."""

import numpy as np
import pytest

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.pads import Pad
from oneshot_server.domain.requests import Batch, GenerateRequest
from oneshot_server.dsp.descriptors import describe
from oneshot_server.engine.batches import Group, goes_with
from oneshot_server.engine.messages import Part, RenderSpare
from oneshot_server.engine.novelty import Novelty
from oneshot_server.engine.render_job import JobRenderer
from oneshot_server.errors import DefectError
from oneshot_server.library.projection import EMBEDDING, features_to_embedding
from oneshot_server.library.wav_metadata import extract
from tests.unit.dsp.profiles import PROFILE, decaying
from tests.unit.engine.test_render_job import BROKEN, FakeRender, job, model, sounds
from tests.unit.library.sounds import RATE, follow, foreign, library, tone


def pitched(hertz):
    return decaying(hertz, t60=0.3, seconds=PROFILE.seconds)[: PROFILE.samples]


def embedding(hertz):
    return features_to_embedding(describe(np.float32(tone(hertz)), RATE).features)


def run(render, work, *, novelty=None, max_batch=16):
    sent = []
    renderer = JobRenderer(model(), max_batch=max_batch, render=render, novelty=novelty)
    renderer.run(Group(jobs=(work,)), sent.append, lambda: False)
    return sounds(sent)


@pytest.mark.parametrize(("novelty", "candidates"), [(None, 1), (0.0, 1), (0.1, 2), (1.0, 8)])
def test_more_novelty_renders_more_candidates(novelty, candidates):
    render = FakeRender()
    (sound,) = run(render, job(novelty=novelty))
    assert sum(map(len, render.batches)) == candidates
    assert sound.index == 0


def test_the_candidate_least_like_the_library_is_sent(tmp_path):
    (tmp_path / "samples").mkdir()
    for hertz in (50, 55, 3000):
        (tmp_path / "samples" / f"{hertz}.wav").write_bytes(foreign(hertz))
    with library(tmp_path) as opened:
        follow(opened)
        novelty = Novelty(tmp_path / "sounds.db")
        render = FakeRender({10: pitched(52), 11: pitched(400), 12: pitched(2800)})
        (sound,) = run(render, job(novelty=0.3), novelty=novelty)
        assert sound.seed == 11
        # what was sent is known from then on, though it is in no index yet
        render = FakeRender({20: pitched(400), 21: pitched(9000), 22: pitched(52)})
        assert run(render, job(seed=20, novelty=0.3), novelty=novelty)[0].seed == 21
        # and so is what comes into the library meanwhile
        (tmp_path / "samples" / "new.wav").write_bytes(foreign(1000))
        follow(opened)
        render = FakeRender({30: pitched(1000), 31: pitched(200), 32: pitched(1010)})
        assert run(render, job(seed=30, novelty=0.3), novelty=novelty)[0].seed == 31


def test_a_file_that_became_another_sound_is_known_as_that(tmp_path):
    (tmp_path / "samples").mkdir()
    for name, hertz in (("a", 50), ("b", 55)):
        (tmp_path / "samples" / f"{name}.wav").write_bytes(foreign(hertz))
    with library(tmp_path) as opened:
        follow(opened)
        novelty = Novelty(tmp_path / "sounds.db")
        assert novelty.furthest([embedding(52), embedding(400)]) == 1
        (tmp_path / "samples" / "a.wav").write_bytes(foreign(3000))
        follow(opened)
        assert novelty.furthest([embedding(3010), embedding(150)]) == 1


def test_the_recipe_is_that_of_the_chosen_seed_in_its_batch():
    render = FakeRender({11: pitched(3000)})
    novelty = Novelty()
    novelty.furthest([embedding(50)])
    (sound,) = run(render, job(novelty=0.3), novelty=novelty, max_batch=2)
    recipe = extract(sound.wav)
    assert (sound.seed, recipe.seed) == (11, 11)
    assert recipe.batch == Batch(seeds=(10, 11), index=1)
    replayed = run(FakeRender({11: pitched(3000)}), job(seed=11, replay=recipe.batch, novelty=1.0))
    assert replayed[0].wav == sound.wav


def test_the_sounds_of_a_job_are_all_different_seeds_also_across_batches():
    render = FakeRender()
    sent = run(render, job(count=5, novelty=0.5), max_batch=3)
    assert [sound.index for sound in sent] == [0, 1, 2, 3, 4]
    assert len({sound.seed for sound in sent}) == 5
    seeds = [seed for batch in render.batches for seed in batch]
    assert sorted(seeds) == list(range(10, 10 + 5 * 5))
    assert max(map(len, render.batches)) == 3


def test_broken_candidates_are_no_candidates_and_if_all_are_another_is_rendered():
    render = FakeRender({10: BROKEN["silent"], 12: BROKEN["clipped"]})
    assert run(render, job(novelty=0.3))[0].seed == 11
    render = FakeRender(dict.fromkeys((10, 11, 12), BROKEN["silent"]))
    assert run(render, job(novelty=0.3))[0].seed == 13
    render = FakeRender(dict.fromkeys(range(10, 30), BROKEN["silent"]))
    with pytest.raises(DefectError, match="last of 4 tries"):
        run(render, job(novelty=0.3))


def test_published_sounds_are_skipped_and_their_places_kept():
    render = FakeRender()
    sent = run(render, job(count=2, novelty=0.1, skip=(0,)))
    assert [sound.index for sound in sent] == [1]
    assert render.batches == [[10, 12, 11, 13]]


def test_the_reserve_of_a_pad_is_chosen_too():
    pads = [Pad(prompt="kick", novelty=0.3), Pad(prompt="kick")]
    parts = [
        Part(request=pad.request(seed=seed), finish=FinishOptions())
        for pad, seed in zip(pads, (10, 50), strict=True)
    ]
    novelty, sent = Novelty(), []
    novelty.furthest([embedding(50)])
    render = FakeRender({12: pitched(3000)})
    JobRenderer(model(), max_batch=8, render=render, novelty=novelty).run(
        RenderSpare(job="spare-1", parts=tuple(parts), subtype="PCM_24"), sent.append, bool
    )
    assert [(sound.index, sound.seed) for sound in sounds(sent)] == [(0, 12), (1, 50)]


@pytest.mark.parametrize("policy", ["fixed", "walk"])
def test_a_pad_whose_seeds_are_given_has_no_candidates(policy):
    pad = Pad(prompt="kick", novelty=1.0, seed_policy=policy)
    assert pad.request(seed=3).candidates == 1


def test_a_job_with_candidates_makes_no_other_wait():
    assert goes_with(job(), job())
    assert not goes_with(job(novelty=0.5), job())
    assert GenerateRequest(prompt="kick", novelty=1.0, walk=8).candidates == 1


def test_an_index_that_is_gone_changed_or_broken_is_an_empty_library(tmp_path):
    path = tmp_path / "sounds.db"
    near, far = embedding(50), embedding(3000)
    novelty = Novelty(path)
    novelty.furthest([near])
    assert novelty.furthest([near, far]) == 1
    path.write_bytes(b"no database" * 500)
    assert novelty.furthest([near, embedding(200)]) == 1
    (tmp_path / "samples").mkdir()
    path.unlink()
    (tmp_path / "samples" / "a.wav").write_bytes(foreign(800))
    with library(tmp_path) as opened:
        follow(opened)
        assert novelty.furthest([embedding(800), embedding(9000)]) == 1
    assert novelty.furthest([np.zeros(EMBEDDING, np.float32)]) == 0
