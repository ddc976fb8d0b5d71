import pytest
import torch

from oneshot_server.errors import ModelError
from oneshot_server.pipeline import device as module
from oneshot_server.pipeline.device import (
    bf16_gain,
    choose_device,
    dtype_of,
    measure,
    measure_bf16_gain,
)
from oneshot_server.pipeline.device_plan import Size

LARGE = Size(unet=10**9, text_encoder=0, vae=0, unet_cells=1, vae_cells=1)
SMALL = Size(unet=10**6, text_encoder=0, vae=0, unet_cells=1, vae_cells=1)


@pytest.mark.parametrize("name", ["abacus", "cuda:99", "mps:7"])
def test_a_device_that_cannot_be_used_is_told_with_its_key(name):
    with pytest.raises(ModelError, match=rf'engine\.device = "{name}" cannot be used'):
        choose_device(name)


def test_a_cpu_is_asked_for_bf16_only_where_it_could_matter(monkeypatch):
    monkeypatch.setattr(module, "bf16_gain", lambda: 3.0)
    cpu = torch.device("cpu")
    assert measure(cpu, LARGE).bf16_gain == 3.0
    assert measure(cpu, SMALL).bf16_gain == measure(cpu).bf16_gain == 0.0
    assert measure(cpu).free_bytes > 0


def test_the_gain_of_bf16_is_a_ratio_of_measured_times():
    assert 0.0 <= measure_bf16_gain() < 100.0


def test_the_gain_is_measured_once_for_its_bits_must_not_change_with_the_day(tmp_path, monkeypatch):
    gains = iter([2.0, 1.0, 0.5])
    monkeypatch.setattr(module, "measure_bf16_gain", lambda: next(gains))
    cache = tmp_path / "cache" / "bf16.json"
    assert [bf16_gain(cache), bf16_gain(cache)] == [2.0, 2.0]
    with monkeypatch.context() as other:
        other.setattr(torch, "get_num_threads", lambda: 64)
        assert bf16_gain(cache) == 1.0
    assert bf16_gain(cache) == 2.0
    cache.write_text("{")
    assert bf16_gain(cache) == 0.5


def test_precisions_are_torchs():
    assert dtype_of("bf16") is torch.bfloat16
    assert dtype_of("fp16") is torch.float16
    assert dtype_of("fp32") is torch.float32


def test_a_gpus_free_memory_and_age_are_asked(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (5, 8))
    for capability, half in (((8, 9), "fp16"), ((7, 0), "fp16"), ((6, 1), None)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, c=capability: c)
        machine = measure(torch.device("cuda"), LARGE)
        assert (machine.kind, machine.free_bytes, machine.half) == ("cuda", 5, half)


def test_a_mac_has_what_the_driver_allows_of_what_is_there(monkeypatch):
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 12_000)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 2_000)
    assert measure(torch.device("mps"), LARGE).free_bytes == 10_000
    assert measure(torch.device("mps"), LARGE).half == "fp16"
