import os
import signal
import subprocess
import sys
from pathlib import Path

from oneshot_server.errors import ErrorCode
from oneshot_server.training.messages import (
    Planned,
    Prepared,
    Progress,
    TrainingFailed,
    decode_line,
)
from oneshot_server.training.spec import TrainingPlan, TrainingSpec
from tests.unit.training.making import write_hit

COMMAND = (sys.executable, "-m", "oneshot_server.training")


def test_a_missing_specification_is_said_as_a_message():
    done = subprocess.run([*COMMAND, "missing.json"], capture_output=True, check=False)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    message = decode_line(line)
    assert isinstance(message, TrainingFailed)
    assert message.code == ErrorCode.BAD_ARGUMENTS
    assert "missing.json" in message.text


def test_asked_to_stop_it_keeps_a_checkpoint_and_says_nothing_more(tiny_folder, tmp_path):
    for number in range(4):
        write_hit(tmp_path / "kicks" / f"kick_{number}.wav", 50.0 * 1.5**number)
    spec = TrainingSpec(
        name="kicks",
        dataset=str(tmp_path / "kicks"),
        model=str(tiny_folder),
        work=str(tmp_path / "work"),
        out=str(tmp_path / "out"),
        parent=os.getpid(),
        device="cpu",
        threads=1,
        plan=TrainingPlan(rank=2, steps=100_000, batch=2, micro_batch=2),
    )
    with subprocess.Popen([*COMMAND, str(spec.write())], stdout=subprocess.PIPE) as trainer:
        assert trainer.stdout is not None
        messages = (decode_line(line) for line in trainer.stdout)
        assert isinstance(next(messages), Planned)
        assert isinstance(next(messages), Prepared)
        first = next(messages)
        assert isinstance(first, Progress)
        trainer.send_signal(signal.SIGTERM)
        rest = list(messages)
        assert trainer.wait(20) == 0
    assert all(isinstance(message, Progress) for message in rest)
    assert Path(spec.work, "checkpoint.pt").exists()
    assert not Path(spec.out, "adapter.safetensors").exists()
