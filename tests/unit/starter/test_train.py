import random

import pytest
import torch

from oneshot_server.starter.networks import LONGEST_CAPTION, make_tokenizer
from oneshot_server.starter.train import Plan, Trainer, training_caption

WORDS = ("kick", "short", "dark", "hz_54", "electronic")
PLAN = Plan(steps=10, batch=2)


@pytest.fixture(scope="module")
def latents() -> torch.Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))


def trainer(latents: torch.Tensor) -> Trainer:
    return Trainer(PLAN, make_tokenizer(WORDS), latents)


def weights(of: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in of.networks.parameters()])


def test_a_resumed_run_is_the_unbroken_one(latents, tmp_path):
    unbroken = trainer(latents)
    for _ in range(3):
        unbroken.train_step(latents, ["kick", "kick short"])
    broken = trainer(latents)
    broken.train_step(latents, ["kick", "kick short"])
    broken.save(tmp_path / "checkpoint.pt")
    resumed = trainer(latents)
    resumed.resume(tmp_path / "checkpoint.pt")
    for _ in range(2):
        resumed.train_step(latents, ["kick", "kick short"])
    assert resumed.step == 3
    assert resumed.losses == pytest.approx(unbroken.losses, rel=1e-4)
    assert torch.allclose(weights(resumed), weights(unbroken), atol=1e-5)


def test_the_average_follows_the_weights(latents):
    learner = trainer(latents)
    first = torch.cat([p.flatten() for p in learner.average.parameters()])
    learner.train_step(latents, ["kick", "kick"])
    assert not torch.equal(first, torch.cat([p.flatten() for p in learner.average.parameters()]))


def test_a_tokenizer_has_a_token_for_each_word():
    tokenizer = make_tokenizer(WORDS)
    ids = tokenizer("kick short").input_ids
    assert len(ids) == 4
    assert tokenizer.pad_token_id not in ids


def test_training_captions_keep_the_class_and_only_leave_words_out():
    draw = random.Random(1)
    said = [training_caption(WORDS, draw) for _ in range(2000)]
    empty = sum(not caption for caption in said)
    bare = sum(caption == "kick" for caption in said)
    assert 120 < empty < 280
    assert 120 < bare < 320
    for caption in filter(None, said):
        words = caption.split()
        assert "kick" in words
        assert set(words) <= set(WORDS)
        assert len(words) <= LONGEST_CAPTION - 2
