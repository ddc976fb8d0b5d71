import pytest
import torch
from safetensors.torch import save_file

from oneshot_server.errors import ModelError
from oneshot_server.library.others_lora import read_others_lora

KOHYA = {
    "ss_network_dim": "8",
    "ss_network_alpha": "4.0",
    "ss_network_module": "networks.lora",
    "ss_base_model_version": "sd_v1",
    "ss_sd_model_name": "v1-5-pruned.safetensors",
    "ss_num_train_images": "20",
    "ss_steps": "1600",
    "ss_tag_frequency": "x" * 5000,
}


def write(path, *ranks, **metadata):
    tensors = {f"lora_unet_{n}.lora_down.weight": torch.zeros(r, 3) for n, r in enumerate(ranks)}
    save_file({**tensors, "lora_unet_0.alpha": torch.tensor(4.0)}, path, metadata or None)
    return path


def test_kohyas_metadata_is_told_on_a_line(tmp_path):
    found = read_others_lora(write(tmp_path / "a.safetensors", 8, 8, **KOHYA))
    assert found.describe() == (
        "rank 8, alpha 4, for sd_v1 v1-5-pruned.safetensors, 20 images, 1600 steps, networks.lora"
    )
    assert found.metadata["ss_network_dim"] == "8"
    assert "ss_tag_frequency" not in found.metadata


def test_ranks_are_those_of_the_matrices_and_not_what_the_file_says(tmp_path):
    found = read_others_lora(write(tmp_path / "a.safetensors", 4, 32, 16, ss_network_dim="128"))
    assert found.ranks == (4, 16, 32)
    assert found.describe() == "rank 4 to 32"


@pytest.mark.parametrize("alpha", ["None", "", "1e", "∞"])
def test_what_is_no_number_is_shown_as_it_is(tmp_path, alpha):
    found = read_others_lora(write(tmp_path / "a.safetensors", 4, ss_network_alpha=alpha))
    assert found.describe() == f"rank 4{', alpha ' * bool(alpha)}{alpha}"


def test_a_file_that_is_none_is_told(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="no safetensors file"):
        read_others_lora(tmp_path / "a.safetensors")
