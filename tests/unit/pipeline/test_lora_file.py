"""LoRA files: every format is read to the same matrices, and what is none is refused by name."""

import json

import pytest
import torch

from oneshot_server.errors import ModelError
from oneshot_server.pipeline.lora_file import read_lora
from tests.unit.pipeline.lora_files import write

DOWN, UP = torch.randn(2, 8), torch.randn(6, 2)
PEFT = {"unet.a.to_q.lora_A.weight": DOWN, "unet.a.to_q.lora_B.weight": UP}
PATTERN = {"unet.lora_alpha": 6, "unet.alpha_pattern": {"to_q": 3}, "unet.use_rslora": False}


@pytest.mark.parametrize(
    ("down", "up", "part", "name"),
    [
        ("unet.a.to_q.lora_A.weight", "unet.a.to_q.lora_B.weight", "unet", "a.to_q"),
        ("unet.a.to_q.lora.down.weight", "unet.a.to_q.lora.up.weight", "unet", "a.to_q"),
        (
            "unet.a.attn1.processor.to_out_lora.down.weight",
            "unet.a.attn1.processor.to_out_lora.up.weight",
            "unet",
            "a.attn1.to_out.0",
        ),
        ("a.processor.to_k_lora.down.weight", "a.processor.to_k_lora.up.weight", "unet", "a.to_k"),
        ("text_encoder.a.lora_A.weight", "text_encoder.a.lora_B.weight", "text_encoder", "a"),
        (
            "text_encoder.text_model.a.fc1.lora_linear_layer.down.weight",
            "text_encoder.text_model.a.fc1.lora_linear_layer.up.weight",
            "text_encoder",
            "text_model.a.fc1",
        ),
        (
            "text_encoder.a.self_attn.to_out_lora.down.weight",
            "text_encoder.a.self_attn.to_out_lora.up.weight",
            "text_encoder",
            "a.self_attn.out_proj",
        ),
        ("lora_unet_a_to_q.lora_down.weight", "lora_unet_a_to_q.lora_up.weight", "unet", "a_to_q"),
        ("lora_te_a_fc1.lora_down.weight", "lora_te_a_fc1.lora_up.weight", "text_encoder", "a_fc1"),
    ],
)
def test_every_format_gives_part_name_and_matrices(tmp_path, down, up, part, name):
    path = write(tmp_path / "x.safetensors", {down: DOWN, up: UP})
    (module,) = read_lora(path).modules
    assert (module.part, module.name, module.scale) == (part, name, 1.0)
    assert torch.equal(module.down, DOWN)
    assert torch.equal(module.up, UP)


def test_kohyas_alpha_is_over_the_rank(tmp_path):
    tensors = {
        "lora_unet_a.lora_down.weight": DOWN,
        "lora_unet_a.lora_up.weight": UP,
        "lora_unet_a.alpha": torch.tensor(5.0),
    }
    (module,) = read_lora(write(tmp_path / "x.safetensors", tensors)).modules
    assert module.scale == 2.5


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({"unet.lora_alpha": 6}, 3.0),
        (PATTERN, 1.5),
        ({"unet.lora_alpha": 6, "unet.use_rslora": True}, 6 / 2**0.5),
        ({"text_encoder.lora_alpha": 6}, 1.0),
    ],
)
def test_pefts_alpha_is_in_the_metadata(tmp_path, config, scale):
    path = write(tmp_path / "x.safetensors", PEFT, lora_adapter_metadata=json.dumps(config))
    (module,) = read_lora(path).modules
    assert module.scale == pytest.approx(scale)


@pytest.mark.parametrize("text", ["{", "[]", '{"unet.lora_alpha": "much"}'])
def test_broken_metadata_is_refused(tmp_path, text):
    path = write(tmp_path / "x.safetensors", PEFT, lora_adapter_metadata=text)
    with pytest.raises(ModelError, match=r"x\.safetensors: lora_adapter_metadata"):
        read_lora(path)


def test_metadata_and_hash_are_those_of_the_file(tmp_path):
    path = write(tmp_path / "x.safetensors", PEFT, ss_tag="kicks")
    assert read_lora(path).metadata == {"ss_tag": "kicks"}
    other = write(tmp_path / "y.safetensors", PEFT, ss_tag="snares")
    assert read_lora(path).sha256 != read_lora(other).sha256
    assert read_lora(write(tmp_path / "z.safetensors", PEFT)).metadata == {}


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({}, "holds nothing, expected a LoRA for Stable Diffusion 1.x or 2.x"),
        (
            {f"model.{n}.weight": UP for n in range(9)},
            r"holds 9 keys \(model.0.weight, model.1.weight, model.2.weight, …\), expected",
        ),
        ({**PEFT, "unet.a.to_q.lora_magnitude_vector": UP}, "1 keys .*magnitude"),
        (
            {"lora_unet_a.hada_w1_a": UP, "lora_unet_a.hada_w1_b": UP},
            r"2 keys \(lora_unet_a.hada_w1_a, .* of LoHa, which cannot be loaded, expected a LoRA",
        ),
        ({"lora_unet_a.lokr_w1": UP}, r"1 keys \(lora_unet_a.lokr_w1\) of LoKr"),
        ({"lora_unet_a.lora_mid.weight": UP}, "of LoCon with a Tucker decomposition"),
        ({"lora_unet_a.dora_scale": UP}, "of DoRA"),
        ({"lora_unet_norm.diff": UP, "lora_unet_norm.diff_b": UP}, "of whole weights"),
        ({"lora_te2_a.lora_down.weight": DOWN, "lora_te2_a.lora_up.weight": UP}, "2 keys .*te2"),
        ({"transformer.a.lora_A.weight": DOWN}, "1 keys .*transformer"),
        ({"unet.a.lora_A.weight": DOWN}, "unet a has down alone"),
        ({"lora_unet_a.alpha": torch.tensor(1.0)}, "unet a has alpha alone"),
        ({**PEFT, "unet.a.to_q.lora_B.weight": torch.randn(6, 3)}, "expected the rank 2 in both"),
        ({**PEFT, "unet.a.to_q.lora_B.weight": torch.randn(6)}, r"shapes \(2, 8\) and \(6,\)"),
        ({**PEFT, "unet.a.to_q.lora_B.weight": UP * float("nan")}, "to_q: up holds what is no"),
        ({**PEFT, "unet.a.to_q.lora_A.weight": DOWN * float("inf")}, "to_q: down holds what is"),
        ({**PEFT, "unet.a.to_q.lora_A.weight": DOWN.int()}, "to_q: down holds what is"),
        ({**PEFT, "unet.a.to_q.alpha": torch.tensor(float("nan"))}, "to_q: alpha holds what"),
        ({**PEFT, "unet.a.to_q.alpha": torch.ones(2)}, "one alpha"),
    ],
)
def test_what_is_no_lora_is_refused_by_name(tmp_path, tensors, reason):
    path = write(tmp_path / "odd.safetensors", tensors)
    with pytest.raises(ModelError, match=reason) as error:
        read_lora(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("cut", [0, 4, 60, -1])
def test_a_truncated_file_is_refused(tmp_path, cut):
    path = write(tmp_path / "x.safetensors", PEFT)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelError, match=r"x\.safetensors is damaged or no safetensors file"):
        read_lora(path)


def test_a_pickle_is_never_loaded(tmp_path):
    path = tmp_path / "x.safetensors"
    torch.save(PEFT, path)
    with pytest.raises(ModelError, match="the only kind that is loaded"):
        read_lora(path)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        read_lora(tmp_path / "x.safetensors")


def test_what_was_read_does_not_change_with_the_file(tmp_path):
    path = write(tmp_path / "x.safetensors", PEFT)
    (module,) = read_lora(path).modules
    path.write_bytes(b"")
    assert torch.equal(module.down, DOWN)
