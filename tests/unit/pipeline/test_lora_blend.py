"""LoRAs in the live weights: as diffusers plays them, from the base alone, and gone again."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
from msgspec import structs
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from oneshot_server.domain.lora_card import LoraCard, TrainingFigures
from oneshot_server.errors import ModelError, ProfileMismatchError
from oneshot_server.pipeline.lora_blend import LoraBlender, check_card
from oneshot_server.pipeline.lora_file import read_lora
from oneshot_server.pipeline.model import Model, load_model
from tests.unit.pipeline.lora_files import (
    CONV,
    PROJ,
    Q_PROJ,
    TO_Q,
    bits,
    flat,
    pair,
    product,
    text_output,
    unet_output,
    weight_of,
    write,
    write_lora,
)
from tests.unit.pipeline.tiny_model import PROFILE, write_tiny_model

# Apart: diffusers itself reads no file that holds attention under its old names beside others.
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
OTHERS = ["proj_in", "conv1", "ff.net.2", "conv_in"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def model(folder: Path) -> Model:
    return load_model(folder, torch.device("cpu"))


def pipeline_of(model: Model) -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=model.vae,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        unet=model.unet,
        scheduler=None,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def save_as_diffusers(
    model: Model, folder: Path, *, targets: list[str], alpha: float, metadata: bool
) -> Path:
    """A LoRA of UNet and text encoder, random, by PEFT and ``save_lora_weights``."""
    unet = LoraConfig(r=3, lora_alpha=alpha, target_modules=targets, init_lora_weights=False)
    text = LoraConfig(r=2, lora_alpha=alpha, target_modules=["q_proj", "fc1"])
    text.init_lora_weights = False
    torch.manual_seed(5)
    model.unet.add_adapter(unet)
    model.text_encoder.add_adapter(text)
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(model.unet))
    text_layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(model.text_encoder))
    StableDiffusionPipeline.save_lora_weights(
        folder,
        unet_lora_layers=layers,
        text_encoder_lora_layers=text_layers,
        weight_name="x.safetensors",
        unet_lora_adapter_metadata=unet.to_dict() if metadata else None,
        text_encoder_lora_adapter_metadata=text.to_dict() if metadata else None,
    )
    return folder / "x.safetensors"


@pytest.mark.parametrize("targets", [ATTENTION, OTHERS])
@pytest.mark.parametrize(("alpha", "metadata"), [(6.0, True), (3.0, False)])
def test_what_diffusers_saved_sounds_as_in_diffusers(folder, tmp_path, alpha, metadata, targets):
    maker, theirs, ours = (load_model(folder, torch.device("cpu")) for _ in range(3))
    base = unet_output(theirs), text_output(theirs)
    path = save_as_diffusers(maker, tmp_path, targets=targets, alpha=alpha, metadata=metadata)
    pipeline_of(theirs).load_lora_weights(tmp_path, weight_name=path.name)
    LoraBlender(ours).apply([(read_lora(path), 1.0)])
    for output, before in zip((unet_output, text_output), base, strict=True):
        torch.testing.assert_close(output(ours), output(theirs), atol=1e-5, rtol=1e-5)
        assert (output(ours) - before).abs().amax() > 1e-2


def kohya(model: Model, path: Path, *, alpha: float, rank: int = 4) -> Path:
    tensors: dict[str, torch.Tensor] = {}
    for prefix, part, name in (
        ("lora_unet_", model.unet, TO_Q),
        ("lora_unet_", model.unet, CONV),
        ("lora_unet_", model.unet, PROJ),
        ("lora_te_text_model_", model.text_encoder, Q_PROJ),
    ):
        down, up = pair(part, name, rank=rank)
        tensors[f"{prefix}{flat(name)}.lora_down.weight"] = down
        tensors[f"{prefix}{flat(name)}.lora_up.weight"] = up
        tensors[f"{prefix}{flat(name)}.alpha"] = torch.tensor(alpha)
    return write(path, tensors)


def test_a_kohya_file_is_the_weight_and_alpha_over_rank_times_up_down(model, tmp_path):
    expected = {}
    for part, name in (
        (model.unet, TO_Q),
        (model.unet, CONV),
        (model.unet, PROJ),
        (model.text_encoder, Q_PROJ),
    ):
        delta = product(*pair(part, name, rank=4))
        expected[name] = weight_of(part, name) + 0.7 * (2.0 / 4) * delta
    file = read_lora(kohya(model, tmp_path / "k.safetensors", alpha=2.0))
    LoraBlender(model).apply([(file, 0.7)])
    for name, weight in expected.items():
        part = model.text_encoder if name == Q_PROJ else model.unet
        torch.testing.assert_close(weight_of(part, name), weight, atol=1e-6, rtol=1e-6)


def test_a_kohya_lora_of_all_attention_layers_gives_the_answer_of_the_sum_by_hand(folder, tmp_path):
    ours, by_hand = (load_model(folder, torch.device("cpu")) for _ in range(2))
    tensors, rank, alpha = {}, 8, 4.0
    names = [
        name
        for name, module in by_hand.unet.named_modules()
        if isinstance(module, torch.nn.Linear) and ".attn" in name
    ]
    assert len(names) >= 8
    for number, name in enumerate(names):
        down, up = pair(by_hand.unet, name, rank=rank, seed=number)
        tensors[f"lora_unet_{flat(name)}.lora_down.weight"] = down
        tensors[f"lora_unet_{flat(name)}.lora_up.weight"] = up
        tensors[f"lora_unet_{flat(name)}.alpha"] = torch.tensor(alpha)
        weight_of(by_hand.unet, name).data.add_(alpha / rank * (up @ down))
    base = unet_output(ours)
    LoraBlender(ours).apply([(read_lora(write(tmp_path / "k.safetensors", tensors)), 1.0)])
    torch.testing.assert_close(unet_output(ours), unet_output(by_hand), atol=1e-5, rtol=0.0)
    assert (unet_output(ours) - base).abs().max() > 1e-3


def test_a_kohya_file_sounds_as_its_peft_twin(folder, tmp_path):
    ours, twin, theirs = (load_model(folder, torch.device("cpu")) for _ in range(3))
    path = kohya(ours, tmp_path / "k.safetensors", alpha=2.0)
    tensors: dict[str, torch.Tensor] = {}
    for prefix, part, name in (
        ("unet", ours.unet, TO_Q),
        ("unet", ours.unet, CONV),
        ("unet", ours.unet, PROJ),
        ("text_encoder", ours.text_encoder, Q_PROJ),
    ):
        down, up = pair(part, name, rank=4)
        tensors[f"{prefix}.{name}.lora_A.weight"] = down
        tensors[f"{prefix}.{name}.lora_B.weight"] = 0.5 * up
    peft = write(tmp_path / "p.safetensors", tensors)
    pipeline_of(theirs).load_lora_weights(peft)
    LoraBlender(ours).apply([(read_lora(path), 1.0)])
    LoraBlender(twin).apply([(read_lora(peft), 1.0)])
    for output in unet_output, text_output:
        torch.testing.assert_close(output(ours), output(twin), atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(output(ours), output(theirs), atol=1e-5, rtol=1e-5)


# The tiny UNet has one layer a block: block 1 is layer 0 of the first, 2 its downsampler.
@pytest.mark.parametrize(
    ("original", "name"),
    [
        ("input_blocks_0_0", "conv_in"),
        ("input_blocks_1_0_in_layers_2", "down_blocks.0.resnets.0.conv1"),
        ("input_blocks_1_0_out_layers_3", "down_blocks.0.resnets.0.conv2"),
        ("input_blocks_1_0_emb_layers_1", "down_blocks.0.resnets.0.time_emb_proj"),
        ("input_blocks_1_1_proj_in", "down_blocks.0.attentions.0.proj_in"),
        ("input_blocks_1_1_transformer_blocks_0_attn2_to_q", TO_Q),
        (
            "input_blocks_1_1_transformer_blocks_0_attn1_to_out_0",
            "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0",
        ),
        (
            "input_blocks_1_1_transformer_blocks_0_ff_net_0_proj",
            "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj",
        ),
        ("input_blocks_2_0_op", "down_blocks.0.downsamplers.0.conv"),
        ("input_blocks_3_0_skip_connection", "down_blocks.1.resnets.0.conv_shortcut"),
        ("middle_block_0_in_layers_2", "mid_block.resnets.0.conv1"),
        ("middle_block_1_proj_out", "mid_block.attentions.0.proj_out"),
        ("output_blocks_0_0_in_layers_2", "up_blocks.0.resnets.0.conv1"),
        ("output_blocks_1_1_conv", "up_blocks.0.upsamplers.0.conv"),
        ("output_blocks_3_1_proj_in", "up_blocks.1.attentions.1.proj_in"),
        ("time_embed_2", "time_embedding.linear_2"),
        ("out_2", "conv_out"),
    ],
)
def test_names_of_stable_diffusions_first_code_are_understood(model, tmp_path, original, name):
    down, up = pair(model.unet, name)
    before = weight_of(model.unet, name).clone()
    path = write(
        tmp_path / "x.safetensors",
        {
            f"lora_unet_{original}.lora_down.weight": down,
            f"lora_unet_{original}.lora_up.weight": up,
        },
    )
    LoraBlender(model).apply([(read_lora(path), 1.0)])
    after = weight_of(model.unet, name)
    torch.testing.assert_close(after, before + product(down, up), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("shape", ["linear on a convolution", "convolution on linear"])
def test_a_convolution_of_one_by_one_and_a_linear_layer_are_alike(model, tmp_path, shape):
    name = PROJ if shape == "linear on a convolution" else TO_Q
    down, up = pair(model.unet, name)
    before = weight_of(model.unet, name).clone()
    other = (2, down.shape[1]) if name == PROJ else (2, down.shape[1], 1, 1)
    up_other = (len(up), 2) if name == PROJ else (len(up), 2, 1, 1)
    path = write(
        tmp_path / "x.safetensors",
        {
            f"unet.{name}.lora_A.weight": down.view(other),
            f"unet.{name}.lora_B.weight": up.view(up_other),
        },
    )
    LoraBlender(model).apply([(read_lora(path), 1.0)])
    after = weight_of(model.unet, name)
    torch.testing.assert_close(after, before + product(down, up), atol=1e-6, rtol=1e-6)


def test_unloading_restores_the_base_bit_for_bit(model, tmp_path):
    before = bits(model)
    objects = {name: p.data_ptr() for name, p in model.unet.named_parameters()}
    blender = LoraBlender(model)
    files = [
        read_lora(kohya(model, tmp_path / "k.safetensors", alpha=2.0)),
        read_lora(write_lora(tmp_path / "a.safetensors", model, seed=1, names=(TO_Q, CONV))),
        read_lora(write_lora(tmp_path / "b.safetensors", model, seed=2, names=(PROJ,))),
    ]
    for weight in (1.0, -2.0, 4.0, 1e-3):
        blender.apply([(file, weight) for file in files])
        assert bits(model) != before
        blender.apply(())
        assert bits(model) == before
    assert objects == {name: p.data_ptr() for name, p in model.unet.named_parameters()}


def test_a_blend_is_the_same_whatever_was_there_before_and_however_it_is_ordered(folder, tmp_path):
    model = load_model(folder, torch.device("cpu"))
    files = [
        read_lora(write_lora(tmp_path / f"{n}.safetensors", model, seed=n, names=names))
        for n, names in enumerate([(TO_Q, CONV), (TO_Q, PROJ), (TO_Q,)])
    ]
    blend = list(zip(files, (0.8, -1.5, 2.0), strict=True))
    LoraBlender(model).apply(blend)
    expected = bits(model)
    other = load_model(folder, torch.device("cpu"))
    blender = LoraBlender(other, most_blends=0)
    for order in itertools.permutations(blend):
        blender.apply(order[:1])
        blender.apply(order)
        assert bits(other) == expected


def test_weights_add_up_in_both_directions(model, tmp_path):
    file = read_lora(write_lora(tmp_path / "a.safetensors", model))
    base = weight_of(model.unet, TO_Q).clone()
    blender = LoraBlender(model)
    blender.apply([(file, 1.0)])
    delta = weight_of(model.unet, TO_Q) - base
    for weight in (-2.0, 0.25, 4.0):
        blender.apply([(file, weight)])
        changed = weight_of(model.unet, TO_Q)
        torch.testing.assert_close(changed, base + weight * delta, atol=1e-5, rtol=1e-5)
    blender.apply([(file, 0.5), (file, -0.5)])
    torch.testing.assert_close(weight_of(model.unet, TO_Q), base, atol=1e-6, rtol=1e-6)
    blender.apply([(file, 0.0)])
    assert weight_of(model.unet, TO_Q).data_ptr() != base.data_ptr()
    assert torch.equal(weight_of(model.unet, TO_Q), base)


def test_the_same_blend_again_costs_nothing_and_the_last_few_are_kept(model, tmp_path, monkeypatch):
    fused = []
    fuse = LoraBlender._fuse
    monkeypatch.setattr(LoraBlender, "_fuse", lambda self, t: fused.append(1) or fuse(self, t))
    files = [read_lora(write_lora(tmp_path / f"{n}.safetensors", model, seed=n)) for n in range(3)]
    blender = LoraBlender(model, most_blends=2)
    for file in (files[0], files[0], files[1], files[0], files[1]):
        blender.apply([(file, 1.0)])
    assert len(fused) == 2
    kept = bits(model)
    blender.apply([(files[2], 1.0)])  # the third; the one used longest ago goes
    blender.apply([(files[1], 1.0)])
    assert len(fused) == 3
    assert bits(model) == kept
    blender.apply([(files[0], 1.0)])
    assert len(fused) == 4


def test_blends_of_a_large_model_are_not_kept(model, tmp_path):
    blender = LoraBlender(model, most_bytes=1000)
    blender.apply([(read_lora(write_lora(tmp_path / "a.safetensors", model)), 1.0)])
    assert not blender._kept


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_single_and_rounded_once(model, tmp_path, dtype):
    model.unet.to(dtype)
    base = weight_of(model.unet, TO_Q).clone()
    files = [
        read_lora(write_lora(tmp_path / f"{n}.safetensors", model, seed=n, size=1e-3))
        for n in range(2)
    ]
    # The order of the sum is the blender's own.
    (first, second) = sorted(files, key=lambda file: file.sha256)
    expected = base.float()
    for file, weight in ((first, 0.5), (second, 0.25)):
        expected += weight * product(file.modules[0].down, file.modules[0].up)
    blender = LoraBlender(model)
    blender.apply([(second, 0.25), (first, 0.5)])
    assert weight_of(model.unet, TO_Q).dtype == dtype
    torch.testing.assert_close(weight_of(model.unet, TO_Q), expected.to(dtype))
    blender.apply(())
    assert torch.equal(weight_of(model.unet, TO_Q), base)


def test_modules_that_the_model_has_not_are_named(model, tmp_path):
    tensors = {}
    for n in range(5):
        tensors[f"unet.deep_blocks.{n}.lora_A.weight"] = torch.randn(2, 8)
        tensors[f"unet.deep_blocks.{n}.lora_B.weight"] = torch.randn(8, 2)
    path = write(tmp_path / "deep.safetensors", tensors)
    text = r"deep\.safetensors is for modules that the model tiny has not: 5 keys \(unet deep_b"
    with pytest.raises(ModelError, match=text):
        LoraBlender(model).apply([(read_lora(path), 1.0)])


@pytest.mark.parametrize(
    ("down", "up"), [((2, 99), (32, 2)), ((2, 32), (99, 2)), ((2, 32, 3, 3), (32, 2, 1, 1))]
)
def test_shapes_of_another_model_are_told(model, tmp_path, down, up):
    tensors = {
        f"unet.{TO_Q}.lora_A.weight": torch.randn(down),
        f"unet.{TO_Q}.lora_B.weight": torch.randn(up),
    }
    path = write(tmp_path / "wide.safetensors", tensors)
    with pytest.raises(ModelError, match=r"wide\.safetensors: unet .*to_q is for .* tiny it has"):
        LoraBlender(model).apply([(read_lora(path), 1.0)])


def test_what_does_not_fit_leaves_the_model_as_it_was(model, tmp_path):
    good = read_lora(write_lora(tmp_path / "good.safetensors", model))
    tensors = {
        "unet.nowhere.lora_A.weight": torch.randn(2, 8),
        "unet.nowhere.lora_B.weight": torch.randn(8, 2),
    }
    bad = read_lora(write(tmp_path / "bad.safetensors", tensors))
    blender = LoraBlender(model)
    base = bits(model)
    blender.apply([(good, 1.0)])
    before = bits(model)
    with pytest.raises(ModelError):
        blender.apply([(good, 0.5), (bad, 1.0)])
    assert bits(model) == before
    blender.apply(())
    assert bits(model) == base


def card(model: Model) -> LoraCard:
    figures = TrainingFigures(
        held_out=1, held_out_base=2, held_out_live=None, others=1, others_base=1
    )
    return LoraCard(
        name="my kicks",
        version=3,
        base_model="tiny",
        base_hash=model.hash,
        profile=PROFILE,
        dataset_hash="1" * 64,
        sounds=9,
        rank=2,
        alpha=2.0,
        steps=9,
        seed=0,
        figures=figures,
        software="test",
    )


def test_a_lora_of_this_model_is_let_in(model):
    check_card(card(model), model)


def test_a_lora_of_another_model_is_refused_with_both_names(model):
    other = replace(card(model), base_model="big", base_hash="f" * 64)
    with pytest.raises(ModelError, match=r'"my kicks" version 3 .* big \(SHA-256 ffff.* is tiny'):
        check_card(other, model)


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        (structs.replace(PROFILE, name="wide-512", mels=512), "wide-512 .* has tiny-64$"),
        (structs.replace(PROFILE, range_db=90.0), "has tiny-64 with other numbers"),
    ],
)
def test_a_lora_of_another_profile_is_refused_with_both_names(model, profile, text):
    with pytest.raises(ProfileMismatchError, match=text):
        check_card(replace(card(model), profile=profile), model)
