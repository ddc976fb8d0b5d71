"""A trainer that trains nothing: ``python fake_trainer.py SPEC.json``.

The dataset's name says how it behaves: ``slow`` goes on until it is stopped, ``worse`` makes a LoRA
that is no better, ``broken`` fails, ``dies`` dies each time, ``dies once`` the first time.
"""

import os
import sys
import time
from pathlib import Path

from oneshot_server.domain.lora_card import LoraCard, TrainingFigures
from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.errors import ErrorCode
from oneshot_server.library.dataset_folder import read_dataset
from oneshot_server.training.messages import (
    Finished,
    Prepared,
    Progress,
    TrainerMessage,
    TrainingFailed,
    encode_line,
)
from oneshot_server.training.spec import TrainingSpec

PROFILE = MelProfile(
    name="p",
    sample_rate=44_100,
    n_fft=2048,
    window=1024,
    hop=256,
    mels=128,
    frames=256,
    f_min=20.0,
    f_max=20_000.0,
    range_db=80.0,
)


def say(message: TrainerMessage) -> None:
    sys.stdout.buffer.write(encode_line(message))
    sys.stdout.flush()


def main() -> None:
    spec = TrainingSpec.read(Path(sys.argv[1]))
    manifest = read_dataset(Path(spec.dataset))
    sys.stdout.write("a launcher's chatter\n")
    lives = Path(spec.work) / "lives"
    lives.parent.mkdir(parents=True, exist_ok=True)
    lives.write_text(lives.read_text() + "x" if lives.exists() else "x")
    say(Prepared(used=len(manifest.files), skipped=(("bad.wav", "silent"),) * 12))
    say(Progress(step=1, steps=4, loss=0.5, seconds_left=3.0, device="none"))
    if "broken" in spec.name:
        say(TrainingFailed(code=ErrorCode.DISK_FULL, text="no space left"))
        return
    if "dies" in spec.name and ("once" not in spec.name or lives.read_text() == "x"):
        sys.exit("as asked")
    while "slow" in spec.name and not (Path(spec.work) / "enough").exists():
        time.sleep(0.02)
    out = Path(spec.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "adapter.safetensors").write_bytes(b"weights")
    figures = TrainingFigures(
        held_out=0.5 if "worse" in spec.name else 0.3,
        held_out_base=0.4,
        held_out_live=None,
        others=0.4,
        others_base=0.4,
    )
    card = LoraCard(
        name=spec.name,
        version=0,
        base_model="m",
        base_hash="0" * 64,
        profile=PROFILE,
        dataset_hash=manifest.hash,
        sounds=len(manifest.files),
        rank=spec.plan.rank,
        alpha=spec.plan.alpha,
        steps=4,
        seed=spec.plan.seed,
        figures=figures,
        software=f"fake {os.getpid()}",
    )
    say(Finished(card=card, seconds=1.0))


if __name__ == "__main__":
    main()
