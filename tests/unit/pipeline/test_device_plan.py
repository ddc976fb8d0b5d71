import pytest

from oneshot_server.pipeline.device_plan import (
    GIB,
    DevicePlan,
    Machine,
    Size,
    plan_device,
)

SD15 = Size(
    unet=860_000_000,
    text_encoder=123_000_000,
    vae=84_000_000,
    unet_cells=64 * 64 * 320,
    vae_cells=512 * 512 * 256,
)
STARTER = Size(unet=13_000_000, text_encoder=600_000, vae=160_000, unet_cells=256 * 96, vae_cells=0)


def plan(machine: Machine, *, size: Size = SD15, setting="auto", max_batch=8) -> DevicePlan:
    return plan_device(machine, size, setting=setting, max_batch=max_batch)


def gpu(gib: float, *, half="fp16") -> Machine:
    return Machine(kind="cuda", free_bytes=round(gib * GIB), half=half)


def cpu(gib: float, gain: float = 0.0) -> Machine:
    return Machine(kind="cpu", free_bytes=round(gib * GIB), bf16_gain=gain)


@pytest.mark.parametrize(
    ("machine", "setting", "precision"),
    [
        (gpu(24), "auto", "fp16"),
        (gpu(24, half=None), "auto", "fp32"),
        (gpu(24), "bf16", "bf16"),
        (gpu(24), "fp32", "fp32"),
        (Machine(kind="mps", free_bytes=24 * GIB, half="fp16"), "auto", "fp16"),
        (cpu(64), "auto", "fp32"),
        (cpu(64, gain=0.3), "auto", "fp32"),
        (cpu(64, gain=1.2), "auto", "fp32"),
        (cpu(64, gain=4.0), "auto", "bf16"),
        (cpu(64), "bf16", "bf16"),
    ],
)
def test_precision_goes_by_the_setting_then_by_what_was_measured(machine, setting, precision):
    assert plan(machine, setting=setting).precision == precision


@pytest.mark.parametrize("machine", [gpu(24), cpu(24, gain=9.0)])
def test_a_small_model_stays_in_single_precision(machine):
    chosen = plan(machine, size=STARTER)
    assert (chosen.precision, chosen.label, chosen.fits) == ("fp32", "", True)


def test_with_memory_enough_nothing_is_held_back():
    chosen = plan(gpu(24))
    assert chosen == DevicePlan(
        precision="fp16", max_batch=8, needed_bytes=chosen.needed_bytes, fits=True
    )
    assert 8 * GIB < chosen.needed_bytes < 12 * GIB
    assert chosen.label == "fp16"


def test_what_is_given_up_as_memory_gets_shorter():
    steps = []
    for tenths in range(120, 5, -1):
        chosen = plan(gpu(tenths / 10))
        step = (
            chosen.slicing,
            chosen.max_batch,
            chosen.offload,
            chosen.tiling,
            chosen.fits,
        )
        if not steps or steps[-1] != step:
            steps.append(step)
        assert chosen.fits == (chosen.needed_bytes <= tenths / 10 * GIB)
    assert steps == [
        (False, 8, False, False, True),
        (True, 8, False, False, True),
        (True, 4, False, False, True),
        (True, 4, True, False, True),
        (True, 2, True, False, True),
        (True, 1, True, False, True),
        (True, 1, True, False, False),
    ]


@pytest.mark.parametrize(("gib", "fits"), [(4.0, True), (8.0, True), (1.0, False)])
def test_common_cards(gib, fits):
    chosen = plan(gpu(gib))
    assert chosen.fits == fits
    assert not (chosen.offload and gib >= 4)


def test_a_cpu_has_nowhere_to_offload_to():
    assert not any(plan(cpu(gib)).offload for gib in range(1, 30))
    assert plan(cpu(2)).fits is False
    assert plan(cpu(2)).max_batch == 1


def test_in_single_precision_more_is_needed():
    assert plan(gpu(6), setting="fp32").needed_bytes > plan(gpu(6)).needed_bytes


def test_a_plan_is_told_in_words():
    words = DevicePlan(
        precision="fp16", max_batch=2, slicing=True, offload=True, tiling=True, needed_bytes=GIB
    )
    assert words.describe() == (
        "fp16, 2 sounds at a time, decoded one by one, only the part that works is on the device, "
        "decoded in pieces, needs about 1.0 GiB"
    )
    assert words.label == "fp16, sliced, tiled"
