"""Stable Diffusion 1.5 of its real size, with random weights: both layouts, by OSC, byte by byte.

Writes the same weights twice, as a folder in diffusers' layout and as one file in the first layout
(4.3 GB each, below ``--work``, deleted at the end). Adds both to a home, renders a 512 by 512 sound
with each by OSC through a daemon, changing the model in between, and compares the audio. Then puts
a kohya LoRA into the UNet and compares its answer with the sum by hand. Prints the seconds of each
stage and the peak of memory.
"""

import argparse
import gc
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil
import torch

from benchmarks.live import Live, live, until_state
from oneshot_server.dsp.inversion import mel_to_waveform
from oneshot_server.pipeline.decoding import latents_to_mels
from oneshot_server.pipeline.device_plan import GIB
from oneshot_server.pipeline.lora_blend import LoraBlender
from oneshot_server.pipeline.lora_file import read_lora
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_size import model_size
from oneshot_server.pipeline.sampling import seeds_to_noise, texts_to_embeddings
from oneshot_server.pipeline.stable_diffusion.architecture import architecture
from tests.unit.pipeline.ldm_layout import make_parts, write_file, write_folder

_Result = TypeVar("_Result")

PROMPT = "punchy kick"
RANK, ALPHA = 8, 4.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--precision", default="fp32", help="of the daemon's engine")
    parser.add_argument("--only", choices=["osc", "stages"])
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="oneshot-full-size-", dir=arguments.work))
    try:
        folder, file = write_both(work)
        if arguments.only != "stages":
            by_osc(folder, file, arguments.steps, arguments.precision)
        if arguments.only != "osc":
            stages(work, folder)
    finally:
        shutil.rmtree(work)


def write_both(work: Path) -> tuple[Path, Path]:
    plan = architecture("sd1")
    parts = make_parts(plan)
    for name, part in parts.items():
        count = sum(p.numel() for p in part.parameters())
        print(f"{name}: {count / 1e6:.1f} million parameters")
    folder = write_folder(work / "folder", parts, plan)
    file = write_file(work / "file.safetensors", parts)
    return folder, file


def by_osc(folder: Path, file: Path, steps: int, precision: str) -> None:
    with live(config=f'[engine]\nprecision = "{precision}"\n') as daemon:
        until_state(daemon.client, "ready")
        home = ["--home", str(daemon.home)]
        for source, name in ((folder, "sd15-folder"), (file, "sd15-file")):
            command = [sys.executable, "-m", "oneshot_server", "model", "add", str(source)]
            subprocess.run([*command, "--name", name, *home], check=True)
        sounds = []
        for name in ("sd15-folder", "sd15-file"):
            with Peak(daemon) as peak:
                begun = time.perf_counter()
                ask(daemon, "/oneshot/model", name)
                loaded = time.perf_counter() - begun
                path = ask(daemon, "/oneshot/generate", PROMPT, "seed", 7, "steps", steps)
            print(
                f"{name} in {precision}: loaded in {loaded:.0f} s, rendered in "
                f"{time.perf_counter() - begun - loaded:.0f} s with {steps} guided steps; "
                f"engines' peak {peak.gib:.2f} GiB"
            )
            sounds.append(path)
        audio = [frames(path) for path in sounds]
        print(
            f"audio of both: {len(audio[0])} and {len(audio[1])} bytes, "
            f"{'identical' if audio[0] == audio[1] else 'DIFFERENT'}"
        )
        if audio[0] != audio[1]:
            raise SystemExit(1)


def ask(daemon: Live, address: str, *arguments: float | str) -> Path:
    """Send a request; returns the last sound's path when it is done."""
    while daemon.client.receive(0.01) is not None:
        pass
    daemon.client.send(address, str(time.monotonic_ns()), *arguments)
    path = Path()
    while True:
        event = daemon.client.receive(600)
        if event is None or event[0] in {"/oneshot/error", "/oneshot/cancelled"}:
            raise SystemExit(f"{address} ended with {event}")
        if event[0] == "/oneshot/sample":
            path = Path(str(event[1][2]))
        if event[0] == "/oneshot/done":
            return path


class Peak:
    """The most memory that the daemon's engines have had together, looked at again and again."""

    def __init__(self, daemon: Live) -> None:
        self._daemon = psutil.Process(daemon.process.pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.gib = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            total = 0
            for child in self._daemon.children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.gib = max(self.gib, total / GIB)


def frames(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        return bytes(file.readframes(file.getnframes()))


def stages(work: Path, folder: Path) -> None:
    """Each stage by itself, in this process, and the LoRA."""
    entry = work / "entry"
    entry.mkdir()
    card = {
        "name": "sd15",
        "source": str(folder),
        "profile": sd15_profile(),
    }
    (entry / "oneshot.json").write_text(json.dumps(card))
    gc.collect()
    model: Model = timed("load", lambda: load_model(entry, torch.device("cpu")))
    size = model_size(entry, model.card)
    with torch.inference_mode():
        text = timed("text to embeddings", lambda: texts_to_embeddings([PROMPT, ""], model))
        noise = seeds_to_noise([7], model)
        both = torch.cat([noise, noise])
        timed("one guided UNet call", lambda: model.unet(both, 500, text).sample)
        mels = timed("latents to mel (VAE)", lambda: latents_to_mels(noise, model))
        timed("mel to waveform", lambda: mel_to_waveform(mels, model.card.profile))
    print(f"{size.parameters / 1e6:.0f} million parameters, {size.parameters * 4 / GIB:.2f} GiB")
    lora(work, model)


def timed(stage: str, run: Callable[[], _Result]) -> _Result:
    before = psutil.Process().memory_info().rss / GIB
    with MemoryPeak() as peak:
        begun = time.perf_counter()
        result = run()
        spent = time.perf_counter() - begun
    print(f"{stage}: {spent:.1f} s, memory {before:.2f} GiB before, {peak.gib:.2f} GiB at most")
    return result


class MemoryPeak(Peak):
    """The same of this process."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.gib = 0.0

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._done.wait(0.01):
            self.gib = max(self.gib, own.memory_info().rss / GIB)


def lora(work: Path, model: Model) -> None:
    """A kohya LoRA on every attention layer against the sum by hand."""
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(5)
    tensors: dict[str, torch.Tensor] = {}
    sums: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for name, module in model.unet.named_modules():
        if not isinstance(module, torch.nn.Linear) or ".attn" not in name:
            continue
        rows, columns = module.weight.shape
        down = torch.randn(RANK, columns, generator=generator) / columns**0.5
        up = torch.randn(rows, RANK, generator=generator) / RANK**0.5
        flat = f"lora_unet_{name.replace('.', '_')}"
        tensors |= {
            f"{flat}.lora_down.weight": down,
            f"{flat}.lora_up.weight": up,
            f"{flat}.alpha": torch.tensor(ALPHA),
        }
        sums[name] = (up, down)
    path = work / "kohya.safetensors"
    save_file(tensors, path)
    latents, text = torch.randn(1, 4, 32, 32, generator=generator), torch.randn(1, 77, 768)
    blender = LoraBlender(model)
    with torch.inference_mode(False), torch.no_grad():
        base = model.unet(latents, 500, text).sample
        blender.apply([(read_lora(path), 1.0)])
        ours = model.unet(latents, 500, text).sample
        blender.apply(())
        modules = dict(model.unet.named_modules())
        for name, (up, down) in sums.items():
            weight = modules[name].weight
            weight.data = weight.data + ALPHA / RANK * (up @ down)
        by_hand = model.unet(latents, 500, text).sample
    print(
        f"kohya LoRA, rank {RANK}, alpha {ALPHA:g}, {len(sums)} layers: "
        f"UNet output differs from the sum by hand by {float((ours - by_hand).abs().max()):.1e}, "
        f"from the base by {float((ours - base).abs().max()):.1e}, "
        f"its largest value is {float(by_hand.abs().max()):.2f}"
    )
    if not torch.allclose(ours, by_hand, atol=1e-5):
        raise SystemExit(1)


def sd15_profile() -> dict[str, Any]:
    import msgspec

    from oneshot_server.settings import find_profile

    built: dict[str, Any] = msgspec.to_builtins(find_profile("sd15-oneshot", Path("nowhere")))
    return built


if __name__ == "__main__":
    main()
