"""What cannot be played is refused by its name, with what to do."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from oneshot_server.errors import EngineFailedError, ModelError, NotFoundError
from oneshot_server.library.safetensors_header import read_header
from oneshot_server.pipeline.model_entry import add_model
from oneshot_server.pipeline.stable_diffusion.recognise import recognise_file, recognise_folder
from tests.unit.pipeline.tiny_model import PROFILE, write_tiny_model

UNET = "model.diffusion_model."
TEXT = f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
FIRST = f"{UNET}input_blocks.0.0.weight"


def write(path: Path, **shapes: tuple[int, ...]) -> Path:
    save_file({key: torch.zeros(shape) for key, shape in shapes.items()}, path)
    return path


def whole(width: int = 768, channels: int = 4) -> dict[str, tuple[int, ...]]:
    return {
        TEXT: (1, width),
        FIRST: (1, channels, 1, 1),
        "first_stage_model.a": (1,),
        "cond_stage_model.a": (1,),
    }


@pytest.mark.parametrize(("width", "family"), [(768, "sd1"), (1024, "sd2")])
def test_the_family_is_told_by_the_width_of_the_text(tmp_path, width, family):
    assert recognise_file(write(tmp_path / "a.safetensors", **whole(width)))[0] == family


@pytest.mark.parametrize(
    ("shapes", "name"),
    [
        ({"conditioner.embedders.1.model.a": (1,)}, "is Stable Diffusion XL, expected"),
        ({"conditioner.embedders.0.model.a": (1,)}, "is the refiner of Stable Diffusion XL"),
        ({f"{UNET}joint_blocks.0.x": (1,)}, "is Stable Diffusion 3, expected"),
        ({f"{UNET}double_blocks.0.img_attn": (1,)}, "is Flux, expected"),
        ({"double_blocks.0.img_attn": (1,)}, "is Flux, expected"),
        ({"control_model.a": (1,)}, "is a ControlNet"),
        ({"lora_unet_a.lora_up.weight": (1,)}, "is a LoRA: put it into the folder loras"),
        ({"down_blocks.0.a": (1,)}, "is a UNet alone"),
        ({"encoder.down.0.a": (1,)}, "is an autoencoder alone"),
        ({"something": (1,)}, "no model that is known here (it holds something"),
        (whole(2048), "a model that attends to texts of width 2048"),
        (whole(channels=9), "an inpainting or instruction model: its UNet takes 9 channels"),
        ({k: s for k, s in whole().items() if "first" not in k}, "has no autoencoder"),
        ({k: s for k, s in whole().items() if "cond" not in k}, "has no text model"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, shapes, name):
    path = write(tmp_path / "a.safetensors", **shapes)
    with pytest.raises(ModelError) as refused:
        recognise_file(path)
    assert str(path) in str(refused.value)
    assert name in str(refused.value)


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".CKPT", ".bin"])
def test_a_pickle_is_refused_with_how_to_convert_it(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"anything")
    with pytest.raises(ModelError) as refused:
        recognise_file(path)
    text = str(refused.value)
    assert "is a pickle, which may run any program when it is opened" in text
    assert "weights_only=True" in text
    assert "'model.safetensors'" in text


def test_the_conversion_that_is_advised_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tied = torch.ones(2)
    torch.save({"state_dict": {"a": tied, "b": tied, "step": 3}}, "model.ckpt")
    with pytest.raises(ModelError) as refused:
        recognise_file(Path("model.ckpt"))
    program = str(refused.value).partition('python -c "')[2].rstrip('"')
    exec(compile(program, "advice", "exec"), {})
    assert read_header(tmp_path / "model.safetensors").shapes == {"a": (2,), "b": (2,)}


def test_a_file_that_is_cut_off_is_told_with_its_sizes(tmp_path):
    path = write(tmp_path / "a.safetensors", **whole())
    content = path.read_bytes()
    for kept in (len(content) - 1, 300, 4):
        path.write_bytes(content[:kept])
        with pytest.raises(ModelError, match=r"is cut off|is damaged"):
            recognise_file(path)
    path.write_bytes(content[:-1])
    with pytest.raises(ModelError) as refused:
        recognise_file(path)
    assert f"has {len(content) - 1:,} bytes, expected {len(content):,}" in str(refused.value)
    path.write_bytes(b"<html>not found</html>" * 20)
    with pytest.raises(ModelError, match="damaged or no safetensors file"):
        recognise_file(path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda f: index(f, "StableDiffusionXLPipeline"), "is Stable Diffusion XL (Stable"),
        (lambda f: index(f, "StableDiffusion3Pipeline"), "is Stable Diffusion 3 (Stable"),
        (lambda f: index(f, "FluxPipeline"), "is Flux (FluxPipeline), expected Stable"),
        (lambda f: (f / "text_encoder_2").mkdir(), "is Stable Diffusion XL (it has text_enc"),
        (lambda f: (f / "transformer").mkdir(), "is a diffusion transformer"),
        (lambda f: (f / "vae").rename(f / "vae_off"), "vae missing, expected unet, text_encoder"),
        (lambda f: pickled(f), "unet_off.bin is a pickle"),
        (lambda f: weights(f).write_bytes(weights(f).read_bytes()[:-9]), "is cut off"),
        (lambda f: weights(f).unlink(), "has no weights, expected a .safetensors file"),
    ],
)
def test_other_folders_are_refused_by_name(tmp_path, change, why):
    folder = write_tiny_model(tmp_path / "tiny")
    recognise_folder(folder)
    change(folder)
    with pytest.raises(ModelError) as refused:
        recognise_folder(folder)
    assert why in str(refused.value)


def index(folder: Path, name: str) -> None:
    (folder / "model_index.json").write_text(json.dumps({"_class_name": name}))


def weights(folder: Path) -> Path:
    return folder / "unet" / "diffusion_pytorch_model.safetensors"


def pickled(folder: Path) -> None:
    weights(folder).rename(folder / "unet" / "unet_off.bin")


def test_a_name_of_the_hub_without_a_network_says_what_to_do(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EngineFailedError) as refused:
        add_model(
            "stable-diffusion-v1-5/stable-diffusion-v1-5",
            tmp_path / "models",
            name=None,
            profile=None,
            default_profile=PROFILE,
            prediction=None,
        )
    text = str(refused.value)
    assert "is not on this machine, and the hub cannot be reached: " in text
    assert "oneshot model add PATH" in text
    assert not (tmp_path / "models").exists()


def test_a_file_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFoundError):
        recognise_file(tmp_path / "a.safetensors")
    with pytest.raises(NotFoundError):
        recognise_folder(tmp_path / "a")
