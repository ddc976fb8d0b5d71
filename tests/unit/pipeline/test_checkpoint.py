from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPTokenizer

from oneshot_server.errors import BadArgumentsError, ModelError, NotFoundError
from oneshot_server.pipeline.model import load_model
from oneshot_server.pipeline.model_entry import add_model
from oneshot_server.pipeline.model_folder import CARD_FILE, hash_model, read_card
from oneshot_server.pipeline.render import render_batch
from oneshot_server.pipeline.stable_diffusion.architecture import clip_tokenizer
from oneshot_server.pipeline.stable_diffusion.checkpoint import load_checkpoint
from oneshot_server.pipeline.stable_diffusion.prediction import file_prediction, name_prediction
from tests.unit.pipeline.ldm_layout import (
    ldm_tensors,
    make_parts,
    tiny_architecture,
    tiny_families,
    write_file,
    write_folder,
)
from tests.unit.pipeline.tiny_model import PROFILE

__all__ = ["tiny_families"]

pytestmark = pytest.mark.usefixtures("tiny_families")
CPU = torch.device("cpu")


def add(source: Path | str, models: Path, **options) -> Path:
    wanted = {"name": None, "profile": None, "prediction": None} | options
    return add_model(str(source), models, default_profile=PROFILE, **wanted)


def waveform(folder: Path) -> torch.Tensor:
    model = load_model(folder, CPU)
    return render_batch(
        "kick", "", [7], model, steps=2, guidance=3.0, on_step=lambda *_: None
    ).waveforms


@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_a_folder_and_one_file_of_the_same_weights_sound_the_same_to_the_bit(tmp_path, family):
    plan = tiny_architecture(family)
    parts = make_parts(plan)
    folder = write_folder(tmp_path / "folder", parts, plan)
    file = write_file(tmp_path / "file.safetensors", parts)
    ours = add(file, tmp_path / "models", prediction="epsilon")
    theirs = add(folder, tmp_path / "models")
    assert torch.equal(waveform(ours), waveform(theirs))
    assert [path.name for path in theirs.iterdir()] == [CARD_FILE]
    assert not (folder / CARD_FILE).exists()


@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_every_weight_of_a_file_comes_to_its_place(tmp_path, family):
    parts = make_parts(tiny_architecture(family))
    loaded = load_checkpoint(
        write_file(tmp_path / "a.safetensors", parts), dtype=torch.float32, prediction=None
    )
    for name, part in parts.items():
        ours, theirs = loaded[name].state_dict(), part.state_dict()
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_a_checkpoint_that_lacks_weights_names_them(tmp_path):
    tensors = ldm_tensors(make_parts(tiny_architecture("sd1")))
    del tensors["model.diffusion_model.middle_block.1.proj_in.weight"]
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match=r"does not have the weights.*proj_in"):
        load_checkpoint(tmp_path / "a.safetensors", dtype=torch.float32, prediction=None)


def test_what_is_predicted_is_told_by_a_mark_by_the_producer_or_by_the_family(tmp_path):
    parts = make_parts(tiny_architecture("sd1"))
    plain = write_file(tmp_path / "plain.safetensors", parts)
    marked = write_file(tmp_path / "marked.safetensors", parts, v_pred="1")
    assert file_prediction(plain) == "epsilon"
    assert file_prediction(marked) == "v_prediction"
    folder = add(plain, tmp_path / "models", prediction="v_prediction")
    assert read_card(folder).prediction == "v_prediction"
    assert load_model(folder, CPU).scheduler_config["prediction_type"] == "v_prediction"


def test_a_unet_of_the_second_family_is_asked(tmp_path):
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    other = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    assert name_prediction(noise, 0.9 * noise + 0.3 * other) == "epsilon"
    assert name_prediction(noise, 0.07 * noise - other) == "v_prediction"
    assert name_prediction(noise, -noise) == "v_prediction"
    file = write_file(tmp_path / "a.safetensors", make_parts(tiny_architecture("sd2")))
    assert file_prediction(file) == "v_prediction"  # random weights know nothing of the noise


def test_the_tokens_are_those_of_the_published_tokenizer():
    # as printed in the documentation of CLIP and of Stable Diffusion
    first, second = clip_tokenizer("<|endoftext|>"), clip_tokenizer("!")
    assert first("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert len(first) == 49408
    assert first("", padding="max_length", max_length=4).input_ids == [49406, 49407, 49407, 49407]
    assert second("", padding="max_length", max_length=4).input_ids == [49406, 49407, 0, 0]
    assert isinstance(first, CLIPTokenizer)


def test_the_hash_goes_by_the_weights_and_not_by_the_place_or_the_name(tmp_path):
    plan = tiny_architecture("sd1")
    source = write_folder(tmp_path / "a", make_parts(plan), plan)
    one = add(source, tmp_path / "models", name="one")
    before = hash_model(one)
    source.rename(tmp_path / "b")
    with pytest.raises(ModelError, match="is gone: put it back"):
        hash_model(one)
    three = add(tmp_path / "b", tmp_path / "models", name="three")
    assert hash_model(three) == before
    (tmp_path / "b" / "v1-5.safetensors").write_bytes(b"the same once more")
    (tmp_path / "b" / "safety_checker").mkdir()
    (tmp_path / "b" / "safety_checker" / "config.json").write_text("{}")
    assert hash_model(three) == before
    (tmp_path / "b" / "unet" / "config.json").write_text("{}")
    assert hash_model(three) != before


def test_a_card_beside_the_weights_is_kept(tmp_path):
    plan = tiny_architecture("sd1")
    source = write_folder(tmp_path / "a", make_parts(plan), plan)
    card = {"name": "x", "profile": msgspec.to_builtins(PROFILE), "steps": 3, "guidance": 2.0}
    (source / CARD_FILE).write_bytes(msgspec.json.encode(card))
    added = read_card(add(source, tmp_path / "models", name="mine"))
    assert (added.name, added.steps, added.guidance) == ("mine", 3, 2.0)
    assert added.source == str(source)


@pytest.mark.parametrize("name", ["starter", "taken", "a/b", "", "x" * 65, ".hidden"])
def test_a_name_that_is_taken_or_none_is_refused(tmp_path, name):
    (tmp_path / "models" / "taken").mkdir(parents=True)
    source = tmp_path / "a.safetensors"
    source.touch()
    with pytest.raises(BadArgumentsError, match="--name"):
        add(source, tmp_path / "models", name=name)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["taken"]


def test_what_is_not_there_is_told_with_what_could_be(tmp_path):
    with pytest.raises(NotFoundError, match="expected a folder in diffusers' layout"):
        add(tmp_path / "nothing", tmp_path / "models")
