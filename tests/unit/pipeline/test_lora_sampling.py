"""How a LoRA wants to be sampled."""

from pathlib import Path

import pytest

from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.errors import ModelError
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
