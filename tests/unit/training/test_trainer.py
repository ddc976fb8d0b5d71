import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch
from accelerate import Accelerator

from oneshot_server.errors import BadArgumentsError, DiskFullError, EngineFailedError
from oneshot_server.library import atomic_file
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.training.captions import Caption, Embeddings
from oneshot_server.training.checkpoint import CHECKPOINT_FILE
from oneshot_server.training.drawing import Material
from oneshot_server.training.giving_way import StoppedError
from oneshot_server.training.listening import Listener, Listening
from oneshot_server.training.optimiser import optimiser_kind
from oneshot_server.training.prior import Prior
from oneshot_server.training.schedule import Schedule
from oneshot_server.training.spec import TrainingPlan
from oneshot_server.training.trainer import Trainer

PLAN = TrainingPlan(rank=4, alpha=4.0, batch=4, micro_batch=2, learning_rate=0.01)
STEPS = 12


def nothing(*_: object) -> None:
    """A check that never stops, and a listener that hears nothing."""


def make_trainer(
    model: Model,
    folder: Path,
    *,
    plan: TrainingPlan = PLAN,
    steps: int = STEPS,
    check: Callable[[], None] = nothing,
    fingerprint: str = "same",
) -> Trainer:
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(4, 1, 4, 8, 8, generator=generator)
    schedule = Schedule.from_config(model.scheduler_config, model.device)
    accelerator = Accelerator(cpu=True)
    embeddings = Embeddings(model=model, changing=plan.text_encoder)
    listener = Listener(
        unet=model.unet,
        embeddings=embeddings,
        accelerator=accelerator,
        micro_batch=plan.micro_batch,
        check=check,
    )
    heard = Listening.of(latents[:2, 0], ["k", "i"], schedule, 7)
    prior = Prior(
        noisy=torch.randn(4, 4, 8, 8, generator=generator),
        timesteps=torch.tensor([900, 600, 300, 100]),
        predicted=torch.randn(4, 4, 8, 8, generator=generator),
        captions=("a", "b", "a", "b"),
        sounds=latents[:1, 0],
        sound_captions=("a",),
    )
    return Trainer(
        model=model,
        plan=plan,
        steps=steps,
        material=Material(
            latents=tuple(latents),
            captions=tuple(Caption(words=(word,), kind="") for word in "kick"),
            words=None,
            prior=prior,
        ),
        schedule=schedule,
        embeddings=embeddings,
        accelerator=accelerator,
        fingerprint=fingerprint,
        folder=folder,
        judge=lambda: listener.loss(heard),
        check=check,
    )


@pytest.fixture
def new_model(tiny_folder) -> Callable[[], Model]:
    return lambda: load_model(tiny_folder, torch.device("cpu"))


def stop_at(calls: int) -> Callable[[], None]:
    seen = []

    def check() -> None:
        seen.append(1)
        if len(seen) > calls:
            raise StoppedError

    return check


def test_the_loss_falls_and_the_base_is_left_alone(tiny, tmp_path):
    base = {n: p.clone() for n, p in tiny.unet.named_parameters()}
    trainer = make_trainer(tiny, tmp_path, steps=60)
    before = trainer.judge()
    trainer.run(nothing)
    trainer.set_weights(trainer.state.best)
    assert trainer.judge() < before - 0.01
    assert sum(trainer.state.losses[-10:]) < sum(trainer.state.losses[:10])
    for name, parameter in tiny.unet.named_parameters():
        if "lora" not in name:
            assert torch.equal(parameter, base[name.replace(".base_layer", "")])
            assert parameter.grad is None


def test_a_new_adapter_changes_nothing(tiny, tmp_path):
    latents, words = torch.randn(1, 4, 8, 8), torch.randn(1, 77, 32)
    with torch.no_grad():
        before = tiny.unet(latents, 500, words).sample
        make_trainer(tiny, tmp_path)
        assert torch.equal(tiny.unet(latents, 500, words).sample, before)


def test_a_resumed_training_is_the_unbroken_one(new_model, tmp_path):
    # Slowly, so that no rounding decides which checkpoint is the best.
    plan = msgspec.structs.replace(PLAN, learning_rate=1e-3)
    unbroken = make_trainer(new_model(), tmp_path / "unbroken", plan=plan)
    unbroken.run(nothing)
    broken = make_trainer(new_model(), tmp_path / "broken", plan=plan, check=stop_at(60))
    with pytest.raises(StoppedError):
        broken.run(nothing)
    assert 0 < broken.state.step < STEPS
    resumed = make_trainer(new_model(), tmp_path / "broken", plan=plan)
    assert resumed.state.step == broken.state.step
    resumed.run(nothing)
    # Not to the last bit: convolutions sum in an order that goes by where tensors lie in memory.
    assert resumed.state.losses == pytest.approx(unbroken.state.losses, rel=1e-4)
    validations = [dict(state.validations) for state in (resumed.state, unbroken.state)]
    assert validations[0] == pytest.approx(validations[1], rel=1e-4)
    assert resumed.state.best_step == unbroken.state.best_step
    for name, value in unbroken.state.best.items():
        torch.testing.assert_close(resumed.state.best[name], value, rtol=0.0, atol=1e-3)


def test_sounds_used_again_train_as_well_where_the_whole_unet_is_adapted(new_model, tmp_path):
    whole = TrainingPlan(
        rank=4, alpha=4.0, batch=4, micro_batch=2, learning_rate=0.01, targets=("to_q", "to_v")
    )
    trainer = make_trainer(new_model(), tmp_path / "whole", plan=whole)
    assert trainer._split is None
    trainer.run(nothing)
    upper = make_trainer(new_model(), tmp_path / "upper")
    assert upper._split is not None
    upper.run(nothing)
    assert len(upper.state.losses) == len(trainer.state.losses) == STEPS


def test_what_is_kept_of_the_unet_changes_no_gradient(new_model, tmp_path, monkeypatch):
    kept = make_trainer(new_model(), tmp_path / "kept", steps=3)
    monkeypatch.setattr("oneshot_server.training.trainer.MOST_KEPT_BYTES", 0)
    plain = make_trainer(new_model(), tmp_path / "plain", steps=3)
    assert plain._split is None
    kept.run(nothing)
    plain.run(nothing)
    assert kept.state.losses == pytest.approx(plain.state.losses, rel=1e-4)
    for name, value in plain.state.weights.items():
        assert torch.allclose(kept.state.weights[name], value, atol=1e-4)


def test_a_killed_training_goes_on_from_the_last_checkpoint(new_model, tmp_path):
    killed = make_trainer(new_model(), tmp_path)

    def die(state):
        if state.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed.run(die)
    assert make_trainer(new_model(), tmp_path).state.step == 6


@pytest.mark.parametrize("damage", [b"", b"no pickle", None])
def test_a_checkpoint_that_is_broken_or_of_another_training_is_begun_anew(
    new_model, tmp_path, damage
):
    trainer = make_trainer(new_model(), tmp_path)
    trainer.run(nothing)
    if damage is not None:
        (tmp_path / CHECKPOINT_FILE).write_bytes(damage)
    fingerprint = "same" if damage is not None else "another"
    assert make_trainer(new_model(), tmp_path, fingerprint=fingerprint).state.step == 0


def test_micro_batches_do_not_change_the_gradient(new_model, tmp_path):
    ends = []
    for micro_batch in (1, 4):
        plan = TrainingPlan(rank=4, alpha=4.0, batch=4, micro_batch=micro_batch)
        trainer = make_trainer(new_model(), tmp_path / str(micro_batch), plan=plan, steps=1)
        trainer.run(nothing)
        ends.append(trainer)
    assert ends[0].state.losses == pytest.approx(ends[1].state.losses, rel=1e-4)


def test_a_loss_that_is_no_number_is_tried_again_once_at_half_the_rate(tiny, tmp_path, monkeypatch):
    trainer = make_trainer(tiny, tmp_path, steps=20)
    accumulate = trainer._accumulate
    rate = trainer._learning_rate()
    monkeypatch.setattr(
        trainer, "_accumulate", lambda: float("nan") if trainer.state.step == 5 else accumulate()
    )
    trainer.run(nothing)
    assert trainer.state.rescued
    assert trainer.state.step == 20
    assert all(torch.isfinite(value).all() for value in trainer.state.best.values())
    trainer.state.step = 0
    assert trainer._learning_rate() == pytest.approx(rate / 2)


def test_a_loss_that_stays_no_number_is_an_error(tiny, tmp_path, monkeypatch):
    trainer = make_trainer(tiny, tmp_path)
    monkeypatch.setattr(trainer, "_accumulate", lambda: float("inf"))
    with pytest.raises(EngineFailedError, match="no number at step 2"):
        trainer.run(nothing)


def test_a_full_disk_at_a_checkpoint_names_the_folder(tiny, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    trainer = make_trainer(tiny, tmp_path)
    monkeypatch.setattr(atomic_file, "_write", full)
    with pytest.raises(DiskFullError, match=str(tmp_path)):
        trainer.run(nothing)
    assert list(tmp_path.iterdir()) == []


def test_it_stops_early_when_the_sounds_have_gone_away_for_long(tiny, tmp_path):
    trainer = make_trainer(tiny, tmp_path, steps=60)
    distances = iter([0.5, 0.4, *(0.41 + 0.01 * n for n in range(50))])
    trainer.judge = lambda: next(distances)
    trainer.run(nothing)
    assert trainer.state.step == 42
    assert trainer.state.best_step == 14


def test_a_text_encoder_is_trained_only_where_it_is_asked_for(tiny, new_model, tmp_path):
    plan = msgspec.structs.replace(PLAN, text_encoder=True, targets=("to_q", "to_k"))
    base = {n: p.clone() for n, p in tiny.text_encoder.named_parameters()}
    trainer = make_trainer(tiny, tmp_path, plan=plan, steps=3)
    assert trainer._split is None
    names = [name for name in trainer._parameters if name.startswith("text_encoder.")]
    assert len(names) == 16  # four matrices' pairs in each of two layers
    start = {name: trainer._parameters[name].detach().clone() for name in names}
    trainer.run(nothing)
    # The first of a pair gets a gradient from the second step on, as the second is zero at first.
    assert not any(torch.equal(start[name], trainer._parameters[name]) for name in names)
    for name, parameter in tiny.text_encoder.named_parameters():
        if "lora" not in name:
            assert torch.equal(parameter, base[name.replace(".base_layer", "")])
    resumed = make_trainer(new_model(), tmp_path, plan=plan, steps=3)
    assert resumed.state.step == 3
    assert set(resumed.state.best) == set(trainer._parameters)


@pytest.mark.parametrize("text_encoder", [False, True])
def test_checkpointing_changes_no_gradient(new_model, tmp_path, text_encoder):
    losses = []
    for way in ("off", "on"):
        plan = msgspec.structs.replace(PLAN, checkpointing=way, text_encoder=text_encoder)
        trainer = make_trainer(new_model(), tmp_path / way, plan=plan, steps=3)
        trainer.run(nothing)
        losses.append((trainer.state.losses, trainer.state.weights))
    assert losses[0][0] == pytest.approx(losses[1][0], rel=1e-4)
    for name, value in losses[0][1].items():
        torch.testing.assert_close(losses[1][1][name], value, rtol=0.0, atol=1e-3)


def test_an_optimiser_that_is_not_installed_is_told_with_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(BadArgumentsError, match=r'pip install "oneshot-server\[train8bit\]"'):
        optimiser_kind("adamw8bit", torch.device("cuda"))
    with pytest.raises(BadArgumentsError, match=r'"adamw8bit" on the device cpu, expected cuda'):
        optimiser_kind("adamw8bit", torch.device("cpu"))
    assert optimiser_kind("adamw", torch.device("cpu")) is torch.optim.AdamW
