"""A model's second UNet for few steps: loaded, checked, sampled, sized, placed; LoRAs in both."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

from oneshot_server.errors import BadArgumentsError, ModelError
from oneshot_server.pipeline.device_plan import GIB, DevicePlan, Machine, plan_device
from oneshot_server.pipeline.distilled import check_distilled
from oneshot_server.pipeline.lora_blend import LoraBlender
from oneshot_server.pipeline.lora_file import read_lora
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_entry import add_model
from oneshot_server.pipeline.model_folder import (
    CARD_FILE,
    SUMS_FILE,
    hash_model,
    read_card,
    write_sums,
)
from oneshot_server.pipeline.model_size import model_size
from oneshot_server.pipeline.placing import place_parts
from oneshot_server.pipeline.render import render_batch
from oneshot_server.pipeline.sampling import (
    noise_to_latents,
    seeds_to_noise,
    texts_to_embeddings,
)
from tests.unit.pipeline.lora_files import Q_PROJ, TO_Q, flat, pair, product, weight_of, write
from tests.unit.pipeline.tiny_model import PROFILE, tiny_unet, write_tiny_model

STEPS = 4
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", distilled_steps=STEPS)


@pytest.fixture
def folder(shared: Path, tmp_path: Path) -> Path:
    """One of our own, to be damaged."""
    return shutil.copytree(shared, tmp_path / "tiny")


@pytest.fixture(scope="module")
def model(shared: Path) -> Model:
    return load_model(shared, CPU)


def change_card(folder: Path, **changes: object) -> None:
    card = json.loads((folder / CARD_FILE).read_bytes())
    (folder / CARD_FILE).write_text(json.dumps({**card, **changes}))


@torch.no_grad()
def sample(model: Model, **changes: object) -> torch.Tensor:
    embeddings = texts_to_embeddings(["kick", "snare"], model)
    options = {"steps": STEPS, "guidance": 1.0, "sampler": "distilled", **changes}
    noise = seeds_to_noise([1, 2], model)
    options.setdefault("on_step", lambda _n, _of: None)
    return noise_to_latents(noise, embeddings, embeddings, model, **options)


def test_a_bare_diffusers_script_gives_the_same_latents(shared, model):
    scheduler = DDIMScheduler.from_pretrained(shared / "scheduler", timestep_spacing="trailing")
    scheduler.set_timesteps(STEPS)
    assert scheduler.timesteps.tolist() == [999, 749, 499, 249]
    theirs = StableDiffusionPipeline(
        vae=model.vae,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        # In the same order in memory, so that it sums in the same order.
        unet=UNet2DConditionModel.from_pretrained(shared / "unet_distilled").to(
            memory_format=torch.channels_last
        ),
        scheduler=None,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    theirs.scheduler = scheduler
    theirs.set_progress_bar_config(disable=True)
    with torch.no_grad():
        expected = theirs(
            prompt_embeds=texts_to_embeddings(["kick", "snare"], model),
            latents=seeds_to_noise([1, 2], model),
            num_inference_steps=STEPS,
            guidance_scale=1.0,
            height=64,
            width=64,
            output_type="latent",
        ).images
    torch.testing.assert_close(sample(model), expected, atol=1e-5, rtol=1e-5)


def test_other_samplers_work_with_the_other_unet(shared, model):
    plain = load_model(shared, CPU, distilled=False)
    assert plain.distilled_unet is None
    assert torch.equal(sample(model, sampler="ddim"), sample(plain, sampler="ddim"))
    assert (sample(model, sampler="ddim") - sample(model)).abs().amax() > 0.1


def test_a_batch_is_the_same_again_to_the_bit(model):
    def render() -> torch.Tensor:
        return render_batch(
            "kick",
            "",
            [3, 4],
            model,
            steps=STEPS,
            guidance=1.0,
            sampler="distilled",
            on_step=lambda _n, _of: None,
        ).waveforms

    assert torch.equal(render(), render())


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"steps": 5}, r"steps = 5 with sampler = distilled, .*model tiny does in 4 steps"),
        ({"guidance": 1.5}, r"guidance = 1\.5 with sampler = distilled.* at most 1"),
        ({"start": torch.zeros(2, 4, 8, 8)}, "begins from noise alone"),
    ],
)
def test_what_it_cannot_do_is_refused_before_it_begins(model, asked, says):
    steps: list[int] = []
    with pytest.raises(BadArgumentsError, match=says):
        sample(model, on_step=lambda number, _of: steps.append(number), **asked)
    assert steps == []


def test_a_negative_prompt_and_a_model_without_it_are_refused_by_name(model):
    with pytest.raises(BadArgumentsError, match=r"negative = 'noisy' with sampler = distilled"):
        check_distilled(model.card, negative="noisy")
    with pytest.raises(BadArgumentsError, match=r"the model tiny has no UNet for few steps.*ddim"):
        check_distilled(replace(model.card, distilled_steps=0))
    check_distilled(model.card, steps=STEPS, guidance=0.0)


def test_a_unet_that_the_card_tells_of_and_is_not_there_is_named(folder, tmp_path):
    shutil.rmtree(folder / "unet_distilled")
    for use in (
        lambda: load_model(folder, CPU),
        lambda: hash_model(folder),
        lambda: model_size(folder, read_card(folder)),
        lambda: add(folder, tmp_path / "models"),
        lambda: write_sums(folder),
    ):
        with pytest.raises(ModelError, match=r"unet_distilled has no weights.*distilled_steps = 4"):
            use()
    assert not (tmp_path / "models").exists()


def test_one_file_has_no_second_unet_and_a_card_that_says_so_is_refused(folder, tmp_path):
    file = tmp_path / "one.safetensors"
    file.write_bytes((folder / "unet" / "diffusion_pytorch_model.safetensors").read_bytes())
    change_card(folder, source=str(file))
    with pytest.raises(ModelError, match=r"unet_distilled has no weights"):
        load_model(folder, CPU)


def test_a_unet_of_another_architecture_is_refused(folder):
    tiny_unet(width=64).save_pretrained(folder / "unet_distilled")
    with pytest.raises(ModelError, match=r"unet_distilled: .* expected the same architecture"):
        load_model(folder, CPU)


def test_a_card_cannot_make_it_the_way_of_many_steps(folder):
    change_card(folder, sampler="distilled")
    with pytest.raises(ModelError, match="sampler"):
        read_card(folder)


def test_its_weights_are_in_the_hash_and_in_the_sums(folder):
    before = hash_model(folder)
    write_sums(folder)
    assert "unet_distilled/config.json" in (folder / SUMS_FILE).read_text()
    assert hash_model(folder) == before
    torch.manual_seed(9)
    tiny_unet().save_pretrained(folder / "unet_distilled")
    with pytest.raises(ModelError, match=r"unet_distilled.* is damaged"):
        hash_model(folder)
    write_sums(folder)
    assert hash_model(folder) != before


def test_one_that_no_card_tells_of_is_no_part_of_the_model(folder, tmp_path):
    change_card(folder, distilled_steps=0)
    before = hash_model(folder)
    shutil.rmtree(folder / "unet_distilled")
    assert hash_model(folder) == before
    assert load_model(folder, CPU).distilled_unet is None


def test_models_of_before_keep_their_hash(folder, tmp_path):
    entry = add(folder, tmp_path / "models", profile=PROFILE)
    whole = hashlib.sha256()
    told = msgspec.to_builtins(replace(read_card(entry), name="", source="", revision=""))
    del told["distilled_steps"]
    card = hashlib.sha256(json.dumps(told, separators=(",", ":")).encode()).hexdigest()
    whole.update(f"{card}  {CARD_FILE}\n".encode())
    for part in ("scheduler", "text_encoder", "tokenizer", "unet", "vae"):
        for path in sorted((folder / part).rglob("*")):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            whole.update(f"{digest}  {path.relative_to(folder).as_posix()}\n".encode())
    assert hash_model(entry) == whole.hexdigest()


def add(source: Path, models: Path, profile: object = None) -> Path:
    return add_model(
        str(source),
        models,
        name="added",
        profile=profile,
        default_profile=PROFILE,
        prediction=None,
    )


def test_a_model_that_is_added_brings_it_along_if_its_own_card_does(folder, tmp_path):
    assert read_card(add(folder, tmp_path / "a")).distilled_steps == STEPS
    write_sums(folder)  # it lists what the next one does not use
    other = add(folder, tmp_path / "b", profile=PROFILE)
    assert read_card(other).distilled_steps == 0
    assert hash_model(other)
    assert load_model(tmp_path / "a" / "added", CPU).distilled_unet is not None


def test_it_counts_in_memory_and_waits_outside_the_device_like_the_other(shared):
    size = model_size(shared, read_card(shared))
    assert size.distilled_unet == size.unet > 0
    large = replace(size, unet=10**9, distilled_unet=10**9, text_encoder=10**8)
    alone = replace(large, distilled_unet=0)
    for gib, offload in ((8.0, False), (2.5, True)):
        machine = Machine(kind="cuda", free_bytes=int(gib * GIB), half="fp16")
        plans = [plan_device(machine, one, setting="auto", max_batch=1) for one in (large, alone)]
        assert plans[0].offload is offload
        if offload:
            assert plans[0].needed_bytes == plans[1].needed_bytes
        else:
            assert plans[0].needed_bytes - plans[1].needed_bytes == 2 * 10**9


class Network(torch.nn.Module):
    """Moves to ``meta`` as to a device, and notes where it is."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def to(self, device: object = None, **_: object) -> "Network":
        if device is not None:
            self.weight = torch.nn.Parameter(torch.zeros(1, device=device))
        return self

    def forward(self) -> str:
        return self.weight.device.type


def test_of_all_networks_only_the_one_that_works_is_on_the_device():
    names = ("text_encoder", "unet", "distilled_unet", "vae")
    parts = {name: Network() for name in names}
    place_parts(parts, torch.device("meta"), DevicePlan(offload=True))
    many, few = ("text_encoder", "unet", "vae"), ("text_encoder", "distilled_unet", "vae")
    for name in (*many, *few, *few, *many, *many):
        assert parts[name]() == "meta"
        assert [n for n in names if parts[n].weight.device.type == "meta"] == [name]


def test_a_lora_is_in_both_unets_and_once_in_the_text_encoder_and_gone_again(shared, tmp_path):
    model = load_model(shared, CPU)
    base = load_model(shared, CPU)
    tensors: dict[str, torch.Tensor] = {}
    deltas: dict[str, torch.Tensor] = {}
    for prefix, part, name in (
        ("lora_unet_", model.unet, TO_Q),
        ("lora_te_text_model_", model.text_encoder, Q_PROJ),
    ):
        down, up = pair(part, name)
        deltas[name] = product(down, up)
        tensors[f"{prefix}{flat(name)}.lora_down.weight"] = down
        tensors[f"{prefix}{flat(name)}.lora_up.weight"] = up
    file = read_lora(write(tmp_path / "k.safetensors", tensors))
    blender = LoraBlender(model)
    blender.apply([(file, 0.5)])
    for changed, before, name in (
        (model.unet, base.unet, TO_Q),
        (model.distilled_unet, base.distilled_unet, TO_Q),
        (model.text_encoder, base.text_encoder, Q_PROJ),
    ):
        expected = weight_of(before, name) + 0.5 * deltas[name]
        torch.testing.assert_close(weight_of(changed, name), expected, atol=1e-6, rtol=1e-6)
    blender.apply([])
    for now, before in (
        (model.unet, base.unet),
        (model.distilled_unet, base.distilled_unet),
        (model.text_encoder, base.text_encoder),
    ):
        for one, other in zip(now.parameters(), before.parameters(), strict=True):
            assert torch.equal(one, other)
