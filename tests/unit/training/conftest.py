import pytest
import torch

from oneshot_server.pipeline.model import Model, load_model
from tests.unit.pipeline.tiny_model import write_tiny_model


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def tiny(tiny_folder) -> Model:
    """A model of its own: a trainer puts a LoRA into it."""
    return load_model(tiny_folder, torch.device("cpu"))
