"""What a training needs is known before it starts."""

from types import SimpleNamespace

import msgspec
import pytest
import torch

from oneshot_server.training import fitting
from oneshot_server.training.adapter import add_adapter, add_text_adapter
from oneshot_server.training.captions import Embeddings
from oneshot_server.training.fitting import choose_precision, describe, fit_plan, held_in
from oneshot_server.training.memory import Activations, count_activations, memory_need
from oneshot_server.training.spec import TrainingPlan

PLAN = TrainingPlan(rank=4, alpha=4.0, targets=("to_q", "to_k", "to_v", "to_out.0"))
CPU = torch.device("cpu")


def kept_by(model, *, text_encoder: bool = False, sounds: int = 4) -> float:
    """Bytes a sound that a real forward pass keeps, counted at the real thing."""
    kept: dict[int, tuple[torch.Tensor, int]] = {}
    weights = {
        p.untyped_storage().data_ptr()
        for part in (model.unet, model.text_encoder)
        for p in (*part.parameters(), *part.buffers())
    }

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = (tensor, storage.nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        words = Embeddings(model=model, changing=text_encoder)(["kick"] * sounds)
        model.unet(torch.randn(sounds, *model.latent_shape), torch.ones(sounds), words)
    return sum(size for _, size in kept.values()) / sounds


@pytest.mark.parametrize("text_encoder", [False, True])
def test_what_is_counted_is_what_a_real_step_keeps(tiny, text_encoder):
    plan = msgspec.structs.replace(PLAN, text_encoder=text_encoder)
    counted = count_activations(tiny, plan, None)
    add_adapter(tiny.unet, rank=4, alpha=4.0, targets=PLAN.targets, seed=1)
    if text_encoder:
        add_text_adapter(tiny.text_encoder, rank=4, alpha=4.0, seed=1)
    measured = kept_by(tiny, text_encoder=text_encoder)
    assert counted.whole == pytest.approx(measured, rel=0.2)
    assert 0.1 * counted.whole < counted.checkpointed < 0.8 * counted.whole


def test_counting_leaves_the_model_and_all_randomness_alone(tiny):
    before = {name: parameter.clone() for name, parameter in tiny.unet.named_parameters()}
    torch.manual_seed(3)
    expected = torch.randn(3)
    torch.manual_seed(3)
    count_activations(tiny, PLAN, torch.bfloat16)
    assert torch.equal(torch.randn(3), expected)
    assert not any(parameter.requires_grad for parameter in tiny.unet.parameters())
    for name, parameter in tiny.unet.named_parameters():
        assert torch.equal(parameter, before[name])


def test_the_need_is_the_sum_of_its_parts(tiny):
    plan = msgspec.structs.replace(PLAN, micro_batch=2, checkpointing="off", targets=("to_q",))
    need = memory_need(tiny, plan, Activations(whole=10**9, checkpointed=10**8), torch.float16)
    parts = (tiny.text_encoder, tiny.vae)
    assert need.weights == sum(p.numel() for p in tiny.unet.parameters()) * 2 + 4 * sum(
        p.numel() for part in parts for p in part.parameters()
    )
    queries = [m.weight for n, m in tiny.unet.named_modules() if n.endswith("to_q")]
    assert need.adapter == sum(4 * (len(w) + w.shape[1]) for w in queries) * 16
    assert need.activations == 2 * 10**9
    assert need.total > need.weights + need.adapter + need.activations
    less = msgspec.structs.replace(plan, checkpointing="on", optimiser="adamw8bit", micro_batch=1)
    small = memory_need(tiny, less, Activations(whole=10**9, checkpointed=10**8), torch.float16)
    assert small.activations == 10**8
    assert small.adapter == need.adapter * 10 // 16


def test_a_small_model_is_trained_the_same_whatever_is_free(tiny, monkeypatch):
    monkeypatch.setattr(fitting, "free_bytes", lambda _device: 1000)
    asked = TrainingPlan(learning_rate=0.0, micro_batch=0)
    plan, need, free = fit_plan(asked, tiny, "no")
    assert plan == TrainingPlan(mixed_precision="no", checkpointing="off")
    assert (plan.learning_rate, plan.micro_batch) == (2e-3, 8)
    assert need.total > free
    text = describe(plan, need, free)
    assert "8 of 16 sounds at once, without gradient checkpointing, fp32. It may run out" in text


@pytest.fixture
def large(tiny, monkeypatch):
    """The tiny model, taken for a large one."""
    monkeypatch.setattr(fitting, "LARGE", 1000)
    monkeypatch.setattr(
        fitting,
        "count_activations",
        lambda *_: Activations(whole=8 * 10**8, checkpointed=5 * 10**7),
    )
    return tiny


@pytest.mark.parametrize(
    ("free", "micro_batch", "checkpointing"),
    [(24e9, 8, "off"), (12e9, 4, "off"), (4e9, 1, "off"), (2e9, 8, "on"), (1e8, 1, "on")],
)
def test_a_large_model_is_trained_as_its_memory_allows(
    large, monkeypatch, free, micro_batch, checkpointing
):
    monkeypatch.setattr(fitting, "free_bytes", lambda _device: int(free))
    plan, _, _ = fit_plan(TrainingPlan(learning_rate=0.0, micro_batch=0), large, "no")
    assert (plan.micro_batch, plan.checkpointing) == (micro_batch, checkpointing)
    assert plan.learning_rate == 1e-4
    assert plan.targets == ("to_q", "to_k", "to_v", "to_out.0")


def test_what_the_producer_says_is_not_overridden(large, monkeypatch):
    monkeypatch.setattr(fitting, "free_bytes", lambda _device: 1000)
    said = TrainingPlan(micro_batch=3, checkpointing="off", learning_rate=0.5, targets=("to_q",))
    plan, need, free = fit_plan(said, large, "bf16")
    assert plan == msgspec.structs.replace(said, mixed_precision="bf16")
    assert need.total > free


def test_half_precision_is_for_large_models_on_cuda(large, tiny, monkeypatch):
    cuda = SimpleNamespace(type="cuda")
    monkeypatch.delenv("ACCELERATE_MIXED_PRECISION", raising=False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    plan = TrainingPlan()
    assert choose_precision(plan, large, cuda) == "bf16"
    assert choose_precision(plan, large, CPU) == "no"
    assert held_in("bf16", large) == torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert choose_precision(plan, large, cuda) == "fp16"
    said = msgspec.structs.replace(plan, mixed_precision="no")
    assert choose_precision(said, large, cuda) == "no"
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert choose_precision(plan, large, CPU) == "bf16"
    monkeypatch.setattr(fitting, "LARGE", 10**9)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    assert choose_precision(plan, tiny, cuda) == "no"
    assert held_in("bf16", tiny) == torch.float32
