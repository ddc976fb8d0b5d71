"""What is made of sounds: the numbers with a small model, what is heard with the starter."""

import math

import pytest
import torch

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.reshape import Inpaint, Morph, Parent, Vary
from oneshot_server.dsp.finish import finish
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.dsp.prepare import prepare
from oneshot_server.errors import RenderCancelledError
from oneshot_server.pipeline.draw import Draw
from oneshot_server.pipeline.model import load_model
from oneshot_server.pipeline.model_folder import STARTER
from oneshot_server.pipeline.render import render_draws
from oneshot_server.pipeline.reshape import latent_edges, slerp, start_from, waveform_to_parent
from tests.unit.pipeline.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return load_model(write_tiny_model(tmp_path_factory.mktemp("m") / "tiny"), torch.device("cpu"))


@pytest.fixture(scope="module")
def starter():
    return load_model(STARTER, torch.device("cpu"))


KICK, SNARE = (Parent(name="k.wav", told="kick"), Parent(name="s.wav", told="snare"))


def recording(model, *, hertz, noise, decay, seed=0):
    """A drum of nobody's, (samples,)."""
    rate, samples = model.card.profile.sample_rate, model.card.profile.samples
    time = torch.arange(samples) / rate
    hiss = torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    tone = torch.sin(2 * math.pi * hertz * time * (1.0 + 0.5 * torch.exp(-40.0 * time)))
    return prepare(
        ((tone + noise * hiss) * torch.exp(-decay * time))[None], rate, model.card.profile
    )


@pytest.fixture(scope="module")
def kick(starter):
    return recording(starter, hertz=60.0, noise=0.02, decay=12.0)


@pytest.fixture(scope="module")
def snare(starter):
    return recording(starter, hertz=190.0, noise=0.7, decay=20.0)


def children(model, reshape, *waveforms, seeds=(5,), prompt="", steps=None, on_step=None):
    start = start_from(reshape, [waveform_to_parent(w, model) for w in waveforms], model)
    draws = [Draw(prompt=prompt, negative="", seed=seed) for seed in seeds]
    return render_draws(
        draws,
        model,
        steps=steps or model.card.steps,
        guidance=model.card.guidance,
        on_step=on_step or (lambda _n, _of: None),
        start=start,
    )


def heard(model, waveform):
    """A finished sound's mel, (mels, frames), dB."""
    profile = model.card.profile
    finished = finish(waveform, profile.sample_rate, FinishOptions())
    return waveform_to_mel(prepare(finished[None], profile.sample_rate, profile)[None], profile)[0]


def distance(model, one, other):
    """Of two sounds, dB, where either is loud."""
    a, b = heard(model, one), heard(model, other)
    return float((a - b).abs()[(a > -60.0) | (b > -60.0)].mean())


def test_a_parent_is_transformed_once(starter, kick, monkeypatch):
    counted, stft = [], torch.stft
    monkeypatch.setattr(torch, "stft", lambda *a, **k: counted.append(1) or stft(*a, **k))
    waveform_to_parent(kick, starter)
    assert len(counted) == 1


def test_an_arc_keeps_the_length_and_its_ends():
    a, b = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    assert torch.equal(slerp(a, b, 0.0), a)
    torch.testing.assert_close(slerp(a, b, 1.0), b)
    torch.testing.assert_close(slerp(a, b, 1 / 3), 3.0 * torch.tensor([math.cos(math.pi / 6), 0.5]))


def test_where_there_is_no_arc_there_is_a_line():
    a = torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
    b = torch.tensor([[2.0, 4.0], [-1.0, -2.0], [1.0, 0.0]])
    expected = torch.tensor([[1.25, 2.5], [0.5, 1.0]])
    between = slerp(a, b, 0.25)
    torch.testing.assert_close(between[:2], expected)
    assert bool(torch.isfinite(between).all())


def test_latents_end_where_the_codecs_patches_do(starter, tiny):
    assert latent_edges(starter)[:4] == (4, 8, 12, 20)
    assert latent_edges(starter)[-1] == starter.card.profile.frames
    assert latent_edges(tiny) == tuple(range(8, 65, 8))


@pytest.mark.parametrize("split", [0.005, 0.05, 0.1, 10.0])
@pytest.mark.parametrize("keep", ["attack", "tail"])
def test_something_is_kept_and_something_new_wherever_the_split_is(tiny, keep, split):
    wave = recording(tiny, hertz=100.0, noise=0.1, decay=12.0)
    reshape = Inpaint(keep=keep, split=split, parents=(KICK,))
    start = start_from(reshape, [waveform_to_parent(wave, tiny)], tiny)
    columns, frames = start.kept.columns, start.kept.frames
    assert 0 < int(columns.sum()) < len(columns)
    assert int(frames.sum()) == 8 * int(columns.sum())
    assert bool(columns[0]) == (keep == "attack")
    assert not bool((start.heard.kept & ~frames).any())


@pytest.mark.parametrize(
    "reshape",
    [Vary(strength=0.6, parents=(KICK,)), Inpaint(keep="attack", parents=(KICK,))],
)
def test_a_stable_diffusion_folder_makes_sounds_of_sounds(tiny, reshape):
    wave = recording(tiny, hertz=100.0, noise=0.1, decay=12.0)
    sounds = children(tiny, reshape, wave, seeds=(5, 6))
    assert sounds.captions == ("kick", "kick")
    assert bool(torch.isfinite(sounds.waveforms).all())
    assert not torch.allclose(sounds.waveforms[0], sounds.waveforms[1], atol=1e-3)
    assert torch.equal(sounds.waveforms, children(tiny, reshape, wave, seeds=(5, 6)).waveforms)


def test_ordinary_sounds_are_the_same_whatever_was_made_of_sounds_before(tiny):
    def ordinary():
        draw = Draw(prompt="kick", negative="", seed=5)
        return render_draws(
            [draw], tiny, steps=3, guidance=2.0, on_step=lambda _n, _of: None
        ).waveforms

    before = ordinary()
    wave = recording(tiny, hertz=100.0, noise=0.1, decay=12.0)
    children(tiny, Morph(t=0.5, parents=(KICK, SNARE)), wave, wave)
    assert torch.equal(ordinary(), before)


@pytest.mark.parametrize(
    "reshape",
    [
        Vary(strength=1.0, parents=(KICK,)),
        Morph(t=0.5, parents=(KICK, KICK)),
        Inpaint(keep="tail", parents=(KICK,)),
    ],
)
def test_it_can_be_stopped_at_every_step(tiny, reshape):
    wave = recording(tiny, hertz=100.0, noise=0.1, decay=12.0)
    waves = [wave] * len(reshape.parents)
    seen = []
    children(tiny, reshape, *waves, on_step=lambda number, of: seen.append((number, of)))
    assert seen == [(number, len(seen)) for number in range(len(seen))]
    for last in range(len(seen)):

        def stop(number, _of, last=last):
            if number == last:
                raise RenderCancelledError

        with pytest.raises(RenderCancelledError):
            children(tiny, reshape, *waves, on_step=stop)


def test_a_sound_that_is_not_varied_comes_back(starter, kick, snare):
    for parent, wave in ((KICK, kick), (SNARE, snare)):
        (back,) = children(starter, Vary(strength=0.0, parents=(parent,)), wave).waveforms
        assert distance(starter, back, wave) < 0.5


def test_a_variation_is_further_from_its_parent_the_stronger_it_is(starter, snare):
    distances = []
    for strength in (0.0, 0.25, 0.5, 0.75, 1.0):
        reshape = Vary(strength=strength, parents=(SNARE,))
        sounds = children(starter, reshape, snare, seeds=(5, 6)).waveforms
        distances.append(sum(distance(starter, sound, snare) for sound in sounds) / 2)
    assert distances == sorted(distances)
    assert distances[-1] > 3.0 * distances[1]


def test_a_morph_leads_from_the_first_sound_to_the_second(starter, kick, snare):
    to_kick, to_snare = [], []
    for t in (0.0, 0.25, 0.5, 0.75, 1.0):
        (sound,) = children(starter, Morph(t=t, parents=(KICK, SNARE)), kick, snare).waveforms
        to_kick.append(distance(starter, sound, kick))
        to_snare.append(distance(starter, sound, snare))
    assert to_kick == sorted(to_kick)
    assert to_snare == sorted(to_snare, reverse=True)
    assert max(to_kick[0], to_snare[-1]) < 0.5


@pytest.mark.parametrize("keep", ["attack", "tail"])
def test_what_is_kept_of_a_sound_is_its_own_and_the_rest_is_new(starter, snare, keep):
    profile = starter.card.profile
    reshape = Inpaint(keep=keep, split=0.07, parents=(SNARE,))
    (sound,) = children(starter, reshape, snare).waveforms
    edge = 12  # frames: 70 ms, where a column of the codec's patches ends
    frames = torch.arange(profile.frames)
    kept = frames < edge if keep == "attack" else frames >= edge
    (was,), (now,) = (waveform_to_mel(wave[None], profile) for wave in (snare, sound))
    loud = was > -60.0
    # The new part may be louder, and a mel is relative to the loudest.
    level = (now - was)[loud & kept].median()
    difference = (now - level - was).abs()
    assert float(difference[loud & kept].mean()) < 0.5
    assert float(difference[loud & ~kept].mean()) > 2.0


def test_a_prompt_leads_a_variation_away_from_what_the_sound_was_told(starter, kick):
    reshape = Vary(strength=0.9, parents=(KICK,))
    hat = children(starter, reshape, kick, prompt="closed hat")
    assert hat.captions[0].startswith("closed_hat")
    own = children(starter, reshape, kick)
    assert own.captions == ("kick",)
    brightness = [heard(starter, s.waveforms[0])[64:].mean() for s in (hat, own)]
    assert brightness[0] > brightness[1]


def test_a_morph_is_told_of_both_and_how_far_it_is(starter, kick, snare):
    sounds = children(starter, Morph(t=0.25, parents=(KICK, SNARE)), kick, snare, steps=1)
    assert sounds.captions == ("kick → snare 25%",)


def test_nothing_known_of_a_sound_is_told_as_nothing(starter, kick):
    for told in ("", "xyzzy 0815"):
        parent = Parent(name="x.wav", told=told)
        sounds = children(starter, Vary(strength=0.5, parents=(parent,)), kick, steps=2)
        assert sounds.captions == ("",)
        assert bool(torch.isfinite(sounds.waveforms).all())
