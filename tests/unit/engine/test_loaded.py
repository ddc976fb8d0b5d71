"""A model that is loaded: half precision that breaks down, and memory that does not suffice."""

import pytest
import torch

from oneshot_server.domain.events import NoticeCode
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.engine import loaded as module
from oneshot_server.engine.batches import Group
from oneshot_server.engine.loaded import Loaded
from oneshot_server.engine.messages import Render, Rendered, RenderNotice
from oneshot_server.errors import ErrorCode, ModelError, OutOfMemoryError, PrecisionError
from oneshot_server.pipeline import render as rendering
from oneshot_server.pipeline.device import is_out_of_memory
from oneshot_server.pipeline.device_plan import Machine
from oneshot_server.pipeline.render import check_precision
from tests.unit.pipeline.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def load(folder, **options) -> Loaded:
    wanted = {"precision": "auto", "max_batch": 2, "beside": False, "device": "cpu"} | options
    return Loaded(folder=folder, loras=None, **wanted)


def job(count: int = 1) -> Render:
    request = GenerateRequest(prompt="kick", count=count, seed=3, steps=2)
    return Render(job="j", request=request, finish=FinishOptions(), subtype="PCM_16")


def run(loaded: Loaded, count: int = 1) -> list:
    sent = []
    loaded.run(Group(jobs=(job(count),)), sent.append, lambda: None)
    return sent


def sounds(sent) -> list[Rendered]:
    return [message for message in sent if isinstance(message, Rendered)]


def notices(sent) -> list[RenderNotice]:
    return [message for message in sent if isinstance(message, RenderNotice)]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_renders_nearly_the_same(folder, precision):
    single, half = load(folder), load(folder, precision=precision)
    assert half.model.unet.dtype is {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    (ours,), (theirs,) = sounds(run(half)), sounds(run(single))
    assert ours.wav != theirs.wav
    assert abs(ours.seconds - theirs.seconds) < 0.2
    assert half.device == f"cpu {precision}"
    assert single.device == "cpu"
    assert precision.encode() in ours.wav  # the recipe says it
    assert precision.encode() not in theirs.wav


def test_the_samplers_own_arithmetic_stays_single(folder):
    half = load(folder, precision="fp16").model
    with torch.inference_mode():
        tokens = torch.zeros(1, 77, dtype=torch.long)
        text = half.text_encoder(tokens).last_hidden_state
        answer = half.unet(torch.randn(1, *half.latent_shape), torch.tensor(5), text).sample
    assert text.dtype is answer.dtype is torch.float32


def test_where_half_precision_breaks_down_the_job_is_rendered_in_single_and_told_once(tmp_path):
    folder = write_tiny_model(tmp_path / "tiny", overflow=True)
    loaded = load(folder, precision="fp16")
    first, second = run(loaded, count=3), run(loaded)
    (notice,) = notices(first)
    assert notice.code is NoticeCode.FALLBACK
    assert notice.text == "fp16 gave an image that is no numbers: rendering in fp32 from now on"
    assert notices(second) == []
    assert loaded.model.unet.dtype is torch.float32
    assert loaded.device == "cpu"
    fresh = load(folder, precision="fp32")
    assert [s.wav for s in sounds(first)] == [s.wav for s in sounds(run(fresh, count=3))]
    assert sounds(second)[0].wav == sounds(run(fresh))[0].wav


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (torch.full((3, 4, 4), float("nan")), "no numbers"),
        (torch.full((3, 4, 4), float("inf")), "no numbers"),
        (torch.zeros(3, 4, 4), "flat"),
        (torch.full((3, 4, 4), -1.0), "flat"),
    ],
)
def test_nan_black_and_flat_images_are_told_from_images(image, what):
    good = torch.linspace(-1, 1, 48).view(3, 4, 4)
    check_precision(torch.stack([good, good * 0.02]), "fp16")
    with pytest.raises(PrecisionError, match=what):
        check_precision(torch.stack([good, image]), "fp16")


def test_single_precision_is_never_tried_again(folder, monkeypatch):
    monkeypatch.setattr(rendering, "check_precision", lambda *_: pytest.fail("asked"))
    run(load(folder))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nmore"),
        RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
)
def test_out_of_memory_ends_the_job_and_not_the_engine(folder, monkeypatch, error):
    loaded = load(folder)
    renderer = loaded._renderer
    with monkeypatch.context() as patch:
        patch.setattr(renderer, "_render", lambda *_, **__: (_ for _ in ()).throw(error))
        with pytest.raises(OutOfMemoryError, match=r"on cpu: .*Up to 2 sounds.*engine\.max_batch"):
            run(loaded)
    assert OutOfMemoryError.code is ErrorCode.ENGINE_FAILED
    assert len(sounds(run(loaded))) == 1


def test_other_errors_are_not_taken_for_it():
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_beside_another_engine_it_loads_only_if_there_is_room(folder, monkeypatch):
    load(folder, beside=True)
    little = Machine(kind="cpu", free_bytes=1000)
    monkeypatch.setattr(module, "measure", lambda *_: little)
    with pytest.raises(OutOfMemoryError, match="tiny does not fit beside the model"):
        load(folder, beside=True)
    load(folder)  # alone, the estimate may be wrong


def test_a_gpu_that_is_too_small_leaves_the_work_to_the_cpu(folder, monkeypatch, caplog):
    monkeypatch.setattr(module, "choose_device", lambda _name: torch.device("meta"))
    monkeypatch.setattr(module, "measure", lambda *_: Machine(kind="cuda", free_bytes=1000))
    assert load(folder, device="auto").device == "cpu"
    assert "the GPU's memory is too small" in caplog.text


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(ModelError):
        load(tmp_path)
