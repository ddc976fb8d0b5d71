"""What is taken of a hub's model, with a hub in place of the real one."""

from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest

from oneshot_server.errors import ModelError
from oneshot_server.pipeline.stable_diffusion.hub import fetch_model, is_hub_name

NAME = "stable-diffusion-v1-5/stable-diffusion-v1-5"
SHA = "451f4fe16113bff5a5d2269ed5ad43b0592e9a14"
FILES = (
    "model_index.json",
    "README.md",
    "v1-5-pruned.ckpt",
    "v1-5-pruned-emaonly.safetensors",
    "safety_checker/model.safetensors",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.fp16.safetensors",
    "text_encoder/model.safetensors",
    "text_encoder/pytorch_model.bin",
    "tokenizer/merges.txt",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.bin",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
)


class Hub:
    """Notes what it is asked for."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.files = FILES
        self.pipeline = "StableDiffusionPipeline"
        self.asked: list[tuple[str, list[str]]] = []

    def model_info(self, repo, *, revision, timeout):
        assert repo == NAME
        siblings = [SimpleNamespace(rfilename=name) for name in self.files]
        return SimpleNamespace(
            sha=SHA if revision in {None, "main"} else revision, siblings=siblings
        )

    def snapshot_download(self, repo, *, revision, allow_patterns):
        self.asked.append((revision, allow_patterns))
        folder = self.cache / revision
        folder.mkdir(exist_ok=True)
        (folder / "model_index.json").write_text(f'{{"_class_name": "{self.pipeline}"}}')
        return str(folder)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    hub = Hub(tmp_path)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: hub)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    return hub


def test_only_what_is_loaded_is_downloaded_and_the_revision_is_pinned(hub, tmp_path):
    found = fetch_model(NAME)
    assert (found.folder, found.revision) == (tmp_path / SHA, SHA)
    (index, chosen) = hub.asked
    assert index == (SHA, ["model_index.json"])
    assert chosen[0] == SHA
    assert sorted(chosen[1]) == [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "tokenizer/merges.txt",
        "tokenizer/vocab.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    ]


def test_where_there_is_only_half_precision_it_is_taken(hub):
    hub.files = tuple(n for n in FILES if n != "unet/diffusion_pytorch_model.safetensors")
    hub.files = tuple(n for n in hub.files if "non_ema" not in n)
    fetch_model(NAME)
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in hub.asked[1][1]


def test_a_revision_is_asked_for_by_its_name(hub):
    assert fetch_model(f"{NAME}@abc123").revision == "abc123"


@pytest.mark.parametrize(
    ("pipeline", "name"),
    [
        ("StableDiffusionXLPipeline", "Stable Diffusion XL"),
        ("StableDiffusion3Pipeline", "Stable Diffusion 3"),
        ("FluxPipeline", "Flux"),
    ],
)
def test_other_models_are_refused_before_their_weights_are_downloaded(hub, pipeline, name):
    hub.pipeline = pipeline
    with pytest.raises(ModelError, match=rf"is {name} \({pipeline}\), expected Stable Diffusion"):
        fetch_model(NAME)
    assert [patterns for _, patterns in hub.asked] == [["model_index.json"]]


def test_a_model_of_pickles_alone_is_refused(hub):
    hub.files = tuple(name for name in FILES if not name.endswith(".safetensors"))
    with pytest.raises(ModelError, match=r"diffusion_pytorch_model\.bin is a pickle"):
        fetch_model(NAME)
    assert hub.asked == []


def test_a_model_of_one_file_is_told_to_be_downloaded(hub):
    hub.files = ("my.safetensors", "README.md")
    with pytest.raises(ModelError, match=r"download my\.safetensors and add the file"):
        fetch_model(NAME)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (NAME, True),
        (f"{NAME}@v1.0", True),
        ("a/b", True),
        ("kicks", False),
        ("/a/b", False),
        ("./a", False),
        ("a/b/c", False),
        ("../a", False),
        ("a b/c", False),
        ("C:\\a\\b", False),
    ],
)
def test_names_of_the_hub_are_told_from_paths(text, is_one):
    assert is_hub_name(text) is is_one
