"""The weights that the package ships."""

import pytest
import torch

from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_folder import STARTER
from oneshot_server.pipeline.prompt import understand
from oneshot_server.pipeline.render import render_batch
from oneshot_server.starter.vocabulary import CLASS_PHRASES


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(STARTER, torch.device("cpu"))


def render(model: Model, prompt: str, seeds: list[int]) -> torch.Tensor:
    return render_batch(
        prompt,
        "",
        seeds,
        model,
        steps=model.card.steps,
        guidance=model.card.guidance,
        on_step=lambda _step, _steps: None,
    ).waveforms


def test_they_are_small_enough_to_ship():
    assert sum(path.stat().st_size for path in STARTER.rglob("*")) <= 60_000_000


def test_they_do_not_tell_where_they_were_read_from():
    for path in STARTER.rglob("*.json"):
        assert "name_or_path" not in path.read_text(encoding="utf-8"), path


def test_every_class_is_known_by_each_of_its_names(model):
    for name, text in CLASS_PHRASES.items():
        for phrase in text.split(", "):
            understood = understand(phrase, model.words)
            assert understood.words[:1] == (name,), phrase
            assert understood.unknown == ()


def test_a_kick_is_low_and_a_hat_is_high(model):
    def brightness(prompt: str) -> float:
        power = torch.fft.rfft(render(model, prompt, [1, 2, 3, 4])).abs().square().sum(dim=0)
        hertz = torch.fft.rfftfreq(model.card.profile.samples, 1 / model.card.profile.sample_rate)
        return float((power * hertz).sum() / power.sum())

    assert brightness("kick") < 600
    assert brightness("closed hat") > 3000


def test_an_open_hat_rings_longer_than_a_closed_one(model):
    def seconds(prompt: str) -> float:
        energy = render(model, prompt, [1, 2, 3, 4]).square().cumsum(dim=1)
        return float((energy < 0.99 * energy[:, -1:]).float().mean())

    assert seconds("open hat") > 1.5 * seconds("closed hat")


def test_every_sound_begins_at_once(model):
    level = render(model, "snare", [5, 6, 7, 8]).abs()
    onset = (level > 0.05 * level.amax(dim=1, keepdim=True)).int().argmax(dim=1)
    assert onset.max() < 0.02 * model.card.profile.sample_rate


def test_two_sounds_of_a_prompt_differ(model):
    one, other = render(model, "snare", [11, 12])
    assert (one - other).norm() > 0.3 * one.norm()
