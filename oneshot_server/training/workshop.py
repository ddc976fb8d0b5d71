"""What LoRAs are trained with in a home: folders, the trainer's command line, its orders."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from oneshot_server.errors import BusyError, DiskFullError, ForbiddenError
from oneshot_server.library.atomic_file import is_disk_full
from oneshot_server.library.lock_file import LockedError, lock_file
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.settings import Settings
from oneshot_server.training.spec import TrainingPlan, TrainingSpec

ONE_PROCESS: Final = (
    *("--num_processes", "1", "--num_machines", "1"),
    *("--mixed_precision", "no", "--dynamo_backend", "no"),
)
PRECISIONS: Final[Mapping[str, Literal["", "no", "fp16", "bf16"]]] = {
    "auto": "",
    "fp32": "no",
    "fp16": "fp16",
    "bf16": "bf16",
}
PAUSE_FILE: Final = ".pause"
LOCK_FILE: Final = ".lock"


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What trainings are made with.

    Attributes:
        settings: what ``config.toml`` says.
        model: folder of the base model.
        loras: where the versions go.
        folder: a dataset's folder by its name; raises NotFoundError.
        seed: of the trainings.
    """

    settings: Settings
    model: Path
    loras: LoraStore
    folder: Callable[[str], Path]
    seed: int = 1

    @property
    def pause_file(self) -> Path:
        """The trainer waits while it is there."""
        return self.loras.root / PAUSE_FILE

    def specification(self, name: str) -> TrainingSpec:
        """What the trainer is told about a dataset.

        Raises:
            NotFoundError: no such dataset.
            DiskFullError: no space left for its folders.
            ForbiddenError: its folders cannot be made.
        """
        training, engine = self.settings.training, self.settings.engine
        live = self.loras.live_version(name)
        return TrainingSpec(
            name=name,
            dataset=str(self.folder(name)),
            model=str(self.model),
            work=str(self.loras.work(name)),
            out=str(self.loras.staging(name)),
            live=None if live is None else str(self.loras.adapter(name, live)),
            pause_file=str(self.pause_file),
            parent=os.getpid(),
            device=engine.device,
            threads=engine.threads,
            plan=TrainingPlan(
                rank=training.rank,
                alpha=training.alpha,
                steps=training.steps,
                learning_rate=training.learning_rate,
                batch=training.batch,
                seed=self.seed,
                max_seconds=training.max_seconds,
                micro_batch=training.micro_batch,
                mixed_precision=PRECISIONS[training.precision],
                checkpointing=training.checkpointing,
                optimiser=training.optimiser,
                text_encoder=training.text_encoder,
            ),
        )

    @contextmanager
    def only_trainer(self, name: str) -> Iterator[None]:
        """Keep other processes from training the same LoRA meanwhile.

        Raises:
            BusyError: another process trains it.
            BadArgumentsError: the name cannot be that of a LoRA.
            DiskFullError: no space left for its folders.
            ForbiddenError: its folders cannot be made.
        """
        folder = self.loras.work(name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if is_disk_full(error):
                raise DiskFullError(f"no space left for {folder}") from error
            raise ForbiddenError(f"{folder} cannot be made: {error.strerror}") from error
        try:
            with lock_file(folder / LOCK_FILE):
                yield
        except LockedError as locked:
            pid = locked.holder.pid
            raise BusyError(f'"{name}" is being trained already by process {pid}') from None

    def command(self, specification: Path) -> Sequence[str]:
        """The trainer's command line: as the producer has set up Accelerate, else one process."""
        options = shlex.split(self.settings.training.launch_options)
        if not options and not _accelerate_config().exists():
            options = [*ONE_PROCESS, *["--cpu"] * (self.settings.engine.device == "cpu")]
        launch = (sys.executable, "-m", "accelerate.commands.launch")
        return [*launch, *options, "-m", "oneshot_server.training", str(specification)]


def _accelerate_config() -> Path:
    """Where ``accelerate config`` writes; asked of nobody, as Accelerate loads torch."""
    cache = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    return Path(cache) / "accelerate" / "default_config.yaml"
