"""A UNet for few steps, from the shipped starter."""

from dataclasses import replace

import pytest
import torch

from oneshot_server.pipeline.model import load_model
from oneshot_server.pipeline.model_folder import STARTER
from oneshot_server.pipeline.prompt import understand
from oneshot_server.pipeline.sampling import make_scheduler, texts_to_embeddings
from oneshot_server.starter.distil import (
    QUARTERS,
    SHARD,
    Plan,
    Student,
    Ways,
    draw_caption,
    read_ways,
    teach,
    teach_all,
)
from oneshot_server.starter.networks import make_unet

PLAN = Plan(sounds=2, steps=12, batch=4, warm_up_steps=1, learning_rate=2e-4)


@pytest.fixture(scope="module")
def model():
    return load_model(STARTER, torch.device("cpu"))


@pytest.fixture(scope="module")
def ways(model):
    return teach(model, [7, 8])


def test_captions_are_those_of_the_models_own_words(model):
    captions = {draw_caption(model.words, seed) for seed in range(200)}
    assert len(captions) > 100
    for caption in captions:
        kind, *_ = caption.split()
        assert kind in model.words.classes
        assert not understand(kind, model.words).unknown


def test_a_way_begins_at_the_seeds_noise_and_ends_where_the_teacher_does(model, ways):
    assert ways.states.shape == (QUARTERS + 1, 2, *model.latent_shape)
    noise = torch.randn(model.latent_shape, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(ways.states[0, 0].float(), noise, atol=1e-3, rtol=1e-3)
    (again,) = teach(model, [8]).states[-1].float()
    torch.testing.assert_close(again, ways.states[-1, 1].float(), atol=0.02, rtol=0.02)


def test_what_was_taught_is_not_taught_again(model, tmp_path, monkeypatch):
    taught = []

    def few(_model, seeds):
        taught.append(seeds[0])
        return Ways(states=torch.zeros(1, len(seeds), 1, 1, 1), captions=("kick",) * len(seeds))

    monkeypatch.setattr("oneshot_server.starter.distil.teach", few)
    teach_all(model, replace(PLAN, sounds=3 * SHARD), tmp_path, first=1, every=2)
    teach_all(model, replace(PLAN, sounds=3 * SHARD), tmp_path)
    assert sorted(taught) == [1_000_000 + SHARD * number for number in range(3)]
    assert len(read_ways(tmp_path).captions) == 3 * SHARD


def test_the_goal_of_a_step_is_where_ddim_lands(model, ways, monkeypatch):
    """With the v that is asked for, each step of DDIM ends at the teacher's next state."""
    student = Student(model, ways, PLAN)
    asked = {}
    told = torch.nn.functional.mse_loss

    def note(predicted, goals):
        asked["goals"] = goals.detach()
        return told(predicted, goals)

    monkeypatch.setattr(torch.nn.functional, "mse_loss", note)
    generator = torch.Generator().manual_seed(PLAN.seed * 1_000_003)
    sounds = torch.randint(2, (PLAN.batch,), generator=generator)
    student.train_step()
    scheduler = make_scheduler(model, "distilled")
    scheduler.set_timesteps(QUARTERS)
    for quarter, timestep in enumerate(scheduler.timesteps):
        state, goal = (ways.states[quarter + k, sounds[quarter]].float() for k in (0, 1))
        landed = scheduler.step(asked["goals"][quarter], timestep, state).prev_sample
        torch.testing.assert_close(landed, goal, atol=1e-3, rtol=1e-3)


def test_in_four_steps_it_ends_nearer_to_its_teacher_than_before(model, ways):
    student = Student(model, ways, replace(PLAN, steps=24, batch=8))
    before = distance_at_the_end(student.unet, model, ways)
    for _ in range(24):
        student.train_step()
    assert distance_at_the_end(student.unet, model, ways) < 0.7 * before


@torch.no_grad()
def distance_at_the_end(unet, model, ways):
    scheduler = make_scheduler(model, "distilled")
    scheduler.set_timesteps(QUARTERS)
    told = texts_to_embeddings(ways.captions, model)
    latents = ways.states[0].float()
    for timestep in scheduler.timesteps:
        predicted = unet(latents, timestep, told).sample
        latents = scheduler.step(predicted, timestep, latents).prev_sample
    return float((latents - ways.states[-1].float()).square().mean().sqrt())


def test_a_resumed_distilling_is_the_unbroken_one(model, ways, tmp_path):
    unbroken = Student(model, ways, PLAN)
    for number in range(4):
        if number == 2:
            unbroken.save(tmp_path / "checkpoint.pt")
        unbroken.train_step()
    resumed = Student(model, ways, PLAN)
    resumed.resume(tmp_path / "checkpoint.pt")
    for _ in range(2):
        resumed.train_step()
    assert resumed.losses == pytest.approx(unbroken.losses, rel=1e-4)


def test_a_student_can_begin_with_what_an_earlier_distilling_changed(model, ways):
    student = Student(model, ways, PLAN, start=model)
    for ours, distilled in zip(
        student.unet.parameters(), model.distilled_unet.parameters(), strict=True
    ):
        torch.testing.assert_close(ours.detach(), distilled, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_what_changed_is_added_to_a_wider_model_and_its_new_channels_stay(model, ways):
    channels, rows, columns = model.latent_shape
    wide = make_unet(channels + 4, (rows, columns))
    student = Student(replace(model, unet=wide), ways, PLAN, start=model)
    changed = model.distilled_unet.conv_in.weight - model.unet.conv_in.weight
    ours = student.unet.conv_in.weight - wide.conv_in.weight
    torch.testing.assert_close(ours[:, :channels], changed, atol=1e-6, rtol=1e-5)
    assert not ours[:, channels:].any()
