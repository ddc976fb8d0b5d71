import math
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
import soundfile
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from oneshot_server.errors import BadArgumentsError, EngineFailedError, NotFoundError
from oneshot_server.training import fitting
from oneshot_server.training.checkpoint import CHECKPOINT_FILE
from oneshot_server.training.giving_way import GiveWay, StoppedError
from oneshot_server.training.messages import Finished, Planned, Prepared, Progress, TrainerMessage
from oneshot_server.training.run import run_training
from oneshot_server.training.spec import TrainingPlan, TrainingSpec
from tests.unit.pipeline.tiny_model import PROFILE, write_tiny_model
from tests.unit.training.making import read_folder, write_hit

PLAN = TrainingPlan(rank=4, alpha=8.0, steps=6, batch=4, micro_batch=4, learning_rate=0.01)


@dataclass(kw_only=True)
class Training:
    spec: TrainingSpec
    said: list[TrainerMessage] = field(default_factory=list)

    def run(self) -> None:
        run_training(self.spec, self.said.append, read_folder, GiveWay(pause_file=None, parent=0))

    def of(self, kind: type) -> list[TrainerMessage]:
        return [message for message in self.said if isinstance(message, kind)]


def training(root: Path, model: Path, dataset: Path, **changes: object) -> Training:
    spec = TrainingSpec(
        name="my kicks",
        dataset=str(dataset),
        model=str(model),
        work=str(root / "work"),
        out=str(root / "out"),
        device="cpu",
        plan=PLAN,
    )
    values = {name: getattr(spec, name) for name in spec.__struct_fields__}
    return Training(spec=TrainingSpec(**(values | changes)))


@pytest.fixture(scope="module")
def kicks(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("datasets") / "kicks"
    for number in range(6):
        write_hit(folder / f"kick_{number}.wav", 50.0 * 1.5**number)
    (folder / "notes.wav").write_text("no sound")
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory, tiny_folder, kicks) -> Training:
    made = training(tmp_path_factory.mktemp("first"), tiny_folder, kicks)
    made.run()
    return made


def test_it_says_what_it_needs_what_it_prepared_how_far_it_is_and_what_it_made(first, kicks):
    (planned,) = first.of(Planned)
    assert first.said[0] is planned
    assert "4 of 4 sounds at once, without gradient checkpointing, fp32" in planned.text
    assert 0 < planned.needed_bytes < planned.free_bytes
    (prepared,) = first.of(Prepared)
    assert prepared.used == 6
    assert dict(prepared.skipped)["notes.wav"].startswith("unreadable")
    progress = first.of(Progress)
    assert progress[-1].step == progress[-1].steps == 6
    (finished,) = first.of(Finished)
    assert first.said[-1] is finished
    card = finished.card
    assert card.name == "my kicks"
    assert card.profile == PROFILE
    assert card.dataset_hash == read_folder(kicks).hash
    assert (card.sounds, card.rank, card.alpha) == (6, 4, 4.0)
    assert card.figures.held_out_live is None
    assert card.figures.held_out <= card.figures.held_out_base + 1e-6


def test_everything_that_belongs_to_a_version_is_in_the_folder(first):
    out = Path(first.spec.out)
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    auditions = {name for name in names if name.startswith("audition_")}
    assert names - auditions == {
        "adapter.safetensors",
        "losses.png",
        "report/contact_sheet.png",
        "report/report.json",
        "report/report.txt",
        "training_sounds.safetensors",
    }
    # The tiny model has random weights: whether its sounds are any is up to chance.
    assert all(soundfile.info(out / name).samplerate == PROFILE.sample_rate for name in auditions)
    assert all(key.startswith("unet.") for key in load_file(out / "adapter.safetensors"))


def test_a_live_version_is_measured_at_the_same_noise(first, tiny_folder, kicks, tmp_path):
    live = str(Path(first.spec.out) / "adapter.safetensors")
    second = training(tmp_path, tiny_folder, kicks, live=live)
    shutil.copytree(first.spec.work, second.spec.work)
    second.run()
    old = first.of(Finished)[0].card.figures
    new = second.of(Finished)[0].card.figures
    assert new.held_out_live == pytest.approx(old.held_out, rel=1e-4)
    assert new.held_out_base == pytest.approx(old.held_out_base, rel=1e-6)


def test_a_live_version_that_cannot_be_read_does_not_matter(first, tiny_folder, kicks, tmp_path):
    (tmp_path / "live.safetensors").write_bytes(b"broken")
    second = training(tmp_path, tiny_folder, kicks, live=str(tmp_path / "live.safetensors"))
    shutil.copytree(first.spec.work, second.spec.work)
    second.run()
    assert second.of(Finished)[0].card.figures.held_out_live is None


def test_a_single_sound_is_trained_on(first, tiny_folder, tmp_path):
    write_hit(tmp_path / "one" / "бочка 🥁.wav", 60.0)
    one = training(tmp_path, tiny_folder, tmp_path / "one")
    shutil.copytree(Path(first.spec.work) / "prior", Path(one.spec.work) / "prior")
    one.run()
    assert one.of(Finished)[0].card.sounds == 1


def test_a_folder_removed_while_it_trains_does_not_matter(first, tiny_folder, kicks, tmp_path):
    shutil.copytree(kicks, tmp_path / "kicks")
    gone = training(tmp_path, tiny_folder, tmp_path / "kicks")
    shutil.copytree(Path(first.spec.work) / "prior", Path(gone.spec.work) / "prior")
    say = gone.said.append

    def remove(message: TrainerMessage) -> None:
        say(message)
        if isinstance(message, Prepared):
            shutil.rmtree(tmp_path / "kicks")

    run_training(gone.spec, remove, read_folder, GiveWay(pause_file=None, parent=0))
    assert gone.of(Finished)


def test_a_folder_removed_before_is_an_error(tiny_folder, tmp_path):
    with pytest.raises(NotFoundError, match="no folder"):
        training(tmp_path, tiny_folder, tmp_path / "gone").run()


def test_a_folder_without_a_sound_is_an_error_that_says_what_was_found(tiny_folder, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.wav").write_text("no sound")
    broken = training(tmp_path, tiny_folder, tmp_path / "notes")
    with pytest.raises(BadArgumentsError, match=r"notes\.wav: unreadable"):
        broken.run()
    assert [type(message) for message in broken.said] == [Planned]


def test_a_model_that_answers_no_numbers_is_an_error(kicks, tmp_path):
    model = write_tiny_model(tmp_path / "nan", nan=True)
    with pytest.raises(EngineFailedError, match="no number"):
        training(tmp_path, model, kicks).run()


def test_a_stop_leaves_no_version(tiny_folder, kicks, tmp_path):
    stopped = training(tmp_path, tiny_folder, kicks)
    way = GiveWay(pause_file=None, parent=0, stopping=True)
    with pytest.raises(StoppedError):
        run_training(stopped.spec, stopped.said.append, read_folder, way)
    assert [type(message) for message in stopped.said] == [Planned]
    assert not (tmp_path / "out").exists()


def test_half_precision_checkpointing_and_a_text_encoder_make_a_lora_that_loads(
    tiny_folder, kicks, tmp_path, monkeypatch
):
    monkeypatch.setattr(fitting, "LARGE", 1000)  # so that the UNet is held in half precision
    AcceleratorState._reset_state(reset_partial_state=True)
    plan = msgspec.structs.replace(
        PLAN, steps=2, mixed_precision="bf16", checkpointing="on", text_encoder=True
    )
    try:
        half = training(tmp_path, tiny_folder, kicks, plan=plan)
        half.run()
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
    assert "with gradient checkpointing, bf16" in half.of(Planned)[0].text
    tensors = load_file(Path(half.spec.out) / "adapter.safetensors")
    assert {key.partition(".")[0] for key in tensors} == {"unet", "text_encoder"}
    assert all(tensor.dtype == torch.float32 for tensor in tensors.values())
    assert math.isfinite(half.of(Finished)[0].card.figures.held_out)


def test_the_loss_falls_over_a_whole_training_of_stable_diffusions_architecture(
    first, tiny_folder, kicks, tmp_path
):
    plan = msgspec.structs.replace(PLAN, steps=96)
    whole = training(tmp_path, tiny_folder, kicks, plan=plan)
    shutil.copytree(first.spec.work, whole.spec.work, ignore=shutil.ignore_patterns("checkpoint*"))
    whole.run()
    checkpoint = torch.load(Path(whole.spec.work) / CHECKPOINT_FILE, weights_only=True)
    losses = checkpoint["losses"]
    assert len(losses) > 36
    assert sum(losses[-12:]) < 0.9 * sum(losses[:12])


def test_a_precision_that_the_device_has_not_is_told_with_its_key(tiny_folder, kicks, tmp_path):
    plan = msgspec.structs.replace(PLAN, mixed_precision="fp16")
    with pytest.raises(BadArgumentsError, match=r'training\.precision = "fp16" on the CPU'):
        training(tmp_path, tiny_folder, kicks, plan=plan).run()
