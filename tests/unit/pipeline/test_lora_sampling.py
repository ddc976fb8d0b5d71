"""How a LoRA wants to be sampled."""

from dataclasses import replace
from pathlib import Path

import pytest

from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.domain.reshape import Vary
from oneshot_server.errors import BadArgumentsError, ModelError
from oneshot_server.pipeline.lora_sampling import (
    METADATA_KEY,
    LoraSampling,
    Sampling,
    choose_sampling,
    read_lora_sampling,
)
from oneshot_server.pipeline.model_folder import ModelCard
from tests.unit.pipeline.tiny_model import PROFILE

HYPER = '{"sampler": "ddim", "steps": 8, "guidance": 1}'


def test_it_is_said_beside_the_file_or_in_its_metadata_or_not_at_all(tmp_path: Path) -> None:
    lora = tmp_path / "hyper.8.safetensors"
    assert read_lora_sampling(lora, {}) == LoraSampling()
    inside = read_lora_sampling(lora, {METADATA_KEY: HYPER, "ss_network_dim": "4"})
    assert inside == LoraSampling(sampler="ddim", steps=8, guidance=1.0)
    (tmp_path / "hyper.8.json").write_text('{"steps": 2, "preferred weight": 0.8}')
    assert read_lora_sampling(lora, {METADATA_KEY: HYPER}) == LoraSampling(steps=2)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "truncated"),
        ("[]", "object"),
        ('{"sampler": "heun"}', "sampler"),
        ('{"steps": 0}', "steps"),
        ('{"guidance": "much"}', "guidance"),
        ('{"x": ' + "[" * 100_000, "recursion"),
    ],
)
def test_what_cannot_be_understood_is_told_with_file_and_key(tmp_path, text, what):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ModelError, match=rf"(?i)a\.json cannot be read: .*{what}"):
        read_lora_sampling(tmp_path / "a.safetensors", {})
    with pytest.raises(ModelError, match=rf"(?i)b\.safetensors: {METADATA_KEY} cannot be.*{what}"):
        read_lora_sampling(tmp_path / "b.safetensors", {METADATA_KEY: text})


def test_the_request_comes_before_the_loras_and_they_before_the_model() -> None:
    card = ModelCard(name="m", profile=PROFILE, steps=20, guidance=7.5, sampler="unipc")
    wishes = [LoraSampling(), LoraSampling(steps=4), LoraSampling(steps=8, guidance=1.0)]
    asked = GenerateRequest(prompt="kick", guidance=0.0)
    assert choose_sampling(asked, wishes, card) == Sampling(sampler="unipc", steps=4, guidance=0.0)
    plain = GenerateRequest(prompt="kick")
    assert choose_sampling(plain, [], card) == Sampling(sampler="unipc", steps=20, guidance=7.5)


FEW = ModelCard(name="few", profile=PROFILE, steps=20, guidance=7.5, distilled_steps=4)
QUICK = Sampling(sampler="distilled", steps=4, guidance=1.0)
MANY = Sampling(sampler="dpmpp-2m", steps=20, guidance=7.5)


@pytest.mark.parametrize(
    ("asked", "wishes", "expected"),
    [
        ({}, [], QUICK),
        ({"quality": "draft-then-best"}, [], QUICK),
        ({"quality": "best"}, [], MANY),
        ({}, [LoraSampling()], QUICK),
        ({}, [LoraSampling(), LoraSampling(guidance=7.5)], MANY),
        ({"steps": 20}, [], MANY),
        ({"guidance": 7.5}, [], MANY),
        ({"sampler": "dpmpp-2m"}, [], MANY),
        ({"negative": "noisy"}, [], MANY),
        ({"reshape": Vary(strength=0.5), "parent_files": ("/a.wav",)}, [], MANY),
        ({"quality": "best", "sampler": "distilled"}, [], QUICK),
        ({"sampler": "distilled", "steps": 4, "guidance": 1.0}, [LoraSampling(steps=2)], QUICK),
        ({"seed": 3, "count": 4, "walk": 8, "novelty": 1.0, "seconds": 0.2}, [], QUICK),
    ],
)
def test_quick_is_only_what_leaves_all_of_the_sampling_open(asked, wishes, expected):
    assert choose_sampling(GenerateRequest(prompt="kick", **asked), wishes, FEW) == expected


@pytest.mark.parametrize("quality", ["quick", "best", "draft-then-best"])
def test_with_a_model_without_few_steps_all_qualities_are_one(quality):
    card = replace(FEW, distilled_steps=0)
    assert choose_sampling(GenerateRequest(prompt="kick", quality=quality), [], card) == MANY


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"steps": 8}, "steps = 8 with sampler = distilled"),
        ({"guidance": 2.0}, "guidance = 2 with sampler = distilled"),
        ({"negative": "noisy"}, "negative = 'noisy' with sampler = distilled"),
        ({"reshape": Vary(strength=0.5), "parent_files": ("/a.wav",)}, "noise alone"),
    ],
)
def test_few_steps_with_what_they_cannot_do_are_refused(asked, says):
    request = GenerateRequest(prompt="kick", sampler="distilled", **asked)
    with pytest.raises(BadArgumentsError, match=says):
        choose_sampling(request, [], FEW)


def test_few_steps_of_a_model_without_them_are_refused_by_name():
    request = GenerateRequest(prompt="kick", sampler="distilled")
    with pytest.raises(BadArgumentsError, match="the model few has no UNet for few steps"):
        choose_sampling(request, [], replace(FEW, distilled_steps=0))


def test_no_lora_is_for_the_models_own_few_steps(tmp_path):
    with pytest.raises(ModelError, match="sampler"):
        read_lora_sampling(tmp_path / "a.safetensors", {METADATA_KEY: '{"sampler": "distilled"}'})
