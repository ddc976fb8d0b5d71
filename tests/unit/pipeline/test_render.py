import pytest
import torch

from oneshot_server.errors import ModelError, NotFoundError
from oneshot_server.pipeline.model import load_model
from oneshot_server.pipeline.model_folder import find_model, hash_model, read_card, write_sums
from oneshot_server.pipeline.render import render_batch
from tests.unit.pipeline.tiny_model import PROFILE, write_tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def model(folder):
    return load_model(folder, torch.device("cpu"))


def render(model, seeds, *, prompt="kick", guidance=7.5, steps=3, on_step=lambda _n, _of: None):
    return render_batch(
        prompt, "", seeds, model, steps=steps, guidance=guidance, on_step=on_step
    ).waveforms


def test_stable_diffusions_own_architecture_renders_sounds_of_the_profile(model):
    waveforms = render(model, [1, 2])
    assert waveforms.shape == (2, PROFILE.samples)
    assert bool(torch.isfinite(waveforms).all())


def test_the_same_seeds_give_the_same_bytes(model):
    assert torch.equal(render(model, [5, 6, 7]), render(model, [5, 6, 7]))


def test_a_seed_gives_the_same_sound_in_any_batch(model):
    alone, among = render(model, [6])[0], render(model, [5, 6, 7])[1]
    assert (alone - among).norm() < 0.05 * alone.norm()


def test_prompt_seed_and_guidance_each_change_the_sound(model):
    plain = render(model, [1])
    assert not torch.allclose(plain, render(model, [2]))
    assert not torch.allclose(plain, render(model, [1], prompt="snare"))
    assert not torch.allclose(plain, render(model, [1], guidance=1.0))


def test_each_step_is_told_before_it_is_taken(model):
    told = []
    render(model, [1], steps=3, on_step=lambda number, of: told.append((number, of)))
    assert told == [(0, 3), (1, 3), (2, 3)]


def test_a_step_can_stop_the_render(model):
    def stop(number, _of):
        if number == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(model, [1], on_step=stop)


def test_a_model_is_found_by_folder_name_or_path(folder):
    assert find_model("tiny", folder.parent) == folder
    assert find_model(str(folder), folder / "nowhere") == folder
    with pytest.raises(NotFoundError, match="giant"):
        find_model("giant", folder.parent)


def test_a_damaged_file_is_named_with_the_hash_that_was_expected(tmp_path):
    folder = write_tiny_model(tmp_path / "model")
    write_sums(folder)
    before = hash_model(folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(ModelError, match=r"diffusion_pytorch_model.*expected SHA-256 [0-9a-f]{64}"):
        load_model(folder, torch.device("cpu"))
    weights.unlink()
    with pytest.raises(ModelError, match="is missing: expected SHA-256"):
        hash_model(folder)
    weights.write_bytes(good)
    assert hash_model(folder) == before


def test_a_broken_card_is_named(tmp_path):
    folder = write_tiny_model(tmp_path / "model")
    (folder / "oneshot.json").write_text('{"name": "x"}')
    with pytest.raises(ModelError, match=r"oneshot\.json.*profile"):
        read_card(folder)
    (folder / "oneshot.json").unlink()
    with pytest.raises(ModelError, match=r"oneshot\.json not found"):
        read_card(folder)


def test_an_autoencoder_of_another_kind_is_refused_by_name(tmp_path):
    folder = write_tiny_model(tmp_path / "model")
    (folder / "vae" / "config.json").write_text('{"_class_name": "VQModel"}')
    with pytest.raises(ModelError, match=r"VQModel.*AutoencoderKL"):
        load_model(folder, torch.device("cpu"))
